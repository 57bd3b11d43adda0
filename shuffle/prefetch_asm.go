//go:build amd64 || arm64

package shuffle

import (
	"unsafe"

	"github.com/fanfold/fanfold"
)

// prefetchSlots is touchSlots without waiting for what it loads: slots is the first of mask+1.
//
//go:noescape
func prefetchSlots(slots unsafe.Pointer, mask uint64, hashes []uint64)

// The assembly shifts by this size.
var _ = [1]struct{}{}[unsafe.Sizeof(slot{})-slotBytes]

// prefetch has the slots of a batch loaded while other work goes on.
func (t *table) prefetch(b *fanfold.Batch) {
	prefetchSlots(unsafe.Pointer(&t.slots[0]), t.mask, b.Hash[:b.Len])
}
