package storagetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

func open(t *testing.T, d storage.Driver, folder string) {
	name := folder + "/a"
	put(t, d, name, "0123456789")
	tests := []struct {
		offset int64
		want   string
	}{{0, "0123456789"}, {7, "789"}, {10, ""}, {1 << 40, ""}}
	for _, tt := range tests {
		got, info := get(t, d, name, tt.offset)
		if got != tt.want {
			t.Errorf("from %d: %q, want %q", tt.offset, got, tt.want)
		}
		if info.Size != 10 || info.Name != name || info.Tag == "" {
			t.Errorf("info %+v, want size 10, name %s and a tag", info, name)
		}
	}
	put(t, d, folder+"/empty", "")
	wantContent(t, d, folder+"/empty", "")
}

func openMissing(t *testing.T, d storage.Driver, folder string) {
	put(t, d, folder+"/sub/a", "x")
	_, _, err := d.Open(t.Context(), folder+"/b", 0)
	wantKind(t, err, fanfold.KindNotFound)
	_, _, err = d.Open(t.Context(), folder+"/sub", 0)
	wantKind(t, err, fanfold.KindUsage)
	_, _, err = d.Open(t.Context(), "", 0)
	wantKind(t, err, fanfold.KindUsage)
	wantMissing(t, d, folder+"/sub/a/b")
	info, err := d.Stat(t.Context(), folder+"/sub")
	if err != nil || !info.Folder {
		t.Errorf("stat of a folder: %+v, %v", info, err)
	}
}

// identity: List, Stat, Open and Commit agree on a file, and another file has another identity.
func identity(t *testing.T, d storage.Driver, folder string) {
	name := folder + "/a"
	made := put(t, d, name, "one")
	_, opened := get(t, d, name, 0)
	stat, err := d.Stat(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for info, err := range d.List(t.Context(), folder) {
		if err != nil {
			t.Fatal(err)
		}
		if !info.Same(made) || !opened.Same(made) || !stat.Same(made) {
			t.Errorf("list %+v, open %+v and stat %+v, want %+v", info, opened, stat, made)
		}
	}
	other := put(t, d, folder+"/b", "two")
	if other.Same(made) {
		t.Errorf("two files of one identity: %+v and %+v", made, other)
	}
}

func cancelled(t *testing.T, d storage.Driver, folder string) {
	name := folder + "/a"
	put(t, d, name, "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, openErr := d.Open(ctx, name, 0)
	_, statErr := d.Stat(ctx, name)
	_, createErr := d.Create(ctx, folder+"/b")
	var listErr error
	for _, listErr = range d.List(ctx, name) {
	}
	promoteErr := d.Promote(ctx, name, folder+"/b")
	removeErr := d.Remove(ctx, name)
	for _, err := range []error{openErr, statErr, createErr, listErr, promoteErr, removeErr} {
		wantKind(t, err, fanfold.KindCancelled)
	}
	wantContent(t, d, name, "x")
}

// names lists a pattern, relative to folder.
func names(t *testing.T, d storage.Driver, folder, pattern string) ([]string, error) {
	t.Helper()
	var found []string
	for info, err := range d.List(t.Context(), pattern) {
		if err != nil {
			return found, err
		}
		name, ok := strings.CutPrefix(info.Name, folder+"/")
		if !ok {
			t.Errorf("listed %s, which is not named like %s", info.Name, folder)
		}
		found = append(found, name)
	}
	return found, nil
}

func fill(t *testing.T, d storage.Driver, folder string, names ...string) {
	t.Helper()
	for _, name := range names {
		put(t, d, folder+"/"+name, name)
	}
}

// listOrder: the order is that of the whole names, so "a.b" comes before "a/x".
func listOrder(t *testing.T, d storage.Driver, folder string) {
	want := []string{"B", "a.b", "a/x", "a/y/z", "a0", "b", "c d", "\xc3\xa9", "\xff"}
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	fill(t, d, folder, shuffled...)
	for _, pattern := range []string{folder, folder + "/", folder + "/*"} {
		got, err := names(t, d, folder, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "/") // "folder/" + "/x" is the same file
		}
		if !slices.Equal(got, want) {
			t.Errorf("list %s: %q, want %q", pattern, got, want)
		}
	}
}

func listPatterns(t *testing.T, d storage.Driver, folder string) {
	fill(t, d, folder, "_SUCCESS", ".hidden", "_tmp/x", "part-0", "part-1", "part-10",
		"sub/_log", "sub/part-2", "sub/.x/y", "we[i]rd*")
	tests := []struct {
		pattern string
		want    []string
	}{
		{"part-?", []string{"part-0", "part-1"}},
		{"part-[1-9]*", []string{"part-1", "part-10"}},
		{"*/part-2", []string{"sub/part-2"}},
		{"s*", []string{"sub/part-2"}},
		{"s*/", []string{"sub/part-2"}},
		{"*", []string{"part-0", "part-1", "part-10", "sub/part-2", "we[i]rd*"}},
		{"_*", []string{"_SUCCESS", "_tmp/x"}},
		{"_SUCCESS", []string{"_SUCCESS"}},
		{".hidden", []string{".hidden"}},
		{"_tmp", []string{"_tmp/x"}},
		{"*/_log", []string{"sub/_log"}},
		{"sub/.x", []string{"sub/.x/y"}},
		{"we[i]rd*", []string{"we[i]rd*"}}, // a file of that very name
		{`we\[*`, []string{"we[i]rd*"}},
	}
	for _, tt := range tests {
		got, err := names(t, d, folder, folder+"/"+tt.pattern)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("list %s: %q, %v, want %q", tt.pattern, got, err, tt.want)
		}
	}
}

func listNothing(t *testing.T, d storage.Driver, folder string) {
	fill(t, d, folder, "_SUCCESS", "sub/a")
	for _, pattern := range []string{"x", "x*", "x/y", "*/x", "s*/a/b", "_SUCCESS/x", "*x/a"} {
		got, err := names(t, d, folder, folder+"/"+pattern)
		if fanfold.KindOf(err) != fanfold.KindNotFound || len(got) > 0 {
			t.Errorf("list %s: %q, %v, want nothing and an error of kind not-found", pattern, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), pattern) {
			t.Errorf("list %s: %v, want an error that names the pattern", pattern, err)
		}
	}
	if err := d.Remove(t.Context(), folder+"/sub"); err != nil {
		t.Fatal(err)
	}
	_, err := names(t, d, folder, folder) // holds hidden names only
	wantKind(t, err, fanfold.KindNotFound)
	_, err = names(t, d, folder, "")
	if kind := fanfold.KindOf(err); kind != fanfold.KindUsage && kind != fanfold.KindNotFound {
		t.Errorf("list of an empty name: %v", err)
	}
}

// listStops: a consumer that has enough is not called again.
func listStops(t *testing.T, d storage.Driver, folder string) {
	fill(t, d, folder, "a", "b/c", "d")
	for _, pattern := range []string{folder, folder + "/*"} {
		for _, err := range d.List(t.Context(), pattern) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
}
