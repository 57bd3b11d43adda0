package process

import (
	"sync"
	"sync/atomic"
)

// Isolation says how far the processes of an agent are kept from the rest of the host. It learns
// from the first start what the kernel permits, and is safe for concurrent use. nil asks for
// nothing.
type Isolation struct {
	// Always has processes isolated where mounts of the host do not reach them, too: then they never
	// see a file system that was mounted after their start, and use the folder below it.
	Always bool

	refused atomic.Bool
	looked  sync.Once // at how mounts propagate
}

// Active reports whether processes are started in PID namespaces, as far as is known by now.
func (i *Isolation) Active() bool {
	if i == nil || !isolates {
		return false
	}
	i.looked.Do(func() {
		if !i.Always && !mountsPropagate() {
			i.refused.Store(true)
		}
	})
	return !i.refused.Load()
}

// String says what ends the tree of a task process.
func (i *Isolation) String() string {
	if i.Active() {
		return "pid-namespace"
	}
	return "sub-reaper"
}
