package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// memoryInterval is between two looks at the memory of a tree of processes. A look takes about a
// millisecond.
const memoryInterval = 50 * time.Millisecond

// watchMemory looks at a process and its descendants until it has ended, and gives the most memory
// that they had together: 0 where there is no /proc.
func watchMemory(pid int, ended <-chan struct{}) (most int64) {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return most
		case <-tick.C:
			most = max(most, treeMemory(pid))
		}
	}
}

// treeMemory is the resident memory of a process and of its descendants in bytes.
func treeMemory(root int) int64 {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	children, pages := map[int][]int{}, map[int]int64{}
	for _, name := range stats {
		stat, _ := os.ReadFile(name)
		// Behind the id and the name in brackets: state, parent, …, resident pages as the 22nd.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 22 {
			continue // it has gone
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent, _ := strconv.Atoi(string(fields[1]))
		pages[pid], _ = strconv.ParseInt(string(fields[21]), 10, 64)
		children[parent] = append(children[parent], pid)
	}
	all := int64(0)
	for tree := []int{root}; len(tree) > 0; tree = tree[1:] {
		all += pages[tree[0]] * int64(os.Getpagesize())
		tree = append(tree, children[tree[0]]...)
	}
	return all
}
