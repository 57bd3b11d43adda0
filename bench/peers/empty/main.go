// Command empty does nothing: what it takes is what it takes to start and end a Go program. It is a
// peer of the benchmarks.
package main

func main() {}
