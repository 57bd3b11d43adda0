package filestore

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

// tempPrefix starts the names of files being written: hidden, so that no list shows them.
const tempPrefix = ".fanfold-"

// errEnded is returned for use of a writer after Commit or Discard.
var errEnded = errors.New("the writer has ended")

// Create is storage.Driver.Create. Writes are not buffered. Until Commit the file has a hidden
// temporary name in the folder of its own.
func (s *Store) Create(ctx context.Context, name string) (storage.Writer, error) {
	const op = "create output"
	if err := begin(ctx, op, name); err != nil {
		return nil, err
	}
	folder, base := split(name)
	if base == "" || base == "." || base == ".." {
		return nil, fanfold.Errorf(fanfold.KindUsage, op, "%s names a folder", name)
	}
	if err := s.makeFolder(folder); err != nil {
		return nil, outputError(op, name, err)
	}
	d, err := s.openFolder(folder)
	if err != nil {
		return nil, outputError(op, name, err)
	}
	temp := tempPrefix + rand.Text()
	f, err := d.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		d.Close()
		return nil, outputError(op, name, err)
	}
	return &writer{steps: s.steps, f: f, folder: d, name: name, temp: temp, base: base}, nil
}

// writer is a file being written. After it has ended, f is nil.
type writer struct {
	steps      steps
	f          *os.File
	folder     *os.Root
	name       string // as the caller wrote it
	temp, base string // in folder: before and after Commit
}

func (w *writer) Write(p []byte) (int, error) {
	if w.f == nil {
		return 0, outputError("write output", w.name, errEnded)
	}
	n, err := w.steps.write(w.f, p)
	if err != nil {
		err = outputError("write output", w.name, err)
	}
	return n, err
}

func (w *writer) Commit() (storage.Info, error) {
	const op = "commit output"
	if w.f == nil {
		return storage.Info{}, outputError(op, w.name, errEnded)
	}
	fi, err := w.seal()
	if err == nil {
		err = w.steps.rename(w.folder, w.temp, w.folder, w.base)
	}
	if err == nil {
		err = w.steps.syncFolder(w.folder)
	}
	if dropped := w.Discard(); err == nil {
		err = dropped
	}
	if err != nil {
		return storage.Info{}, outputError(op, w.name, err)
	}
	return info(w.name, fi), nil
}

// seal makes the bytes durable.
func (w *writer) seal() (fs.FileInfo, error) {
	if err := w.steps.syncFile(w.f); err != nil {
		return nil, err
	}
	return w.f.Stat()
}

// Discard closes what is open. The temporary name is gone already when Commit got that far.
func (w *writer) Discard() error {
	if w.f == nil {
		return nil
	}
	err := errors.Join(w.f.Close(), w.steps.remove(w.folder, w.temp), w.folder.Close())
	w.f = nil
	if err != nil {
		return outputError("discard output", w.name, err)
	}
	return nil
}
