// Package fanfoldtest is the test kit for those who write programs: Run puts a program and its
// input through a whole cluster, coordinator, client and task processes included, and gives back
// what it printed.
//
// The one idea needed to read it: a Cluster is the real thing at a small scale. By default its task
// processes are goroutines of the test, so that coverage, debuggers and variables of the test reach
// the program; with Config.Processes they are processes, which is what a test needs that kills one.
package fanfoldtest
