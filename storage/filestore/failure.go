package filestore

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/fanfold/fanfold"
)

// inputError is the error of the reading side for a cause.
func inputError(op, name string, err error) *fanfold.Error {
	kind := fanfold.KindInput
	switch {
	case errors.Is(err, errOutside):
		kind = fanfold.KindDenied
	case missing(err):
		kind = fanfold.KindNotFound
	}
	e := fanfold.Errorf(kind, op, "%s: %w", name, bare(err))
	e.Input = name
	return e
}

// missing reports that a name names nothing.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) ||
		errors.Is(err, syscall.ENAMETOOLONG)
}

// outputError is the error of the writing side for a cause.
func outputError(op, name string, err error) *fanfold.Error {
	kind := fanfold.KindOutput
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.EEXIST:
		kind = fanfold.KindExists
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EFBIG:
		kind = fanfold.KindDisk
	}
	if errors.Is(err, errOutside) {
		kind = fanfold.KindDenied
	}
	return fanfold.Errorf(kind, op, "%s: %w", name, bare(err))
}

// bare takes the path off an error of package os: the name that the user wrote says it better.
func bare(err error) error {
	var onPath *fs.PathError
	var onLink *os.LinkError
	switch {
	case errors.As(err, &onPath):
		return onPath.Err
	case errors.As(err, &onLink):
		return onLink.Err
	}
	return err
}

// irregular is the error for a name that is there and is no file to read.
func irregular(op, name string, mode fs.FileMode) *fanfold.Error {
	what := "special file"
	switch {
	case mode.IsDir():
		what = "folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "FIFO"
	case mode&fs.ModeSocket != 0:
		what = "socket"
	case mode&fs.ModeDevice != 0:
		what = "device"
	}
	e := fanfold.Errorf(fanfold.KindUsage, op, "%s is a %s: not a regular file", name, what)
	e.Input = name
	if !mode.IsDir() {
		e.Hint = "to read it once, give - as the input and send its bytes on standard input"
	}
	return e
}
