package filestore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

// fault makes one durable step fail, before or after it took effect.
type fault struct {
	step      string
	err       error
	persisted bool
	hits      int
}

// hit fails the step that f is about.
func (f *fault) hit(step string, do func() error) error {
	if step != f.step {
		return do()
	}
	f.hits++
	if f.persisted {
		if err := do(); err != nil {
			return err
		}
	}
	return f.err
}

func (f *fault) store() *Store {
	s, real := New(), diskSteps()
	s.steps = steps{
		write: func(file *os.File, p []byte) (n int, err error) {
			err = f.hit("write", func() error { n, err = real.write(file, p); return err })
			return n, err
		},
		syncFile: func(file *os.File) error {
			return f.hit("syncFile", func() error { return real.syncFile(file) })
		},
		rename: func(from *os.Root, fromName string, to *os.Root, toName string) error {
			return f.hit("rename", func() error { return real.rename(from, fromName, to, toName) })
		},
		syncFolder: func(d *os.Root) error {
			return f.hit("syncFolder", func() error { return real.syncFolder(d) })
		},
		remove: func(d *os.Root, name string) error {
			return f.hit("remove", func() error { return real.remove(d, name) })
		},
	}
	return s
}

// everyName is the names in a folder, hidden ones too.
func everyName(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func create(t *testing.T, s storage.Driver, name, content string) error {
	t.Helper()
	w, err := s.Create(t.Context(), name)
	if err != nil {
		return err
	}
	defer w.Discard()
	if _, err = io.WriteString(w, content); err != nil {
		return err
	}
	_, err = w.Commit()
	return err
}

func TestR45CommitFaults(t *testing.T) {
	tests := []struct {
		step      string
		err       error
		persisted bool
		kind      fanfold.Kind
		visible   bool
	}{
		{"write", syscall.ENOSPC, false, fanfold.KindDisk, false},
		{"write", syscall.EDQUOT, true, fanfold.KindDisk, false},
		{"write", syscall.EFBIG, false, fanfold.KindDisk, false},
		{"syncFile", syscall.EIO, false, fanfold.KindDisk, false},
		{"syncFile", syscall.EIO, true, fanfold.KindDisk, false},
		{"rename", syscall.EROFS, false, fanfold.KindDisk, false},
		{"rename", syscall.EIO, true, fanfold.KindDisk, true},
		{"rename", syscall.EACCES, false, fanfold.KindOutput, false},
		{"syncFolder", syscall.EIO, false, fanfold.KindDisk, true},
		{"syncFolder", syscall.EIO, true, fanfold.KindDisk, true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s/%v/%v", tt.step, tt.err, tt.persisted), func(t *testing.T) {
			f := &fault{step: tt.step, err: tt.err, persisted: tt.persisted}
			folder := t.TempDir()
			err := create(t, f.store(), folder+"/a", "content")
			if f.hits == 0 {
				t.Fatal("the fault did not happen")
			}
			if got := fanfold.KindOf(err); got != tt.kind || !errors.Is(err, tt.err) {
				t.Errorf("%v of kind %v, want %v of kind %v", err, got, tt.err, tt.kind)
			}
			want := []string(nil)
			if tt.visible {
				want = []string{"a"}
			}
			if got := everyName(t, folder); !slices.Equal(got, want) {
				t.Errorf("left %q, want %q", got, want)
			}
			if content, _ := os.ReadFile(folder + "/a"); tt.visible && string(content) != "content" {
				t.Errorf("left %q, want all of it or nothing", content)
			}
		})
	}
}

// TestR45PromoteFaults repeats a Promote whose step failed, as a restarted coordinator does.
func TestR45PromoteFaults(t *testing.T) {
	for _, step := range []string{"rename", "syncFolder"} {
		for _, persisted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", step, persisted), func(t *testing.T) {
				folder := t.TempDir()
				from, to := folder+"/.private/a", folder+"/part-0"
				if err := create(t, New(), from, "content"); err != nil {
					t.Fatal(err)
				}
				f := &fault{step: step, err: syscall.EIO, persisted: persisted}
				err := f.store().Promote(t.Context(), from, to)
				if f.hits == 0 || fanfold.KindOf(err) != fanfold.KindDisk {
					t.Fatalf("%d faults, error %v, want a disk error", f.hits, err)
				}
				f.step, f.hits = "syncFolder", 0
				err = f.store().Promote(t.Context(), from, to)
				if f.hits == 0 || err == nil {
					t.Errorf("%d faults, error %v: the repetition did not sync", f.hits, err)
				}
				if err := New().Promote(t.Context(), from, to); err != nil {
					t.Fatal(err)
				}
				content, err := os.ReadFile(to)
				if err != nil || string(content) != "content" {
					t.Errorf("promoted %q, %v", content, err)
				}
				if names := everyName(t, folder+"/.private"); len(names) > 0 {
					t.Errorf("left %q", names)
				}
			})
		}
	}
}

// TestPromoteBetweenLinkAndUnlink is the crash in the middle of a rename made of two steps.
func TestPromoteBetweenLinkAndUnlink(t *testing.T) {
	folder := t.TempDir()
	from, to := folder+"/a", folder+"/b"
	if err := create(t, New(), from, "x"); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(from, to); err != nil {
		t.Fatal(err)
	}
	if err := New().Promote(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	if got := everyName(t, folder); !slices.Equal(got, []string{"b"}) {
		t.Errorf("left %q, want b", got)
	}
}

// TestLinkNew runs the stand-in for a rename that replaces nothing.
func TestLinkNew(t *testing.T) {
	s, folder := New(), t.TempDir()
	s.steps.rename = linkNew
	if err := create(t, s, folder+"/.p/a", "x"); err != nil {
		t.Fatal(err)
	}
	if err := create(t, s, folder+"/b", "y"); err != nil {
		t.Fatal(err)
	}
	err := s.Promote(t.Context(), folder+"/.p/a", folder+"/b")
	if fanfold.KindOf(err) != fanfold.KindExists {
		t.Errorf("over a file: %v", err)
	}
	if err := s.Promote(t.Context(), folder+"/.p/a", folder+"/c"); err != nil {
		t.Error(err)
	}
	if got := everyName(t, folder); !slices.Equal(got, []string{".p", "b", "c"}) {
		t.Errorf("left %q", got)
	}
}

// TestFolderFaults: a folder made on the way to a file is durable before the file is begun.
func TestFolderFaults(t *testing.T) {
	f := &fault{step: "syncFolder", err: syscall.EIO}
	_, err := f.store().Create(t.Context(), t.TempDir()+"/x/y/a")
	if f.hits != 1 || fanfold.KindOf(err) != fanfold.KindDisk {
		t.Errorf("%d faults, %v, want one and a disk error", f.hits, err)
	}
}

func TestR48NotWritable(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(folder+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := create(t, New(), folder+"/file/a", "x")
	if fanfold.KindOf(err) != fanfold.KindOutput {
		t.Errorf("below a file: %v", err)
	}
	err = create(t, New(), folder+"/"+strings.Repeat("x", 300), "x")
	if fanfold.KindOf(err) != fanfold.KindOutput {
		t.Errorf("with too long a name: %v", err)
	}
	if got := everyName(t, folder); !slices.Equal(got, []string{"file"}) {
		t.Errorf("left %q", got)
	}
	sub := filepath.Join(folder, "locked")
	if err := os.Mkdir(sub, 0o555); err != nil {
		t.Fatal(err)
	}
	asNobody(t, func() {
		err := create(t, New(), sub+"/a", "x")
		if fanfold.KindOf(err) != fanfold.KindOutput || !errors.Is(err, os.ErrPermission) {
			t.Errorf("in a folder that is not ours: %v", err)
		}
	})
}
