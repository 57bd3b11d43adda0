package reducer_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestNoAllocationPerValue compares what jobs allocate whose mapper and reducer see n values of few
// keys, and three times as many: a value more must cost nothing.
func TestNoAllocationPerValue(t *testing.T) {
	program := fanfold.Program{
		Map: mapping(func(line []byte, emit *fanfold.Emitter) { emit.Emit(line[:1], line) }),
		Reduce: reducing(func(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
			bytes := 0
			for v := range values.All() {
				bytes += len(v)
			}
			emit.Emit(key, strconv.AppendInt(nil, int64(bytes), 10))
			return nil
		}),
	}
	allocations := func(n int) float64 {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "%07d\n", i*7919%10_000_000)
		}
		j := job{program: program, reducers: 1, noInline: true, memory: 64 << 20}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out := j.run(t, 1<<30, text.String())
		runtime.ReadMemStats(&after)
		if lines := strings.Count(out, "\n"); lines != 10 {
			t.Fatalf("%d keys, want 10", lines)
		}
		return float64(after.Mallocs - before.Mallocs)
	}
	const n = 50_000
	few := allocations(n)
	if each := (allocations(3*n) - few) / (2 * n); each > 0.01 {
		t.Errorf("%.3f allocations for each value more, want none", each)
	}
}
