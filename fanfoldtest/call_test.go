package fanfoldtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/fanfoldtest"
	"github.com/fanfold/fanfold/protocol"
)

// handleFunc is a handler.
type handleFunc func(ctx context.Context, in []byte, reply *fanfold.Reply) error

func (f handleFunc) Handle(ctx context.Context, in []byte, reply *fanfold.Reply) error {
	return f(ctx, in, reply)
}

func (f handleFunc) program(name string) fanfold.Program {
	return fanfold.Program{Name: name, Handle: func(*fanfold.Task) (fanfold.Handler, error) {
		return f, nil
	}}
}

// upper answers in capitals, unless it is told to fail.
var upper = handleFunc(func(_ context.Context, in []byte, reply *fanfold.Reply) error {
	if string(in) == "fail" {
		return errors.New("as told")
	}
	_, err := reply.WriteString(strings.ToUpper(string(in)))
	return err
}).program("upper")

func TestCall(t *testing.T) {
	if got := fanfoldtest.Call(t, upper, "a", "", "bc"); !slices.Equal(got, []string{"A", "", "BC"}) {
		t.Errorf("the answers are %q", got)
	}
	if got := fanfoldtest.Call(t, upper); len(got) > 0 {
		t.Errorf("no tasks have the answers %q", got)
	}
}

// appender is a handler with a state: all that its shard has seen. The keys a and c are of
// different shards; others need not be.
type appender struct{ seen string }

func (a *appender) Handle(_ context.Context, in []byte, reply *fanfold.Reply) error {
	if string(in) != "all" {
		a.seen += string(in)
	}
	_, err := reply.WriteString(a.seen)
	return err
}

func TestCallKeepsStateByKey(t *testing.T) {
	p := fanfold.Program{
		Name: "appender", Stateful: true,
		Handle: func(*fanfold.Task) (fanfold.Handler, error) { return &appender{}, nil },
		Route:  func(in []byte) ([]byte, bool) { return in[:1], false },
	}
	got := fanfoldtest.Call(t, p, "a1", "c1", "a2", "a3", "c2")
	if want := []string{"a1", "c1", "a1a2", "a1a2a3", "c1c2"}; !slices.Equal(got, want) {
		t.Errorf("the answers are %q, want %q", got, want)
	}
}

// factorial calls itself.
var factorial = handleFunc(func(ctx context.Context, in []byte, reply *fanfold.Reply) error {
	var n, below int
	if _, err := fmt.Sscan(string(in), &n); err != nil {
		return err
	}
	if n > 1 {
		got, err := reply.Call(ctx, "factorial", fmt.Append(nil, n-1))
		if err != nil {
			return err
		}
		if _, err := fmt.Sscan(string(got), &below); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(reply, n*max(below, 1))
	return err
}).program("factorial")

func TestB10TasksCallTasks(t *testing.T) {
	tasks := slices.Repeat([]string{"6"}, 100)
	for i, got := range fanfoldtest.Call(t, factorial, tasks...) {
		if got != "720" {
			t.Errorf("task %d came to %s", i, got)
		}
	}
}

func TestCallFailsTheTest(t *testing.T) {
	var r recorder
	synctest.Test(t, func(t *testing.T) { // retries wait for the clock
		r.TB = t
		done := make(chan struct{})
		go func() {
			defer close(done)
			fanfoldtest.Call(&r, upper, "fail")
		}()
		<-done
	})
	if !strings.Contains(r.fatal, "task 0 failed: ") || !strings.Contains(r.fatal, "as told") {
		t.Errorf("the test fails with %q", r.fatal)
	}
}

func TestClosedJobOfAHandlerIsRefused(t *testing.T) {
	c := fanfoldtest.Start(t, fanfoldtest.Config{Programs: []fanfold.Program{upper, words}})
	_, err := c.Run(fanfold.Job{Program: "upper"}, "x\n")
	if fanfold.KindOf(err) != fanfold.KindUsage {
		t.Errorf("a closed job: %v of kind %s", err, fanfold.KindOf(err))
	}
	_, err = c.Open(fanfold.Job{Program: "words"}, protocol.OpenSpec{})
	if fanfold.KindOf(err) != fanfold.KindUsage {
		t.Errorf("an open job: %v of kind %s", err, fanfold.KindOf(err))
	}
}

// Real task processes, which are replaced all the time.
func TestB5ProcessesOfAnOpenJobAreReplaced(t *testing.T) {
	c := fanfoldtest.Start(t, fanfoldtest.Config{
		Programs: programs, Slots: 2, Processes: true, TasksMax: 200,
	})
	s, err := c.Open(fanfold.Job{Program: "upper"}, protocol.OpenSpec{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := c.PIDs()
	tasks := make([]client.Task, 4000)
	for i := range tasks {
		tasks[i].Data = fmt.Append(nil, "task ", i)
	}
	results, err := s.CallAll(t.Context(), tasks)
	if err != nil {
		t.Fatal(err)
	}
	for i := range results {
		if got, want := string(results[i].Data), fmt.Sprint("TASK ", i); got != want {
			t.Fatalf("task %d has %q (%v)", i, got, results[i].Err)
		}
	}
	if slices.Equal(before, c.PIDs()) {
		t.Error("vacuous: no process was replaced")
	}
}
