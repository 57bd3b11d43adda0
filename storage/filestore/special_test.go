package filestore

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
)

// list gives the names that a pattern means, and the error that ended the list.
func list(t *testing.T, s *Store, pattern string) (names []string, err error) {
	t.Helper()
	for info, e := range s.List(t.Context(), pattern) {
		if e != nil {
			err = e
			continue
		}
		names = append(names, info.Name)
	}
	return names, err
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestR47SpecialFiles(t *testing.T) {
	folder := t.TempDir()
	if err := syscall.Mkfifo(folder+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(folder) // a socket's path must be short
	socket, err := net.Listen("unix", "socket")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	tests := []struct{ name, want string }{
		{folder + "/fifo", "is a FIFO: not a regular file"},
		{folder + "/socket", "is a socket: not a regular file"},
		{"/dev/null", "is a device: not a regular file"},
		{folder + "/fif*", "is a FIFO: not a regular file"},
		{folder, "is a FIFO: not a regular file"},
	}
	for _, tt := range tests {
		_, err := list(t, New(), tt.name)
		if fanfold.KindOf(err) != fanfold.KindUsage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("list %s: %v, want a usage error with %q", tt.name, err, tt.want)
		}
	}
	for _, tt := range tests[:3] {
		_, _, err := New().Open(t.Context(), tt.name, 0)
		_, statErr := New().Stat(t.Context(), tt.name)
		for _, err := range []error{err, statErr} {
			if fanfold.KindOf(err) != fanfold.KindUsage || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("open %s: %v, want a usage error with %q", tt.name, err, tt.want)
			}
		}
	}
}

func TestR47Unreadable(t *testing.T) {
	folder := t.TempDir()
	write(t, folder+"/secret", "x")
	if err := os.Mkdir(folder+"/locked", 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, folder+"/locked/a", "x")
	for _, name := range []string{"/secret", "/locked"} {
		if err := os.Chmod(folder+name, 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(folder+"/locked", 0o700) })
	asNobody(t, func() {
		_, _, open := New().Open(t.Context(), folder+"/secret", 0)
		_, named := list(t, New(), folder+"/locked")
		_, walked := list(t, New(), folder)
		_, matched := list(t, New(), folder+"/*/a")
		for _, err := range []error{open, named, walked, matched} {
			if fanfold.KindOf(err) != fanfold.KindInput ||
				!strings.Contains(err.Error(), "permission denied") {
				t.Errorf("%v, want permission denied of kind input", err)
			}
		}
	})
}

func TestR47Links(t *testing.T) {
	folder := t.TempDir()
	for _, sub := range []string{"/data/sub", "/elsewhere"} {
		if err := os.MkdirAll(folder+sub, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, folder+"/data/a", "a")
	write(t, folder+"/elsewhere/b", "b")
	links := [][2]string{
		{"a", "data/link"}, {"..", "data/sub/loop"}, {"../elsewhere", "data/other"},
		{"data", "named"}, {"self", "self"},
	}
	for _, l := range links {
		if err := os.Symlink(l[0], folder+"/"+l[1]); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		pattern string
		want    []string
	}{
		{"/data", []string{"/data/a", "/data/link"}},
		{"/named", []string{"/named/a", "/named/link"}},
		{"/n*d", []string{"/named/a", "/named/link"}},
		{"/data/o*", []string{"/data/other/b"}},
		{"/*/*/b", []string{"/data/other/b", "/named/other/b"}},
	}
	for _, tt := range tests {
		got, err := list(t, New(), folder+tt.pattern)
		for i := range tt.want {
			tt.want[i] = folder + tt.want[i]
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("list %s: %q, %v, want %q", tt.pattern, got, err, tt.want)
		}
	}
	if _, err := list(t, New(), folder+"/self"); fanfold.KindOf(err) != fanfold.KindInput {
		t.Errorf("list of a link to itself: %v, want an input error", err)
	}
	if err := os.Symlink("nowhere", folder+"/data/dangling"); err != nil {
		t.Fatal(err)
	}
	_, err := list(t, New(), folder+"/data")
	if fanfold.KindOf(err) != fanfold.KindNotFound || !strings.Contains(err.Error(), "dangling") {
		t.Errorf("list with a dangling link: %v, want it named", err)
	}
}

func TestR47R52Outside(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	write(t, outside+"/secret", "x")
	write(t, root+"/a", "a")
	for _, l := range [][2]string{{outside + "/secret", "file"}, {outside, "folder"}, {"a", "in"}} {
		if err := os.Symlink(l[0], root+"/"+l[1]); err != nil {
			t.Fatal(err)
		}
	}
	s := New(root)
	names := []string{
		outside + "/secret", root + "/../" + "x", root + "/file", root + "/folder/secret",
		"file://" + outside + "/secret", root + "x/a",
	}
	for _, name := range names {
		_, _, open := s.Open(t.Context(), name, 0)
		_, stat := s.Stat(t.Context(), name)
		_, listed := list(t, s, name)
		for _, err := range []error{open, stat, listed} {
			if fanfold.KindOf(err) != fanfold.KindDenied {
				t.Errorf("%s: %v, want denied", name, err)
			}
		}
	}
	for _, name := range []string{outside + "/new", root + "/folder/new", root + "/folder/x/new"} {
		errs := []error{
			create(t, s, name, "x"),
			s.Promote(t.Context(), root+"/a", name),
		}
		for _, err := range errs {
			if fanfold.KindOf(err) != fanfold.KindDenied {
				t.Errorf("%s: %v, want denied", name, err)
			}
		}
	}
	for _, name := range []string{outside, root + "/folder/secret"} {
		if err := s.Remove(t.Context(), name); fanfold.KindOf(err) != fanfold.KindDenied {
			t.Errorf("remove %s: %v, want denied", name, err)
		}
	}
	if got := everyName(t, outside); !slices.Equal(got, []string{"secret"}) {
		t.Errorf("outside now holds %q", got)
	}
	if got, err := list(t, s, root+"/[ai]*"); err != nil || len(got) != 2 {
		t.Errorf("inside: %q, %v, want a and the link to it", got, err)
	}
}

func TestR47Changed(t *testing.T) {
	name := t.TempDir() + "/a"
	write(t, name, "one\n")
	r, opened, err := New().Open(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, "two\n"); err != nil {
		t.Fatal(err)
	}
	now, err := New().Stat(t.Context(), name)
	if err != nil || now.Same(opened) {
		t.Errorf("%+v, %v, want another identity than %+v", now, err, opened)
	}
}

// TestR47Large reads near the end of a file of more than 4 GB, which has a hole for the rest.
func TestR47Large(t *testing.T) {
	name := t.TempDir() + "/a"
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const offset = 5 << 30
	if _, err := f.WriteAt([]byte("end"), offset); err != nil {
		t.Fatal(err)
	}
	r, info, err := New().Open(t.Context(), name, offset-1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != "\x00end" || info.Size != offset+3 {
		t.Errorf("%q, %v, %+v", got, err, info)
	}
}

func TestBadNames(t *testing.T) {
	for _, name := range []string{"", "file://", "file://host/x", "a\x00b", "[", "a/[b"} {
		if _, err := list(t, New(), name); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("list %q: %v, want a usage error", name, err)
		}
	}
	for _, name := range []string{"", "a/", "a/..", "."} {
		if _, err := New().Create(t.Context(), name); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("create %q: %v, want a usage error", name, err)
		}
	}
	for _, name := range []string{"/", ".", "..", "file:///"} {
		if err := New().Remove(t.Context(), name); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("remove %q: %v, want a usage error", name, err)
		}
	}
}

func TestReadError(t *testing.T) {
	name := t.TempDir() + "/a"
	write(t, name, "x")
	r, _, err := New().Open(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	_, err = r.Read(make([]byte, 1))
	if fanfold.KindOf(err) != fanfold.KindInput || !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v, want an input error", err)
	}
}
