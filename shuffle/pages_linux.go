package shuffle

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePageBytes is the size of a huge page on the machines that have only one.
const hugePageBytes = 2 << 20

// newSlots gives n free slots, a large array of them in huge pages where the system has them:
// look-ups all over tens of megabytes miss the page tables as often as the caches otherwise. The
// memory is the Go heap's like any other.
func newSlots(n int) []slot {
	slots := make([]slot, n)
	if size := n * slotBytes; size >= 2*hugePageBytes {
		b := unsafe.Slice((*byte)(unsafe.Pointer(&slots[0])), size)
		from := -uintptr(unsafe.Pointer(&slots[0])) % hugePageBytes
		pages := (uintptr(size) - from) / hugePageBytes * hugePageBytes
		_ = unix.Madvise(b[from:from+pages], unix.MADV_HUGEPAGE) // without them it works as well
	}
	return slots
}
