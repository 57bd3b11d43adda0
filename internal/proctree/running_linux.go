package proctree

import (
	"bytes"
	"fmt"
	"os"
)

// Runs reports whether a process is running or about to, as far as the system tells: one that waits
// for something does not.
func Runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false // it has gone
	}
	i := bytes.LastIndexByte(stat, ')') // behind the name, which may be anything
	return i >= 0 && i+2 < len(stat) && stat[i+2] == 'R'
}
