//go:build linux

package command

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// handling is a handler of a test.
type handling struct {
	t       *testing.T
	handler fanfold.Handler
}

func newHandling(t *testing.T, feed fanfold.Feed, argv ...string) handling {
	t.Helper()
	p, err := Program(fanfold.Command{Mapper: argv, Feed: feed})
	if err != nil {
		t.Fatal(err)
	}
	task := fanfold.NewTask(t.Context(), fanfold.Task{Dir: t.TempDir()})
	h, err := p.Handle(task)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c, ok := h.(fanfold.Closer); ok {
			if err := c.Close(nil); err != nil {
				t.Error(err)
			}
		}
	})
	return handling{t, h}
}

// ask runs one task and gives its result, or its error behind "error: ".
func (h handling) ask(ctx context.Context, in string) string {
	var r fanfold.Reply
	if err := h.handler.Handle(ctx, []byte(in), &r); err != nil {
		return "error: " + err.Error()
	}
	return string(r.Buffer())
}

// askAll runs tasks in one batch.
func (h handling) askAll(ctx context.Context, in ...string) (results []string) {
	var tasks []*fanfold.Reply
	for _, text := range in {
		tasks = append(tasks, &fanfold.Reply{Input: []byte(text)})
	}
	err := h.handler.(fanfold.BatchHandler).HandleBatch(ctx, tasks)
	for _, r := range tasks {
		switch {
		case r.Err() != nil:
			results = append(results, "error: "+r.Err().Error())
		case err != nil:
			results = append(results, "error: "+err.Error())
		default:
			results = append(results, string(r.Buffer()))
		}
	}
	return results
}

// numbers answers each line with its number and itself, at once.
const numbers = `while IFS= read -r x; do n=$((n+1)); echo "$n:$x"; done`

func TestHandlerKeepsItsCommand(t *testing.T) {
	h := newHandling(t, fanfold.FeedKept, "sh", "-c", numbers)
	for i := range 3 {
		if got, want := h.ask(t.Context(), "a"), fmt.Sprintf("%d:a", i+1); got != want {
			t.Errorf("task %d: got %q, want %q: it was not the same process", i, got, want)
		}
	}
	if got := h.ask(t.Context(), ""); got != "4:" {
		t.Errorf("an empty task: got %q", got)
	}
	if got := h.ask(t.Context(), "a\nb"); !strings.Contains(got, "one line") {
		t.Errorf("a task of two lines: got %q", got)
	}
}

// TestHandlerShiftsNoAnswer checks that a line too many is an error, of this task or of the next,
// and that the task after it gets its own answer.
func TestHandlerShiftsNoAnswer(t *testing.T) {
	h := newHandling(t, fanfold.FeedKept, "sh", "-c",
		`while read x; do echo one; [ "$x" != twice ] || echo two; done`)
	got := []string{
		h.ask(t.Context(), "a"), h.ask(t.Context(), "twice"), h.ask(t.Context(), "b"),
		h.ask(t.Context(), "c"),
	}
	failed := 0
	for _, r := range got {
		if strings.Contains(r, "more than one line") {
			failed++
		} else if r != "one" {
			t.Errorf("got the answer %q", r)
		}
	}
	if failed != 1 {
		t.Errorf("%d of the answers %q are errors, want 1", failed, got)
	}
}

func TestHandlerEndsWithoutAnswer(t *testing.T) {
	h := newHandling(t, fanfold.FeedKept, "sh", "-c",
		`read x; [ "$x" = die ] && exit 3; echo "got $x"`)
	if got := h.ask(t.Context(), "a"); got != "got a" {
		t.Errorf("got %q", got)
	}
	if got := h.ask(t.Context(), "b"); got != "got b" {
		t.Errorf("after the command had ended: got %q, want that of another", got)
	}
	if got := h.ask(t.Context(), "die"); !strings.Contains(got, "exited with status 3") {
		t.Errorf("got %q, want its exit status", got)
	}
	if got := h.ask(t.Context(), "c"); got != "got c" {
		t.Errorf("after a failure: got %q", got)
	}
}

func TestHandlerIsCancelled(t *testing.T) {
	for _, feed := range []fanfold.Feed{fanfold.FeedKept, fanfold.FeedPerTask} {
		h := newHandling(t, feed, "sh", "-c", "echo started >&2; exec sleep 1000")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(context.DeadlineExceeded)
		if got := h.ask(ctx, "a"); got != "error: "+context.DeadlineExceeded.Error() {
			t.Errorf("feed %d: got %q", feed, got)
		}
	}
}

func TestHandlerPerTask(t *testing.T) {
	h := newHandling(t, fanfold.FeedPerTask, "tr", "a ", "b\n")
	if got := h.ask(t.Context(), "a a"); got != "b\nb" {
		t.Errorf("got %q", got)
	}
	h = newHandling(t, fanfold.FeedPerTask, "sh", "-c", "echo why >&2; exit 4")
	if got := h.ask(t.Context(), "x"); !strings.Contains(got, "exited with status 4") {
		t.Errorf("got %q", got)
	}
}

func TestHandlerPipelined(t *testing.T) {
	for _, command := range [][]string{
		{"sh", "-c", numbers},        // answers as it reads
		{"awk", `{print NR ":" $0}`}, // keeps its answers back
	} {
		h := newHandling(t, fanfold.FeedPipelined, command...)
		got := h.askAll(t.Context(), "a", "b\nc", "d")
		if got[0] != "1:a" || !strings.Contains(got[1], "one line") || got[2] != "2:d" {
			t.Errorf("%s: got %q", command, got)
		}
		if got := h.askAll(t.Context(), "x", "y"); !strings.HasSuffix(got[0], ":x") ||
			!strings.HasSuffix(got[1], ":y") {
			t.Errorf("%s, second batch: got %q", command, got)
		}
	}
}

func TestHandlerPipelinedCounts(t *testing.T) {
	for _, command := range [][]string{{"grep", "a"}, {"sed", "p"}} {
		h := newHandling(t, fanfold.FeedPipelined, command...)
		for _, got := range h.askAll(t.Context(), "a", "b", "a") {
			if !strings.Contains(got, errCount.Error()) {
				t.Errorf("%s: got %q, want an error", command, got)
			}
		}
	}
}
