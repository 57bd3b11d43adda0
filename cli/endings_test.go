//go:build linux

package cli_test

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
)

// scripts are mappers, which run in the folder of their test. What they write to up says how far
// they are.
var scripts = map[string]string{
	// Never ends by itself.
	"hang.sh": "echo up >up\nsleep 1000\n",
	// Does not end when it is asked to.
	"stubborn.sh": "trap 'echo term >up' TERM\necho up >up\n" +
		"while :; do sleep 1000 & wait $!; done\n",
	// Have a child in a session of its own, which ignores signals and holds the mapper's pipes; the
	// second hides its environment too.
	"family.sh": "setsid sh daemon.sh &\nsleep 1000\n",
	"hidden.sh": "setsid env -i PATH=\"$PATH\" " + markVariable + "=$1 sh daemon.sh &\nsleep 1000\n",
	"daemon.sh": "trap '' HUP INT TERM\necho up >up\nwhile :; do sleep 1000; done\n",
	// Waits, and then gives back what it reads.
	"gate.sh": "echo up >gate-up\nread x <gate\ncat\n",
}

// The jobs of the scripts, as arguments of run and submit.
var (
	hang     = []string{"--mapper", "sh hang.sh", "in"}
	stubborn = []string{"--mapper", "sh stubborn.sh", "in"}
	family   = []string{"--mapper", "sh family.sh", "in"}
	gated    = []string{"--mapper", "sh gate.sh", "in"}
)

func (h *home) hidden() []string { return []string{"--mapper", "sh hidden.sh " + h.dir, "in"} }

// subcommand is a subcommand with its arguments.
func subcommand(name string, args ...string) []string { return append([]string{name}, args...) }

// newEnding makes a home with the scripts, an input and the fifo that says that a mapper is up.
func newEnding(t *testing.T) (*home, *fifo) {
	t.Helper()
	h := newHome(t)
	for name, text := range scripts {
		h.file(name, text)
	}
	h.file("in", inputLines)
	return h, h.fifo("up")
}

const (
	inputCounts = "cat\t1\nhat\t1\nthe\t2\n"
	inputLines  = "the cat the hat\n"
)

func TestB19RunEnds(t *testing.T) {
	tests := []struct {
		name string
		sig  syscall.Signal
		job  []string // nil: hidden
	}{
		{"interrupt", syscall.SIGINT, hang},
		{"terminate", syscall.SIGTERM, hang},
		{"hang up", syscall.SIGHUP, hang},
		{"interrupt a family", syscall.SIGINT, family},
		{"interrupt what hides", syscall.SIGINT, nil},
		{"interrupt Go code", syscall.SIGINT, []string{"hang", "in"}},
		{"interrupt the stubborn", syscall.SIGINT, stubborn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, up := newEnding(t)
			job := tt.job
			if job == nil {
				job = h.hidden()
			}
			run := h.start(subcommand("run", job...)...)
			up.line()
			run.signal(tt.sig)
			run.want(128 + int(tt.sig))
			h.checkNothingLeft()
			if out := run.stdout.String(); out != "" {
				t.Errorf("got stdout %q, want none", out)
			}
		})
	}
}

// TestB19SecondSignal checks that the second signal does not wait for what the first one asked for.
func TestB19SecondSignal(t *testing.T) {
	h, up := newEnding(t)
	run := h.start(subcommand("run", stubborn...)...)
	up.line()
	run.signal(syscall.SIGINT)
	if got := up.line(); got != "term" {
		t.Errorf("the mapper wrote %q, want term", got)
	}
	run.signal(syscall.SIGTERM)
	run.want(128 + int(syscall.SIGTERM))
	h.checkSwept()
}

// TestB19RunIsKilled checks that nothing lives on when the process is killed that started it all.
func TestB19RunIsKilled(t *testing.T) {
	h, up := newEnding(t)
	run := h.start(subcommand("run", h.hidden()...)...)
	up.line()
	_ = run.cmd.Process.Kill() // it runs
	run.want(128 + int(syscall.SIGKILL))
	h.checkSwept()
}

// checkSwept checks that every process is gone whose agent has died, and that the next start
// removes the files.
func (h *home) checkSwept() {
	h.t.Helper()
	h.awaitNone()
	if entries, _ := os.ReadDir(h.path("spills")); len(entries) < 2 {
		h.t.Error("the agent has left nothing: it was not killed, and this test shows nothing")
	}
	next := h.run("run", "wordcount", "in")
	next.want(0)
	if got := next.stdout.String(); got != inputCounts {
		h.t.Errorf("got %q, want %q", got, inputCounts)
	}
	h.checkNothingLeft()
}

// coordinatorFor starts the coordinator that submit needs, and run does not.
func (h *home) coordinatorFor(name string) *live {
	if name != "submit" {
		return nil
	}
	return h.coordinator()
}

// startPiped starts a command and gives the end of its standard output to read.
func (h *home) startPiped(args ...string) (*process, *os.File) {
	h.t.Helper()
	return h.piped(h.command(args...))
}

// piped is startPiped for a command that was made by command, and perhaps changed.
func (h *home) piped(cmd *exec.Cmd) (*process, *os.File) {
	h.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { r.Close() })
	cmd.Stdout = w
	p := h.begin(cmd)
	w.Close()
	return p, r
}

// startFed starts a command and gives the end of its standard input to write.
func (h *home) startFed(args ...string) (*process, *os.File) {
	h.t.Helper()
	cmd := h.command(args...)
	r, w, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { w.Close() })
	cmd.Stdin = r
	p := h.begin(cmd)
	r.Close()
	return p, w
}

// feed writes more than a pipe holds and than may be sent before a job is accepted.
func feed(t *testing.T, stdin *os.File) {
	t.Helper()
	if _, err := stdin.WriteString(strings.Repeat(strings.Repeat("a", 999)+"\n", 700)); err != nil {
		t.Fatal(err)
	}
}

// manyLines are more than what a pipe and the credit of a reply hold together.
var manyLines = strings.Repeat(strings.Repeat("a", 1999)+"\n", 2000)

func (h *home) many() string { return h.file("many", manyLines) }

// TestB19ReplyNobodyReads interrupts a command that waits for the reader of its output.
func TestB19ReplyNobodyReads(t *testing.T) {
	for name, args := range map[string][]string{
		"run": {"grep", "-p", "pattern=a", "many"}, "submit": {"grep", "-p", "pattern=a", "many"},
		"gen": {"records", "--count", "1000000000"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := newEnding(t)
			h.many()
			co := h.coordinatorFor(name)
			p, stdout := h.startPiped(subcommand(name, args...)...)
			if _, err := stdout.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			p.signal(syscall.SIGINT)
			p.want(128 + int(syscall.SIGINT))
			co.end()
			h.checkNothingLeft()
		})
	}
}

// TestB19ClosedOutput checks `| head -n 1`.
func TestB19ClosedOutput(t *testing.T) {
	for _, name := range []string{"run", "submit"} {
		t.Run(name, func(t *testing.T) {
			h, _ := newEnding(t)
			co := h.coordinatorFor(name)
			p, stdout := h.startPiped(name, "grep", "-p", "pattern=a", h.many())
			if _, err := io.ReadFull(stdout, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			stdout.Close()
			p.want(fanfold.ExitPipe)
			co.end()
			h.checkNothingLeft()
		})
	}
}

// TestB19EndlessInput interrupts a command whose standard input does not end.
func TestB19EndlessInput(t *testing.T) {
	for _, name := range []string{"run", "submit"} {
		t.Run(name, func(t *testing.T) {
			h, _ := newEnding(t)
			co := h.coordinatorFor(name)
			p, stdin := h.startFed(name, "wordcount", "-")
			feed(t, stdin)
			p.signal(syscall.SIGINT)
			p.want(128 + int(syscall.SIGINT))
			co.end()
			h.checkNothingLeft()
		})
	}
}

// TestX8ClientGoes checks that a job ends with its client, and a detached one does not.
func TestX8ClientGoes(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			h, up := newEnding(t)
			gate, gateUp := h.fifo("gate"), h.fifo("gate-up")
			co := h.coordinator("--slots", "2")
			submit := h.start(subcommand("submit", family...)...)
			up.line()
			owned := h.newest()
			detached := h.detach(gated...)
			gateUp.line()

			submit.signal(sig)
			submit.want(128 + int(sig))
			h.await(owned, fanfold.Cancelled)
			h.awaitNone("family.sh", "daemon.sh")

			h.wantState(detached, fanfold.Running)
			gate.write("go\n")
			h.await(detached, fanfold.Succeeded)
			attach := h.run("attach", detached.String())
			attach.want(0)
			if got := attach.stdout.String(); got != inputLines {
				t.Errorf("got %q, want %q", got, inputLines)
			}
			co.end()
			h.checkNothingLeft()
		})
	}
}

// TestR55Drain checks that SIGTERM lets a running job end, and no other begin.
func TestR55Drain(t *testing.T) {
	h, _ := newEnding(t)
	gate, gateUp := h.fifo("gate"), h.fifo("gate-up")
	co := h.coordinator("--log-level", "info")
	submit := h.start(subcommand("submit", gated...)...)
	gateUp.line()
	co.signal(syscall.SIGTERM)
	co.await(&co.stderr, "draining", 1)
	h.run("submit", "wordcount", "in").want(fanfold.ExitBusy, "draining")
	gate.write("go\n")
	submit.want(0)
	if got := submit.stdout.String(); got != inputLines {
		t.Errorf("got %q, want %q", got, inputLines)
	}
	if got := co.wait(); got != 128+int(syscall.SIGTERM) {
		t.Errorf("coordinator: got exit code %d, want 143", got)
	}
	h.checkNothingLeft()
}

// TestR55SecondSignal checks that the second signal does not wait for the running jobs.
func TestR55SecondSignal(t *testing.T) {
	h, up := newEnding(t)
	co := h.coordinator("--log-level", "info")
	submit := h.start(subcommand("submit", h.hidden()...)...)
	up.line()
	co.signal(syscall.SIGTERM)
	co.await(&co.stderr, "draining", 1)
	co.signal(syscall.SIGINT)
	if got := co.wait(); got != 128+int(syscall.SIGINT) {
		t.Errorf("coordinator: got exit code %d, want 130", got)
	}
	submit.want(fanfold.ExitUnreachable, "")
	h.awaitNone()
	h.coordinator().end()
	h.checkNothingLeft()
}

// TestB19CoordinatorIsInterrupted checks that SIGINT cancels what runs.
func TestB19CoordinatorIsInterrupted(t *testing.T) {
	h, up := newEnding(t)
	co := h.coordinator()
	submit := h.start(subcommand("submit", h.hidden()...)...)
	up.line()
	co.end()
	submit.want(fanfold.ExitCancelled, "the coordinator is closing")
	h.checkNothingLeft()
}
