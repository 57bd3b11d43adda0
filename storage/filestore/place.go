package filestore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

// urlPrefix is what a name may have in front of an absolute path.
const urlPrefix = storage.FileScheme + "://"

// errOutside is the cause of KindDenied.
var errOutside = errors.New("outside the folders that may be used here")

// tree is a part of the file system: all of it, or what is below an *os.Root.
type tree interface {
	Stat(path string) (fs.FileInfo, error)
	OpenFile(path string, flag int, perm fs.FileMode) (*os.File, error)
	OpenRoot(path string) (*os.Root, error)
	Mkdir(path string, perm fs.FileMode) error
	RemoveAll(path string) error
}

var _ tree = (*os.Root)(nil)

// everything is the tree without a root.
type everything struct{}

func (everything) Stat(path string) (fs.FileInfo, error)     { return os.Stat(path) }
func (everything) OpenRoot(path string) (*os.Root, error)    { return os.OpenRoot(path) }
func (everything) Mkdir(path string, perm fs.FileMode) error { return os.Mkdir(path, perm) }
func (everything) RemoveAll(path string) error               { return os.RemoveAll(path) }
func (everything) OpenFile(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag, perm)
}

// in calls do with the tree that a name is in and the name's path there.
func (s *Store) in(name string, do func(t tree, path string) error) error {
	path := strings.TrimPrefix(name, urlPrefix)
	if s.roots == nil {
		return do(everything{}, path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	root, rel, err := s.rootOf(abs)
	if err != nil {
		return err
	}
	t, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer t.Close()
	err = do(t, rel)
	var errno syscall.Errno
	if err != nil && !errors.As(err, &errno) {
		return errOutside // os.Root refuses to follow a link out with an error of its own
	}
	return err
}

// rootOf finds the innermost root that an absolute path is below, and the path from there.
func (s *Store) rootOf(abs string) (root, rel string, err error) {
	err = errOutside
	for _, r := range s.roots {
		r, e := filepath.Abs(r)
		if e != nil {
			return "", "", e
		}
		if p, e := filepath.Rel(r, abs); e == nil && filepath.IsLocal(p) && len(r) > len(root) {
			root, rel, err = r, p, nil
		}
	}
	return root, rel, err
}

func (s *Store) stat(name string) (fi fs.FileInfo, err error) {
	err = s.in(name, func(t tree, path string) error {
		fi, err = t.Stat(path)
		return err
	})
	return fi, err
}

func (s *Store) openFile(name string, flag int) (f *os.File, err error) {
	err = s.in(name, func(t tree, path string) error {
		f, err = t.OpenFile(path, flag, 0)
		return err
	})
	return f, err
}

// openFolder opens a folder for work on the names in it.
func (s *Store) openFolder(name string) (d *os.Root, err error) {
	err = s.in(name, func(t tree, path string) error {
		d, err = t.OpenRoot(path)
		return err
	})
	return d, err
}

// makeFolder makes a folder and those above it where they are missing, durably.
func (s *Store) makeFolder(name string) error {
	_, err := s.stat(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above, _ := split(strings.TrimRight(name, "/"))
	if above == name {
		return err
	}
	if err := s.makeFolder(above); err != nil {
		return err
	}
	err = s.in(name, func(t tree, path string) error { return t.Mkdir(path, 0o777) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := s.openFolder(above)
	if err != nil {
		return err
	}
	defer d.Close()
	return s.steps.syncFolder(d)
}

// split cuts a name into its folder, which is never empty, and its last element.
func split(name string) (folder, base string) {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i+1], name[i+1:]
	}
	return ".", name
}

// begin refuses what no call can work with: an ended ctx, and a name that names nothing.
func begin(ctx context.Context, op, name string) error {
	if err := context.Cause(ctx); err != nil {
		return fanfold.Errorf(fanfold.KindCancelled, op, "%s: %w", name, err)
	}
	path, url := strings.CutPrefix(name, urlPrefix)
	switch {
	case path == "":
		return fanfold.Errorf(fanfold.KindUsage, op, "the name of a file is empty")
	case strings.IndexByte(path, 0) >= 0:
		return fanfold.Errorf(fanfold.KindUsage, op, "%q holds a NUL byte", name)
	case url && path[0] != '/':
		return fanfold.Errorf(fanfold.KindUsage, op, "%s: want file:// and an absolute path", name)
	}
	return nil
}

// info is what fi says of the file of that name.
func info(name string, fi fs.FileInfo) storage.Info {
	i := storage.Info{Name: name, Size: fi.Size(), ModTime: fi.ModTime().UnixNano()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		tag := strconv.AppendUint(nil, uint64(st.Dev), 10)
		i.Tag = string(strconv.AppendUint(append(tag, ':'), st.Ino, 10))
	}
	return i
}
