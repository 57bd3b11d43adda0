//go:build linux && !race

package main

// raced says that the race detector is on: in the driver, and so in what it starts.
const raced = false

// scale is by how much jobs are smaller.
const scale = 1
