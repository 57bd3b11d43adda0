//go:build !linux

package proctree

// Children does not know on this system: none.
func Children(int) []int { return nil }

// KillMarked does nothing: the environment of other processes cannot be read on this system.
func KillMarked(string) error { return nil }

// SetReaper does nothing: nobody gets the orphans of a process on this system.
func SetReaper() {}

// KillOrphans does nothing: see SetReaper.
func KillOrphans() error { return nil }

// Runs is false: the system is not asked.
func Runs(int) bool { return false }

// Memory is 0: the system is not asked.
func Memory(int) int64 { return 0 }

// Descendants does not know on this system: none.
func Descendants(int) []int { return nil }
