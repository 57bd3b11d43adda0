package proctree

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// Descendants finds the processes below root, parents first. One that starts meanwhile may be
// missed.
func Descendants(root int) []int {
	children := map[int][]int{}
	for _, pid := range pids() {
		if parent, ok := parentOf(pid); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	found := children[root]
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found
}

// Children finds the children of a process, dead ones included until they are reaped, without
// looking at all processes; none where the kernel does not tell. See proc_pid_task(5).
func Children(pid int) (found []int) {
	lists, _ := filepath.Glob(path(pid, "task/*/children")) // the pattern is right
	for _, list := range lists {
		ids, _ := os.ReadFile(list) // a thread that has gone has no children
		for _, id := range bytes.Fields(ids) {
			if child, err := strconv.Atoi(string(id)); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

// path is that of a file about a process.
func path(pid int, name string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + name
}

// pids are the processes of this host, as far as they can be seen.
func pids() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	names, _ := dir.Readdirnames(-1) // some are better than none
	_ = dir.Close()                  // read only
	var found []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			found = append(found, pid)
		}
	}
	return found
}

// parentOf reads the parent of a process: the second field behind the name in its stat, which is in
// parentheses and may hold any byte. See proc_pid_stat(5).
func parentOf(pid int) (parent int, ok bool) {
	stat, err := os.ReadFile(path(pid, "stat"))
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, err == nil
}
