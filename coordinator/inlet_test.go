package coordinator

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/fanfold/fanfold/protocol"
)

// TestInputIsHeldWithoutGarbage guards what the pieces of a client's own input take, and what is
// thrown away on the way to them.
func TestInputIsHeldWithoutGarbage(t *testing.T) {
	tests := []struct {
		name   string
		line   int
		blocks int
		size   int64   // of a stretch; 0: the default
		most   float64 // bytes allocated for a byte of input
	}{
		{"a long stream", 100, 500, 0, 1.05},
		{"a short one", 100, 1, 0, 1.2},
		{"small stretches", 100, 100, 1000, 1.3},
		{"a long line", 1 << 20, 100, 0, 2.6},
	}
	for _, test := range tests {
		line := append(bytes.Repeat([]byte("x"), test.line-1), '\n')
		block := bytes.Repeat(line, max(1, protocol.BlockMax/test.line))
		block = block[:min(len(block), protocol.BlockMax)] // of the long line: no end
		in := newInlet(test.size, lines)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range test.blocks {
			take(in, block)
		}
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		got := float64(allocated) / float64(test.blocks*len(block))
		if got > test.most {
			t.Errorf("%s: %.2f bytes were allocated for a byte of input, the limit is %v",
				test.name, got, test.most)
		}
	}
}

// take adds a block to an inlet, as owner.input does, and lets go of what is complete.
func take(in *inlet, data []byte) {
	for len(data) > 0 {
		n, ended := in.cut(data)
		for rest := data[:n]; len(rest) > 0; {
			rest = rest[in.add(rest):]
		}
		if ended {
			in.open, in.grown = &stretch{from: in.offset}, 0
		}
		data = data[n:]
	}
}
