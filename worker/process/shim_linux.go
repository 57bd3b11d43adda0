package process

import (
	"fmt"
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold/internal/proctree"
)

// SelfPath names the binary that this process runs, whatever stands at its path by now.
func SelfPath() (string, error) { return "/proc/self/exe", nil }

// imagePath names the open file on fdImage.
const imagePath = "/proc/self/fd/7"

// keepFiles keeps every descriptor but the first three from the task process, those too that the
// agent was given by whoever started it.
func keepFiles() {
	// An old kernel refuses. Then those of the agent's parent are passed on; ours are not.
	_ = unix.CloseRange(fdRead, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	for fd := fdRead; fd <= fdImage; fd++ {
		syscall.CloseOnExec(fd)
	}
}

// blockSignals keeps signals from this thread until restore is called.
func blockSignals(signals []os.Signal) (restore func()) {
	var set, before unix.Sigset_t
	for _, sig := range signals {
		set.Val[0] |= 1 << (sig.(syscall.Signal) - 1)
	}
	// Both fail for a wrong argument only.
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, &set, &before)
	return func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) }
}

// harden prepares the shim: it becomes the reaper of orphans, and what follows holds for all that
// it starts. Files are private, a crash dumps no core (it may hold a user's records), and no
// program gets more rights than its caller has. The last holds for this thread, which forks.
func harden() error {
	syscall.Umask(0o077)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become reaper: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limit core dumps: %w", err)
	}
	return nil
}

// taskAttr makes the task process die with the shim.
func taskAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// signalTree sends a signal to every descendant of this shim, the task process and orphans alike.
// Those that start while it looks are missed: the caller repeats.
func signalTree(_ int, sig syscall.Signal) {
	if isFirst() {
		_ = syscall.Kill(-1, sig) // all of the namespace but the shim; there may be none
		return
	}
	for _, pid := range proctree.Descendants(os.Getpid()) {
		_ = syscall.Kill(pid, sig) // gone by now, or not ours to signal
	}
}
