// Package filestore is the storage driver for files of this host: plain paths and file:// names.
//
// Every coordinator and every task process has one. The one idea needed to read it: what is written
// goes through the folder that was opened for it, so that the durable steps (fsync the file, rename
// without replacing, fsync the folder) act on exactly the folder that was checked.
package filestore

import (
	"context"
	"io"
	"os"
	"syscall"

	"github.com/fanfold/fanfold/storage"
)

// Store is a storage.Driver. Its names are paths, relative ones to the working directory, or
// "file://" and an absolute path, taken as it is: nothing in it is percent-decoded. It keeps
// nothing open between calls.
type Store struct {
	roots []string // none: every file
	steps steps
}

var _ storage.Driver = (*Store)(nil)

// New makes a Store for the files below the given folders. None, or one that is "/", means all
// files. Otherwise a name outside the roots is refused with KindDenied, also when a symbolic link
// leads there, and links below a root must be relative to be followed.
func New(roots ...string) *Store {
	for _, root := range roots {
		if root == "/" {
			roots = nil
			break
		}
	}
	return &Store{roots: roots, steps: diskSteps()}
}

// Open is storage.Driver.Open. The ctx is looked at once: an open file has no way to stop a read.
func (s *Store) Open(
	ctx context.Context, name string, offset int64,
) (io.ReadCloser, storage.Info, error) {
	const op = "open input"
	if err := begin(ctx, op, name); err != nil {
		return nil, storage.Info{}, err
	}
	fi, err := s.stat(name)
	if err == nil && !fi.Mode().IsRegular() {
		return nil, storage.Info{}, irregular(op, name, fi.Mode())
	}
	if err != nil {
		return nil, storage.Info{}, inputError(op, name, err)
	}
	// O_NONBLOCK keeps a FIFO that took the file's place since from holding us.
	f, err := s.openFile(name, os.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		return nil, storage.Info{}, inputError(op, name, err)
	}
	if _, err = f.Seek(offset, io.SeekStart); err == nil {
		fi, err = f.Stat()
	}
	if err != nil {
		f.Close()
		return nil, storage.Info{}, inputError(op, name, err)
	}
	return &reader{f: f, name: name}, info(name, fi), nil
}

// reader gives the errors of a file being read their kind.
type reader struct {
	f    *os.File
	name string
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	if err != nil && err != io.EOF {
		err = inputError("read input", r.name, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.f.Close() }

// Stat is storage.Driver.Stat.
func (s *Store) Stat(ctx context.Context, name string) (storage.Info, error) {
	const op = "stat"
	if err := begin(ctx, op, name); err != nil {
		return storage.Info{}, err
	}
	fi, err := s.stat(name)
	switch {
	case err != nil:
		return storage.Info{}, inputError(op, name, err)
	case fi.IsDir():
		return storage.Info{Name: name, Folder: true}, nil
	case !fi.Mode().IsRegular():
		return storage.Info{}, irregular(op, name, fi.Mode())
	}
	return info(name, fi), nil
}
