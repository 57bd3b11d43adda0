package command

import (
	"errors"
	"io/fs"
	"os/exec"
	"syscall"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/proctree"
)

// startError says why the command could not be started.
func (c *child) startError(err error) error {
	e := fanfold.Errorf(fanfold.KindUser, c.spec.op(), "%w", err)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		e.Err = errors.New("no such command in PATH")
		e.Hint = "give its path, or add its folder to the PATH of the worker"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "make the file executable, or name its interpreter: python3 " + c.spec.argv[0]
	case errors.Is(err, syscall.ENOEXEC):
		e.Hint = "the file begins with no #! line: name its interpreter"
	}
	return e
}

// exitError says how the command, which has ended, has failed; nil when it has not.
func (c *child) exitError() error {
	state := c.cmd.ProcessState
	if state.Success() {
		return nil
	}
	words := state.String()
	if status, ok := state.Sys().(syscall.WaitStatus); ok {
		words = proctree.Words(status)
	}
	e := fanfold.Errorf(fanfold.KindUser, c.spec.op(), "%s", words)
	e.Log = c.tail.String()
	return e
}
