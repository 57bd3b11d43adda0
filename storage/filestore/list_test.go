package filestore_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/filestore"
	"github.com/fanfold/fanfold/storage/memstore"
	"pgregory.net/rapid"
)

// names lists a pattern below a folder, and gives the kind of the error that ended the list.
func names(d storage.Driver, folder, pattern string) ([]string, fanfold.Kind) {
	var found []string
	for info, err := range d.List(context.Background(), folder+"/"+pattern) {
		if err != nil {
			return found, fanfold.KindOf(err)
		}
		found = append(found, strings.TrimPrefix(info.Name, folder+"/"))
	}
	return found, fanfold.KindNone
}

// TestListLikeMemory compares with the other implementation, on random trees and patterns.
func TestListLikeMemory(t *testing.T) {
	element := rapid.SampledFrom([]string{"a", "ab", "b", "a.b", "_a", ".a", "A"})
	wild := rapid.SampledFrom([]string{
		"a", "ab", "_a", ".a", "*", "a*", "?", "[ab]", "_*", "*b", ".*",
	})
	path := func(rt *rapid.T, of *rapid.Generator[string]) string {
		return strings.Join(rapid.SliceOfN(of, 1, 3).Draw(rt, "elements"), "/")
	}
	rapid.Check(t, func(rt *rapid.T) {
		const memory = "mem://x"
		folder := t.TempDir()
		disk, mem := filestore.New(), &memstore.Store{}
		for range rapid.IntRange(1, 8).Draw(rt, "files") {
			name := path(rt, element)
			w, err := disk.Create(t.Context(), folder+"/"+name)
			if err != nil {
				continue // an element is a file already
			}
			if _, err := w.Commit(); err == nil {
				mem.Put(memory+"/"+name, nil)
			}
		}
		pattern := path(rt, wild)
		got, gotKind := names(disk, folder, pattern)
		want, wantKind := names(mem, memory, pattern)
		if !slices.Equal(got, want) || gotKind != wantKind {
			rt.Errorf("list %s: %q, %v, want %q, %v", pattern, got, gotKind, want, wantKind)
		}
		if !slices.IsSorted(got) {
			rt.Errorf("list %s: %q is not in order", pattern, got)
		}
	})
}
