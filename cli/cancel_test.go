package cli_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
)

// detach submits a job without waiting for it, and gives its id.
func (h *home) detach(job ...string) (id string) {
	h.t.Helper()
	p := h.run(append([]string{"submit", "--detach"}, job...)...)
	p.want(0)
	return strings.TrimSpace(p.stdout.String())
}

// cancel cancels a job and waits for its end.
func (h *home) cancel(id string) {
	h.t.Helper()
	h.run("cancel", id).want(0)
	h.run("wait", id).want(fanfold.ExitCancelled, "")
	if got := h.stateOf(id); got != "cancelled" {
		h.t.Errorf("got state %s, want cancelled", got)
	}
}

// TestR44CancelQueuedAndRunning cancels a job that waits for a slot, and then the one that has it.
func TestR44CancelQueuedAndRunning(t *testing.T) {
	h, up := newEnding(t)
	co := h.coordinator()
	running := h.detach(family...)
	up.line()
	queued := h.detach(hang...)
	if got := h.stateOf(queued); got != "queued" && got != "waiting" {
		t.Errorf("the second job is %s, want it waiting for a slot", got)
	}
	h.cancel(queued)
	if got := h.stateOf(running); got != "running" {
		t.Errorf("the first job is %s, want it running", got)
	}
	h.cancel(running)
	h.awaitNone("family.sh", "daemon.sh")

	next := h.run("submit", "wordcount", "in")
	next.want(0)
	if got := next.stdout.String(); got != inputCounts {
		t.Errorf("got %q, want %q", got, inputCounts)
	}
	co.end()
	h.checkNothingLeft()
}

// TestR44CancelInput cancels a job whose client still sends input.
func TestR44CancelInput(t *testing.T) {
	h, _ := newEnding(t)
	co := h.coordinator()
	client, stdin := h.startFed("submit", "wordcount", "-")
	feed(t, stdin)
	id := h.jobs()[0].Job
	h.cancel(id)
	client.want(fanfold.ExitCancelled, "cancelled")
	co.end()
	h.checkNothingLeft()
}

// TestR44CancelReply cancels a job whose reply is on its way: it is whole, or the client fails.
func TestR44CancelReply(t *testing.T) {
	h, _ := newEnding(t)
	co := h.coordinator()
	client, stdout := h.startPiped("submit", "grep", "-p", "pattern=a", h.many())
	first := make([]byte, 1)
	if _, err := stdout.Read(first); err != nil {
		t.Fatal(err)
	}
	h.run("cancel", h.jobs()[0].Job).want(0)
	rest, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	switch code := client.wait(); {
	case code == 0 && string(first)+string(rest) != manyLines:
		t.Errorf("success, but %d bytes of %d", 1+len(rest), len(manyLines))
	case code != 0 && code != fanfold.ExitCancelled:
		t.Errorf("got exit code %d, want 0 or %d; stderr:\n%s", code, fanfold.ExitCancelled,
			client.stderr.String())
	}
	co.end()
	h.checkNothingLeft()
}

// TestR44CancelEnded checks that what has ended stays as it is.
func TestR44CancelEnded(t *testing.T) {
	h, _ := newEnding(t)
	co := h.coordinator()
	id := h.detach("wordcount", "in")
	h.run("wait", id).want(0)
	h.run("cancel", id).wait() // whether it is told or not
	h.run("wait", id).want(0)
	if got := h.stateOf(id); got != "succeeded" {
		t.Errorf("got state %s, want succeeded", got)
	}
	co.end()
	h.checkNothingLeft()
}

// TestR44Deadline checks that nothing of a job outlives its deadline.
func TestR44Deadline(t *testing.T) {
	h, _ := newEnding(t)
	run := h.start(append([]string{"run", "--deadline", "1s"}, h.hidden()...)...)
	run.want(fanfold.ExitDeadline, "deadline")
	h.checkNothingLeft()
}

// TestX8CoordinatorIsStopped interrupts a client whose coordinator does not answer.
func TestX8CoordinatorIsStopped(t *testing.T) {
	h, up := newEnding(t)
	co := h.coordinator()
	client := h.start(subcommand("submit", hang...)...)
	up.line()
	co.signal(syscall.SIGSTOP)
	client.signal(syscall.SIGINT)
	client.want(128 + int(syscall.SIGINT))
	co.signal(syscall.SIGCONT)
	co.end()
	h.checkNothingLeft()
}

// TestB19SilentInput interrupts a command that waits for its standard input to say something.
func TestB19SilentInput(t *testing.T) {
	for _, args := range [][]string{
		{"run", "wordcount", "-"}, {"run", "--inline", "wordcount", "-"},
		{"run", "--files-from", "-", "wordcount"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			h, _ := newEnding(t)
			in := h.fifo("stdin")
			cmd := h.command(args...)
			stdin, err := os.OpenFile(in.path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			cmd.Stdin = stdin
			var p *process
			in.onceRead(func() {
				p = h.begin(cmd)
				in.write("a")
			})
			p.signal(syscall.SIGINT)
			p.want(128 + int(syscall.SIGINT))
			h.checkNothingLeft()
		})
	}
}
