package cli_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestSpillsAreCounted checks that a job says how often its tasks wrote their buffers to disk, and
// that one that never did says nothing.
func TestSpillsAreCounted(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "key-%d\n", i*7919%100_000)
	}
	large := write(t, text{"large", b.String()})
	small := write(t, text{"small", "key\n"})
	c := newCluster(t, 1)
	job := fanfold.Job{Program: "index", Memory: 1 << 20, Reducers: 1}
	for _, name := range []string{"map_spills", "reduce_spills"} {
		job.Inputs = names(large)
		if _, s := c.submit(job, nil); counter(s, "fanfold", name) <= 0 {
			t.Errorf("%s: got none in %v", name, s.Counters)
		}
		job.Inputs = names(small)
		_, s := c.submit(job, nil)
		for _, n := range s.Counters {
			if n.Name == name {
				t.Errorf("%s: got %d for one line", name, n.N)
			}
		}
	}
}
