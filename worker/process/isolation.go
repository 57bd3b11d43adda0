package process

import "sync/atomic"

// Isolation says how far the processes of an agent are kept from the rest of the host. The zero
// value asks for as much as the kernel permits; it learns what that is from the first start. It is
// safe for concurrent use. nil asks for nothing.
type Isolation struct{ refused atomic.Bool }

// Active reports whether processes are started in PID namespaces, as far as is known by now.
func (i *Isolation) Active() bool { return i != nil && isolates && !i.refused.Load() }

// String says what ends the tree of a task process.
func (i *Isolation) String() string {
	if i.Active() {
		return "pid-namespace"
	}
	return "sub-reaper"
}
