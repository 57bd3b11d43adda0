//go:build linux

package cli_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// TestR13R16AgentsAreKilled kills some of eight agents in the middle of a job, with the tasks that
// they run: the reply is whole, nothing has failed, and what they left is swept.
func TestR13R16AgentsAreKilled(t *testing.T) {
	const agents, tasks = 8, 16
	for _, kills := range []int{1, agents / 2} {
		t.Run(fmt.Sprint(kills), func(t *testing.T) {
			h := newHome(t)
			up, down := h.fifo("up"), h.fifo("down")
			lines := strings.Repeat("line\n", tasks)
			h.file("in", inputLines)
			h.file("lines", lines)
			h.file("wait.sh", "echo up >up\nread x <down\ncat\n")
			co := h.coordinator("--slots", "0", "--log-level", "info")
			var all []*process
			for i := range agents {
				w := h.start("worker", "--name", fmt.Sprint("w", i))
				w.await(&w.stderr, "joined", 1)
				all = append(all, w)
			}
			submit := h.start("submit", "--split-size", "5", "--mapper", "sh wait.sh", "lines")
			for range agents {
				up.line() // each runs one
			}
			for _, w := range all[:kills] {
				_ = w.cmd.Process.Kill() // it runs
				w.want(128+int(syscall.SIGKILL), "joined")
			}
			co.await(&co.stderr, "worker lost", kills)
			for range tasks + kills { // one that is killed may take a line
				down.write("go\n")
			}
			submit.want(0, "its worker was lost") // and not: its task process died
			if got := submit.stdout.String(); got != lines {
				t.Errorf("got %q", got)
			}
			if text := h.workers(); strings.Count(text, "ready") != agents-kills {
				t.Errorf("workers\n%s", text)
			}
			for _, w := range all[kills:] {
				w.leave()
			}
			co.end()
			h.checkSwept()
		})
	}
}
