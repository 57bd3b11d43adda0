//go:build linux

package cli_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestB19StreamEnds interrupts streams whose commands do not end by themselves, with a coordinator
// and without one.
func TestB19StreamEnds(t *testing.T) {
	for _, tt := range []struct {
		script  string
		isLocal bool
	}{{"sh hang.sh", true}, {"sh family.sh", false}} {
		t.Run(tt.script, func(t *testing.T) {
			h, up := newEnding(t)
			args := []string{"stream", "--mapper", tt.script}
			var co *live
			if tt.isLocal {
				args = append(args, "--local")
			} else {
				co = h.coordinator()
			}
			p := h.fed(manyLines, args...)
			up.line()
			p.signal(syscall.SIGINT)
			p.want(128 + int(syscall.SIGINT))
			if got := p.stdout.String(); got != "" {
				t.Errorf("got stdout %.80q, want none", got)
			}
			h.awaitNone("hang.sh", "family.sh", "daemon.sh")
			if co != nil {
				h.await(h.newest(), fanfold.Cancelled)
			}
			co.end()
			h.checkNothingLeft()
		})
	}
}

// TestB19StreamOutputIsClosed checks `| head`, with more tasks to come.
func TestB19StreamOutputIsClosed(t *testing.T) {
	h := newHome(t)
	co := h.coordinator()
	p, stdout := h.startTalking("stream", "echo")
	if _, err := io.ReadFull(stdout, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	p.want(fanfold.ExitPipe)
	h.await(h.newest(), fanfold.Cancelled)
	co.end()
	h.checkNothingLeft()
}

// TestB19StreamOutputIsNotRead interrupts a stream whose results nobody reads.
func TestB19StreamOutputIsNotRead(t *testing.T) {
	h := newHome(t)
	co := h.coordinator()
	p, stdout := h.startTalking("stream", "echo")
	if _, err := io.ReadFull(stdout, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	p.want(128 + int(syscall.SIGTERM))
	h.await(h.newest(), fanfold.Cancelled)
	co.end()
	h.checkNothingLeft()
}

// startTalking starts a command that is given lines without an end, and gives the end of its
// standard output to read.
func (h *home) startTalking(args ...string) (*process, *os.File) {
	h.t.Helper()
	cmd := h.command(args...)
	lines, w := io.Pipe()
	go func() {
		for {
			if _, err := io.WriteString(w, manyLines); err != nil {
				return
			}
		}
	}()
	h.t.Cleanup(func() { lines.Close() })
	cmd.Stdin = lines
	return h.piped(cmd)
}

// TestStreamGoesOn interrupts a stream that is to be kept. Another command sends one more task, and
// gets all results.
func TestStreamGoesOn(t *testing.T) {
	h := newHome(t)
	co := h.coordinator("--slots", "2")
	gate, up := h.fifo("gate"), h.fifo("up")
	first, tasks := h.startFed("stream", "--keep", "1h", "--per-task",
		"--mapper", "sh -c 'echo up >up; read go <gate; cat'")
	if _, err := io.WriteString(tasks, "one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	up.line()
	up.line()
	first.signal(syscall.SIGINT)
	first.want(128+int(syscall.SIGINT), "after this command", "goes on")
	job := h.newest()
	h.wantState(job, fanfold.Running)
	last := h.fed("three\n", "stream", "--attach", job.String())
	gate.write("1\n2\n3\n")
	last.want(0)
	if got := sortedLines(last.stdout.String()); got != "one\nthree\ntwo\n" {
		t.Errorf("got %q", got)
	}
	co.end()
	h.checkNothingLeft()
}

// TestStreamKeepsResultsBeforeABadLine checks that what was sent is answered.
func TestStreamKeepsResultsBeforeABadLine(t *testing.T) {
	h := newHome(t)
	good := numbers(1000)
	p := h.fed(good+"\n"+good, "stream", "--local", "--ordered", "--key-field", "1", "echo")
	p.want(fanfold.ExitUsage, "it has 0 words", "line 1001 of standard input")
	equal(t, "results", p.stdout.String(), []byte(good))
	h.checkNothingLeft()
}

// TestStreamNamesItsTasks checks that each result has the id of its task, or its number, also the
// failures of tasks that are one-way.
func TestStreamNamesItsTasks(t *testing.T) {
	h := newHome(t)
	input := `{"payload":"top 1"}
{"payload":"no task","one_way":true}
{"payload":"top 1"}
{"payload":"no task","one_way":true,"id":["x"]}
{"payload":"top 1","id":null}
`
	p := h.fed(input, "stream", "--local", "--json", "rank")
	p.want(fanfold.ExitFailed, "2 of 5 tasks failed")
	lines := p.stdout.String()
	for _, want := range []string{
		`{"id":1,"state":"succeeded"`, `{"id":2,"state":"failed"`, `{"id":3,"state":"succeeded"`,
		`{"id":["x"],"state":"failed"`, `{"id":null,"state":"succeeded"`,
	} {
		if strings.Count(lines, want) != 1 {
			t.Errorf("got %s, want one line with %s", lines, want)
		}
	}
	h.checkNothingLeft()
}
