//go:build linux && race

package main

// raced says that the race detector is on: in the driver, and so in what it starts.
const raced = true

// scale is by how much jobs are smaller, so that they take about as long.
const scale = 4
