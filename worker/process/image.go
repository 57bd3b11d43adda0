package process

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/fanfold/fanfold"
)

// Image is a binary to run: an open file, so that one replaced on disk never mixes versions. The
// zero Image is the binary of this process.
type Image struct {
	File   *os.File // nil: this process's own binary
	SHA256 [sha256.Size]byte
}

// OpenImage opens the binary at path for execution and checks that its content has the hash, and
// that it is for this processor; the errors are of the kinds not-found, changed, unsupported and
// input. The caller closes the Image after the last Start with it.
func OpenImage(path string, sum [sha256.Size]byte) (Image, error) {
	const op = "open program"
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // no wait at a FIFO
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Image{}, fanfold.Errorf(fanfold.KindNotFound, op,
			"%w: each worker needs the program at the same path", err)
	case err != nil:
		return Image{}, fanfold.Errorf(fanfold.KindInput, op, "%w", err)
	}
	got, err := hash(f)
	switch {
	case err != nil:
		err = fanfold.Errorf(fanfold.KindInput, op, "%w", err)
	case got != sum:
		e := fanfold.Errorf(fanfold.KindChanged, op, "%s is not the file that was submitted", path)
		e.Hint = "submit again with the binary that is there now"
		err = e
	default:
		if err = runsHere(f); err == nil {
			return Image{f, sum}, nil
		}
	}
	return Image{}, errors.Join(err, f.Close())
}

// Close closes the file. The processes that run it go on.
func (i Image) Close() error {
	if i.File == nil {
		return nil
	}
	return i.File.Close()
}

// SelfHash is the SHA-256 of the binary that this process runs, whatever stands at its path by now.
// The first call reads the whole file. It is safe for concurrent use.
func SelfHash() ([sha256.Size]byte, error) { return selfHash() }

// selfHash keeps its result: the binary of a running process does not change.
var selfHash = sync.OnceValues(func() ([sha256.Size]byte, error) {
	path, err := SelfPath()
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("open own binary: %w", err)
	}
	sum, err := hash(f)
	return sum, errors.Join(err, f.Close())
})

// hash reads f, which must be a regular file, from its start to its end.
func hash(f *os.File) (sum [sha256.Size]byte, err error) {
	info, err := f.Stat()
	if err != nil {
		return sum, err
	}
	if !info.Mode().IsRegular() {
		return sum, fmt.Errorf("%s is no regular file", f.Name())
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
