//go:build !amd64 && !arm64

package shuffle

import "github.com/fanfold/fanfold"

// prefetch loads the slots of a batch: Go has no instruction here that does it without waiting.
func (t *table) prefetch(b *fanfold.Batch) {
	t.warm += touchSlots(t.slots, t.mask, b.Hash[:b.Len])
}
