//go:build !linux

package process

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// SelfPath names the binary of this process.
func SelfPath() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find own binary: %w", err)
	}
	return filepath.EvalSymlinks(path)
}

// imagePath names the open file on fdImage.
const imagePath = "/dev/fd/7"

// keepFiles keeps the descriptors of the shim from the task process.
func keepFiles() {
	for fd := fdRead; fd <= fdImage; fd++ {
		syscall.CloseOnExec(fd)
	}
}

// blockSignals does nothing: what it is for is Linux's.
func blockSignals([]os.Signal) (restore func()) { return func() {} }

// harden makes what follows hold for all that the shim starts.
func harden() error {
	syscall.Umask(0o077)
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// taskAttr gives the task process a group of its own, which is all that can be killed here.
func taskAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalTree sends a signal to the process group of the task process.
func signalTree(task int, sig syscall.Signal) { _ = syscall.Kill(-task, sig) }
