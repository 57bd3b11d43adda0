// Package proctree looks at the processes of this host: who descends from whom, who carries a mark
// in its environment, and how one ended, in words. worker/process and worker/command use it to
// leave nothing running behind. The one idea: process ids are used again, so what is not a child of
// this process is held by a descriptor before it is killed.
package proctree

import (
	"fmt"
	"syscall"
)

// Words says how a process ended: "exited with status 3", "killed (signal 9)", "segmentation fault
// (signal 11, core dumped)".
func Words(s syscall.WaitStatus) string {
	switch {
	case !s.Signaled():
		return fmt.Sprintf("exited with status %d", s.ExitStatus())
	case s.CoreDump():
		return fmt.Sprintf("%s (signal %d, core dumped)", s.Signal(), int(s.Signal()))
	}
	return fmt.Sprintf("%s (signal %d)", s.Signal(), int(s.Signal()))
}
