package filestore

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// steps are the operations whose failure has to be survived. Tests replace them by ones that fail,
// and by ones that fail after they took effect.
type steps struct {
	write      func(f *os.File, p []byte) (int, error)
	syncFile   func(f *os.File) error
	rename     func(from *os.Root, fromName string, to *os.Root, toName string) error
	syncFolder func(d *os.Root) error
	remove     func(d *os.Root, name string) error
}

// diskSteps are the real ones.
func diskSteps() steps {
	return steps{
		write:      (*os.File).Write,
		syncFile:   (*os.File).Sync,
		rename:     renameNew,
		syncFolder: syncFolder,
		remove:     remove,
	}
}

// syncFolder makes the names in a folder durable.
func syncFolder(d *os.Root) error {
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// remove takes a name away that may be gone.
func remove(d *os.Root, name string) error {
	if err := d.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// between calls do with the descriptors of two folders.
func between(from, to *os.Root, do func(from, to int) error) error {
	f, err := from.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := to.Open(".")
	if err != nil {
		return err
	}
	defer t.Close()
	return do(int(f.Fd()), int(t.Fd()))
}

// linkNew is a rename that replaces nothing, in two steps, for file systems without one. Cut off
// between them, the file has both names.
func linkNew(from *os.Root, fromName string, to *os.Root, toName string) error {
	err := between(from, to, func(f, t int) error {
		return unix.Linkat(f, fromName, t, toName, 0)
	})
	if err != nil {
		return err
	}
	return from.Remove(fromName)
}
