package shuffle

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestArenaKeepsWhatItIsGiven(t *testing.T) {
	reused := 0
	rapid.Check(t, func(t *rapid.T) {
		a := arena{shift: 14}
		var refs []uint64
		var want [][]byte
		for step := range rapid.IntRange(0, 200).Draw(t, "steps") {
			if rapid.IntRange(0, 40).Draw(t, "reset") == 0 {
				a.reset()
				refs, want = nil, nil
				reused += len(a.free)
			}
			n := rapid.SampledFrom([]int{1, 10, 3000, 5000, 16 << 10, 20_000}).Draw(t, "n")
			before, grows := a.bytes, a.grows(n)
			ref, b := a.alloc(n)
			if len(b) != n || cap(b) != n || a.bytes != before+grows {
				t.Fatalf("%d bytes: got %d, capacity %d; %d bytes more, want %d",
					n, len(b), cap(b), a.bytes-before, grows)
			}
			if len(refs) > 0 && ref <= refs[len(refs)-1] {
				t.Fatalf("ref %d behind %d", ref, refs[len(refs)-1])
			}
			for i := range b {
				b[i] = byte(step)
			}
			refs, want = append(refs, ref), append(want, bytes.Repeat([]byte{byte(step)}, n))
		}
		for i, ref := range refs {
			if !bytes.Equal(a.at(ref)[:len(want[i])], want[i]) {
				t.Fatalf("allocation %d of %d changed", i, len(refs))
			}
		}
	})
	if reused == 0 {
		t.Error("vacuous: no chunk was used again")
	}
}
