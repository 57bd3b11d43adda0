package cli_test

import (
	"bytes"
	"runtime"
	"slices"
	"testing"
)

// garbageMax bounds what the process of `fanfold run` allocates for a byte of standard input.
const garbageMax = 4.0

// TestStdinMakesLittleGarbage guards the way of standard input through client and coordinator to
// the task processes, which are not in this process.
func TestStdinMakesLittleGarbage(t *testing.T) {
	const mebibytes = 160
	s := newSite(t)
	page := bytes.Repeat([]byte("the word\tand more\n"), 1<<20/18)
	allocated := func(pages int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		in := stream(slices.Repeat([][]byte{page}, pages)...)
		s.silent(s.fanfold(in, "run", "-q", "--work-dir", s.work, "wordcount", "-"), nil)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	least := allocated(0)
	got := float64(allocated(mebibytes)-least) / float64(mebibytes*len(page))
	if got > garbageMax {
		t.Errorf("%.1f bytes were allocated for a byte of input, the limit is %v", got, garbageMax)
	}
}
