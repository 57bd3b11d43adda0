package storagetest

import (
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

func commitReplacesNothing(t *testing.T, d storage.Driver, folder string) {
	name := folder + "/a"
	put(t, d, name, "old")
	w, err := d.Create(t.Context(), name)
	if err == nil {
		_, err = w.Commit()
	}
	wantKind(t, err, fanfold.KindExists)
	wantContent(t, d, name, "old")
	if got, err := names(t, d, folder, folder); len(got) != 1 {
		t.Errorf("%q, %v, want the old file alone", got, err)
	}
}

// commitIsAtomic: what is being written is under no name that a list shows.
func commitIsAtomic(t *testing.T, d storage.Driver, folder string) {
	name := folder + "/deep/er/a"
	w, err := d.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	for _, part := range []string{"one ", "two"} {
		if n, err := io.WriteString(w, part); n != len(part) || err != nil {
			t.Fatalf("wrote %d: %v", n, err)
		}
		wantMissing(t, d, name)
		if got, err := names(t, d, folder, folder); fanfold.KindOf(err) != fanfold.KindNotFound {
			t.Errorf("before Commit: %q, %v, want nothing", got, err)
		}
	}
	info, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if info.Name != name || info.Size != 7 {
		t.Errorf("committed %+v, want %s of 7 bytes", info, name)
	}
	wantContent(t, d, name, "one two")

	if err := w.Discard(); err != nil {
		t.Errorf("Discard after Commit: %v", err)
	}
	wantContent(t, d, name, "one two")
	_, err = w.Commit()
	wantKind(t, err, fanfold.KindOutput)
	_, err = w.Write([]byte("x"))
	wantKind(t, err, fanfold.KindOutput)
}

func discard(t *testing.T, d storage.Driver, folder string) {
	name := folder + "/a"
	w, err := d.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "x"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Discard(); err != nil {
			t.Error(err)
		}
	}
	_, err = w.Commit()
	wantKind(t, err, fanfold.KindOutput)
	wantMissing(t, d, name)
	_, err = d.Create(t.Context(), folder+"/b/")
	wantKind(t, err, fanfold.KindUsage)
}

// commitRace: of many writers of one name, one commits.
func commitRace(t *testing.T, d storage.Driver, folder string) {
	const writers = 8
	name := folder + "/a"
	var won atomic.Int32
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			w, err := d.Create(t.Context(), name)
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Discard()
			switch _, err := w.Commit(); fanfold.KindOf(err) {
			case fanfold.KindNone:
				won.Add(1)
			case fanfold.KindExists:
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of %d writers committed, want 1", won.Load(), writers)
	}
}

func promoteReplacesNothing(t *testing.T, d storage.Driver, folder string) {
	from, to := folder+"/.private/a", folder+"/part-0"
	put(t, d, from, "new")
	put(t, d, to, "old")
	wantKind(t, d.Promote(t.Context(), from, to), fanfold.KindExists)
	wantContent(t, d, from, "new")
	wantContent(t, d, to, "old")
}

func promoteReplays(t *testing.T, d storage.Driver, folder string) {
	from, to := folder+"/.private/a", folder+"/out/part-0"
	wantKind(t, d.Promote(t.Context(), from, to), fanfold.KindOutput)
	made := put(t, d, from, "new")
	for range 2 {
		if err := d.Promote(t.Context(), from, to); err != nil {
			t.Fatal(err)
		}
		wantMissing(t, d, from)
		content, info := get(t, d, to, 0)
		if content != "new" || !info.Same(made) || info.Name != to {
			t.Errorf("promoted %q, %+v, want %+v", content, info, made)
		}
	}
	if err := d.Remove(t.Context(), folder+"/.private"); err != nil {
		t.Fatal(err)
	}
	if err := d.Promote(t.Context(), from, to); err != nil {
		t.Errorf("with the private folder gone: %v", err)
	}
}

func remove(t *testing.T, d storage.Driver, folder string) {
	fill(t, d, folder, "a", "ab", "sub/x", "sub/y/z", "sub2/x")
	for _, name := range []string{"a", "a", "sub", "none"} {
		if err := d.Remove(t.Context(), folder+"/"+name); err != nil {
			t.Error(err)
		}
	}
	got, err := names(t, d, folder, folder)
	if err != nil || len(got) != 2 || got[0] != "ab" || got[1] != "sub2/x" {
		t.Errorf("left %q, %v, want ab and sub2/x", got, err)
	}
}
