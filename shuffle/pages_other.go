//go:build !linux

package shuffle

// newSlots gives n free slots.
func newSlots(n int) []slot { return make([]slot, n) }
