//go:build !linux

package process

import (
	"errors"
	"syscall"
)

// isolates says that this system has no PID namespaces.
const isolates = false

func apart(*syscall.SysProcAttr) {}

func mountsPropagate() bool { return false }

func isFirst() bool { return false }

func enclose() (int, error) { return 0, errors.ErrUnsupported }

func renounce() error { return nil }
