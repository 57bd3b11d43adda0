//go:build race

package coordinator

// raced says that the race detector is on: it allocates too, and all takes longer.
const raced = true
