package main

import (
	"net"
	"strings"
)

// splitStat splits /proc/PID/stat, whose second field may have spaces in it.
func splitStat(text string) []string {
	i := strings.LastIndexByte(text, ')')
	if i < 0 {
		return nil
	}
	return append([]string{"", ""}, strings.Fields(text[i+1:])...)
}

// port is the port of an address.
func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

// window lets at most depth tasks be unanswered: take one place before a task, give it back with
// the answer.
type window chan struct{}

func newWindow(depth int) window { return make(window, depth) }
func (w window) take()           { w <- struct{}{} }
func (w window) give()           { <-w }
