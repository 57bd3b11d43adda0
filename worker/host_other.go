//go:build !linux

package worker

import "math"

// physicalMemory is not known here.
func physicalMemory() int64 { return math.MaxInt64 }

// inMemory is for Linux, whose /tmp is often in memory.
func inMemory(string) bool { return false }
