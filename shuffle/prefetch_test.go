//go:build amd64 || arm64

package shuffle

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/fanfold/fanfold"
)

// The assembly must touch what its twin in Go does and nothing else: it changes no slot, and takes
// any hash, any number of them, and a table of any size.
func TestPrefetchAsItsTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for shift := range 12 {
		slots := make([]slot, 1<<shift)
		for i := range slots {
			slots[i] = slot{k0: random.Uint64(), n: int64(i), size: random.Uint32()}
		}
		before, mask := slices.Clone(slots), uint64(len(slots)-1)
		for n := range fanfold.BatchLen + 1 {
			hashes := make([]uint64, n)
			for i := range hashes {
				hashes[i] = random.Uint64()
			}
			was := slices.Clone(hashes)
			prefetchSlots(unsafe.Pointer(&slots[0]), mask, hashes)
			_ = touchSlots(slots, mask, hashes)
			if !slices.Equal(slots, before) || !slices.Equal(hashes, was) {
				t.Fatalf("%d hashes, %d slots: something was written", n, len(slots))
			}
		}
	}
}
