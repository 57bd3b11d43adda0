package proctree

import (
	"bytes"
	"os"
	"strconv"
)

// Memory is how much a process has that is not mapped from files, in bytes; 0 when it has gone. See
// proc_pid_statm(5).
func Memory(pid int) int64 {
	statm, _ := os.ReadFile(path(pid, "statm")) // none: it has gone
	fields := bytes.Fields(statm)
	if len(fields) < 3 {
		return 0
	}
	resident, _ := strconv.ParseInt(string(fields[1]), 10, 64) // the kernel writes numbers
	shared, _ := strconv.ParseInt(string(fields[2]), 10, 64)
	return (resident - shared) * int64(os.Getpagesize())
}
