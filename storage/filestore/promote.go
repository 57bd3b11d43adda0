package filestore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fanfold/fanfold"
)

// Promote is storage.Driver.Promote.
func (s *Store) Promote(ctx context.Context, from, to string) error {
	const op = "promote output"
	if err := errors.Join(begin(ctx, op, from), begin(ctx, op, to)); err != nil {
		return err
	}
	toFolder, toBase := split(to)
	if err := s.makeFolder(toFolder); err != nil {
		return outputError(op, to, err)
	}
	dst, err := s.openFolder(toFolder)
	if err != nil {
		return outputError(op, to, err)
	}
	defer dst.Close()
	fromFolder, fromBase := split(from)
	src, err := s.openFolder(fromFolder)
	if err == nil {
		defer src.Close()
		err = s.move(src, fromBase, dst, toBase)
	}
	if errors.Is(err, fs.ErrNotExist) {
		// An earlier call came this far, or there was never anything to promote.
		if _, missing := dst.Lstat(toBase); missing != nil {
			return outputError(op, from, err)
		}
		err = nil
	}
	if err == nil {
		err = s.steps.syncFolder(dst)
	}
	if err != nil {
		return outputError(op, to, err)
	}
	return nil
}

// move renames a file; when it has both names already, an earlier move was cut off and is finished.
func (s *Store) move(src *os.Root, from string, dst *os.Root, to string) error {
	err := s.steps.rename(src, from, dst, to)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	a, errA := src.Lstat(from)
	b, errB := dst.Lstat(to)
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		return err
	}
	return s.steps.remove(src, from)
}

// Remove is storage.Driver.Remove. It refuses a folder that the working directory is in.
func (s *Store) Remove(ctx context.Context, name string) error {
	const op = "remove output"
	if err := begin(ctx, op, name); err != nil {
		return err
	}
	if holdsWorkingDirectory(strings.TrimPrefix(name, urlPrefix)) {
		return fanfold.Errorf(fanfold.KindUsage, op, "%s holds the working directory", name)
	}
	err := s.in(name, func(t tree, path string) error { return t.RemoveAll(path) })
	if err != nil {
		return outputError(op, name, err)
	}
	return nil
}

// holdsWorkingDirectory also says so when it cannot tell.
func holdsWorkingDirectory(path string) bool {
	wd, err := os.Getwd()
	if err != nil {
		return true
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return true
	}
	rel, err := filepath.Rel(abs, wd)
	return err != nil || filepath.IsLocal(rel)
}
