//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/proctree"
	"github.com/fanfold/fanfold/protocol"
)

// residentMax is how much memory a coordinator may ever have had, in bytes.
const residentMax = 512 << 20

// same compares what a job gave with what the oracle says.
func same(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return fmt.Errorf("I1: got %d bytes, want %d, and they part at %d", len(got), len(want), at)
}

// checkNothingLeft looks for what must be gone when a cluster has ended: processes, intermediate
// data, sockets and tokens.
func (c *cluster) checkNothingLeft() error {
	var err error
	for _, pid := range processesOf(c.dir) {
		err = errors.Join(err, fmt.Errorf("I7: process %d is left: %s", pid, commandLine(pid)))
	}
	for _, dir := range c.folders() {
		entries, readErr := os.ReadDir(dir)
		err = errors.Join(err, readErr)
		for _, e := range entries {
			if e.Name() != "lock" {
				err = errors.Join(err, fmt.Errorf("I7: %s is left in %s", e.Name(), dir))
			}
		}
	}
	return err
}

// processesOf finds the processes whose agents have their work below a folder.
func processesOf(dir string) (found []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*") // a fixed pattern has no error
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err == nil && proctree.Marked(pid, []byte("FANFOLD_WORK="+dir+"/")) {
			found = append(found, pid)
		}
	}
	return found
}

func commandLine(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may have gone
	return strings.ReplaceAll(string(text), "\x00", " ")
}

// openFiles counts the descriptors of a process.
func openFiles(pid int) (int, error) {
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(names), err
}

// checkFiles waits until the coordinator has no more files open than before the job.
func (c *cluster) checkFiles(ctx context.Context) error {
	var now int
	err := await(ctx, func() (bool, error) {
		var err error
		now, err = openFiles(c.coordinator.pid())
		return now <= c.files, err
	})
	if err != nil {
		return fmt.Errorf("I7: the coordinator has %d files open, before the job %d: %w",
			now, c.files, err)
	}
	return nil
}

// checkMemory checks the most memory that the coordinator has had, and gives it in bytes.
func (c *cluster) checkMemory() (int64, error) {
	n, err := sizeOf(c.coordinator.pid(), "VmHWM")
	if err == nil && n > residentMax {
		err = fmt.Errorf("I9: the coordinator had %d MiB, the limit is %d", n>>20, residentMax>>20)
	}
	return n, err
}

// sizeOf reads a size of a process, in bytes.
func sizeOf(pid int, name string) (int64, error) {
	text, err := statusOf(pid, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	return n << 10, err
}

// statusOf reads what the kernel says of a process. See proc_pid_status(5).
func statusOf(pid int, name string) (string, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(text), nil
		}
	}
	return "", fmt.Errorf("process %d: no %s in its status", pid, name)
}

// checkInfo holds that a failure on the way, if there was one, says what failed, where and why.
func checkInfo(info *protocol.JobInfo) error {
	if state := fanfold.State(info.State); state != fanfold.Succeeded {
		return fmt.Errorf("I8: the job is %s", state)
	}
	for _, f := range info.Failure {
		if len(f.Job) == 0 || f.Attempt == 0 || f.Worker == "" || f.Kind == 0 || f.Message == "" {
			return fmt.Errorf("I11: a failure does not say all: %+v", f)
		}
	}
	return nil
}
