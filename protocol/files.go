package protocol

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Files makes a Conn of two open files, pipes as a rule: r to read from, w to write to. Both belong
// to it from here on. They may be inherited ones in blocking mode; it sees to it that Close ends a
// Read.
func Files(r, w *os.File) *Conn {
	if r == w {
		r = pollable(r)
		return newConn(&files{r, r})
	}
	return newConn(&files{pollable(r), pollable(w)})
}

// FilesOfTask is Files for a process that does little but read and answer: r is as it comes, and in
// blocking mode spares each Read the way through the runtime's poller, which is half of the time of
// a short answer. Close does not end a Read of such a file: the end of the peer does, or of the
// process.
func FilesOfTask(r, w *os.File) *Conn { return newConn(&files{r, pollable(w)}) }

// files is two files as one transport.
type files struct{ r, w *os.File }

func (f *files) Read(b []byte) (int, error)  { return f.r.Read(b) }
func (f *files) Write(b []byte) (int, error) { return f.w.Write(b) }

func (f *files) Close() error {
	err := f.w.Close()
	if f.r == f.w {
		return err
	}
	return errors.Join(err, f.r.Close())
}

// pollable gives f as a file that Close interrupts. One that the runtime cannot poll stays as it
// is.
func pollable(f *os.File) *os.File {
	if !errors.Is(f.SetDeadline(time.Time{}), os.ErrNoDeadline) {
		return f
	}
	syscall.ForkLock.RLock()
	fd, err := syscall.Dup(int(f.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return f
	}
	if syscall.SetNonblock(fd, true) != nil {
		syscall.Close(fd)
		return f
	}
	f.Close()
	return os.NewFile(uintptr(fd), fmt.Sprintf("fd %d", fd))
}
