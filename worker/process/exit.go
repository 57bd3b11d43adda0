package process

import (
	"syscall"

	"github.com/fanfold/fanfold/internal/proctree"
)

// Exit is how a task process ended.
type Exit struct {
	Code   int    // exit status; -1 when a signal ended it
	Signal int    // 0 when it exited
	Words  string // "exited with status 3", "segmentation fault (signal 11, core dumped)"
}

// Retired reports whether a task process has ended in order: it was told to, or had run its number
// of attempts.
func (e Exit) Retired() bool { return e.Code == 0 && e.Signal == 0 }

// exitOf puts a wait status into words.
func exitOf(s syscall.WaitStatus) Exit {
	e := Exit{Code: s.ExitStatus(), Words: proctree.Words(s)}
	if s.Signaled() {
		e.Signal = int(s.Signal())
	}
	return e
}

// abandoned is the Exit of a task process that the kernel killed because its shim had died.
var abandoned = Exit{
	Code:   -1,
	Signal: int(syscall.SIGKILL),
	Words:  "killed (signal 9) with the process that watched over it",
}
