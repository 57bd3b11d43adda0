//go:build linux

package cli_test

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// detach submits a job without waiting for it, and gives its id.
func (h *home) detach(job ...string) fanfold.JobID {
	h.t.Helper()
	p := h.run(append([]string{"submit", "--detach"}, job...)...)
	p.want(0)
	id, err := fanfold.ParseJobID(strings.TrimSpace(p.stdout.String()))
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// dial connects to the coordinator of the home.
func (h *home) dial() *client.Client {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{Address: h.path("state/coordinator.sock")})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// ask calls do with a connection to the coordinator of the home, and a limit of time.
func (h *home) ask(do func(ctx context.Context, c *client.Client)) {
	h.t.Helper()
	c := h.dial()
	defer c.Close()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	do(ctx, c)
}

// newest is the job that was submitted last.
func (h *home) newest() (id fanfold.JobID) {
	h.t.Helper()
	h.ask(func(ctx context.Context, c *client.Client) {
		list, err := c.Jobs(ctx)
		if err != nil || len(list) == 0 {
			h.t.Fatalf("got %d jobs and %v, want some", len(list), err)
		}
		id = fanfold.JobID(list[len(list)-1].Job)
	})
	return id
}

func (h *home) wantState(id fanfold.JobID, want ...fanfold.State) {
	h.t.Helper()
	h.ask(func(ctx context.Context, c *client.Client) {
		info, err := c.Job(ctx, id)
		if err != nil || !slices.Contains(want, fanfold.State(info.State)) {
			h.t.Errorf("%s: got state %s and %v, want %v", id, fanfold.State(info.State), err, want)
		}
	})
}

// await waits for the end of a job.
func (h *home) await(id fanfold.JobID, want fanfold.State) {
	h.t.Helper()
	h.ask(func(ctx context.Context, c *client.Client) {
		if s, err := c.Wait(ctx, id); s.State != want {
			h.t.Errorf("%s: got %s and %v, want %s", id, s.State, err, want)
		}
	})
	h.wantState(id, want)
}

// cancel asks for the end of a job.
func (h *home) cancel(id fanfold.JobID) {
	h.t.Helper()
	h.ask(func(ctx context.Context, c *client.Client) {
		if err := c.Cancel(ctx, id); err != nil {
			h.t.Error(err)
		}
	})
}

// TestR44CancelQueuedAndRunning cancels a job that waits for a slot, and then the one that has it.
func TestR44CancelQueuedAndRunning(t *testing.T) {
	h, up := newEnding(t)
	co := h.coordinator()
	running := h.detach(family...)
	up.line()
	queued := h.detach(hang...)
	h.wantState(queued, fanfold.Waiting, fanfold.Queued)
	h.cancel(queued)
	h.await(queued, fanfold.Cancelled)
	h.wantState(running, fanfold.Running)
	h.cancel(running)
	h.await(running, fanfold.Cancelled)
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
	submit, stdin := h.startFed("submit", "wordcount", "-")
	feed(t, stdin)
	id := h.newest()
	h.cancel(id)
	h.await(id, fanfold.Cancelled)
	submit.want(fanfold.ExitCancelled, "cancelled")
	co.end()
	h.checkNothingLeft()
}

// TestR44CancelReply cancels a job whose reply is on its way: it is whole, or the client fails.
func TestR44CancelReply(t *testing.T) {
	h, _ := newEnding(t)
	co := h.coordinator()
	submit, stdout := h.startPiped("submit", "grep", "-p", "pattern=a", h.many())
	first := make([]byte, 1)
	if _, err := stdout.Read(first); err != nil {
		t.Fatal(err)
	}
	h.cancel(h.newest())
	rest, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	switch code := submit.wait(); {
	case code == 0 && string(first)+string(rest) != manyLines:
		t.Errorf("success, but %d bytes of %d", 1+len(rest), len(manyLines))
	case code != 0 && code != fanfold.ExitCancelled:
		t.Errorf("got exit code %d, want 0 or %d; stderr:\n%s", code, fanfold.ExitCancelled,
			submit.stderr.String())
	}
	co.end()
	h.checkNothingLeft()
}

// TestR44CancelEnded checks that what has ended stays as it is.
func TestR44CancelEnded(t *testing.T) {
	h, _ := newEnding(t)
	co := h.coordinator()
	id := h.detach("wordcount", "in")
	h.await(id, fanfold.Succeeded)
	h.ask(func(ctx context.Context, c *client.Client) {
		_ = c.Cancel(ctx, id) // whether it is told or not
	})
	h.await(id, fanfold.Succeeded)
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
	submit := h.start(subcommand("submit", hang...)...)
	up.line()
	co.signal(syscall.SIGSTOP)
	submit.signal(syscall.SIGINT)
	submit.want(128 + int(syscall.SIGINT))
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
