package proctree

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The limits of KillMarked and KillOrphans.
const (
	looksMax  = 100             // for processes that others started before they were killed
	deathWait = 2 * time.Second // for what was killed, after each look
)

// KillMarked kills, without grace, the processes whose environment has a variable that begins with
// mark, but not this one. It looks again until there are none, and returns when those it found are
// dead. A mark that ends with NUL is a whole variable.
func KillMarked(mark string) error {
	marked := func(pid int) bool { return pid != os.Getpid() && Marked(pid, []byte(mark)) }
	for range looksMax {
		found, err := killEach(pids(), marked)
		if err != nil || found == 0 {
			return err
		}
	}
	return errors.New("kill what was left behind: new processes kept coming")
}

// killEach kills those of the processes that match, and returns how many when they are dead.
func killEach(pids []int, match func(pid int) bool) (found int, err error) {
	var dying []unix.PollFd
	for _, pid := range pids {
		if !match(pid) {
			continue
		}
		// The descriptor names the process for good. What it names may not be what was looked at,
		// when the id was used again: so look again.
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has gone
		}
		if match(pid) && unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil {
			dying = append(dying, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			continue
		}
		_ = unix.Close(fd)
	}
	deadline := time.Now().Add(deathWait)
	for i := range dying {
		err = errors.Join(err, awaitDeath(dying[i:i+1], deadline))
		_ = unix.Close(int(dying[i].Fd))
	}
	return len(dying), err
}

// awaitDeath waits for the process of the one pidfd in p.
func awaitDeath(p []unix.PollFd, deadline time.Time) error {
	for {
		left := max(time.Until(deadline).Milliseconds(), 0)
		n, err := unix.Poll(p, int(left))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("wait for a killed process: %w", err)
		case n == 0:
			return errors.New("a killed process does not end")
		}
		return nil
	}
}

// Marked reports whether a variable in the environment of a process begins with mark; false for
// the processes of other users, and for dead ones.
func Marked(pid int, mark []byte) bool {
	env := environ(pid)
	return bytes.HasPrefix(env, mark) || bytes.Contains(env, append([]byte{0}, mark...))
}

// environ is the environment of a process, empty where it cannot be read. A process that is just
// executing another program seems to have none for a moment, so it is looked at again.
func environ(pid int) []byte {
	for range execLooksMax {
		env, err := os.ReadFile(path(pid, "environ"))
		if err != nil || len(env) > 0 {
			return env
		}
		if _, err := os.Readlink(path(pid, "exe")); err != nil {
			return nil // a thread of the kernel, or dead
		}
		time.Sleep(execPause)
	}
	return nil
}

// How often, and after which time, a process without an environment is looked at again.
const (
	execLooksMax = 20
	execPause    = time.Millisecond
)
