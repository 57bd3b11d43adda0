package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// handleFunc is a handler.
type handleFunc func(ctx context.Context, in []byte, reply *fanfold.Reply) error

func (f handleFunc) Handle(ctx context.Context, in []byte, reply *fanfold.Reply) error {
	return f(ctx, in, reply)
}

// program makes a program of a function.
func (f handleFunc) program(name string) fanfold.Program {
	return fanfold.Program{Name: name, Handle: func(*fanfold.Task) (fanfold.Handler, error) {
		return f, nil
	}}
}

// answer answers with the first 8 bytes of a task.
var answer = handleFunc(func(_ context.Context, in []byte, reply *fanfold.Reply) error {
	_, err := reply.Write(in[:min(8, len(in))])
	return err
}).program("answer")

// handler is a program whose tasks say that they have started and wait until they may end. They
// obey the end of their context.
func (g *gate) handler() fanfold.Program {
	return handleFunc(func(ctx context.Context, in []byte, reply *fanfold.Reply) error {
		g.started <- struct{}{}
		select {
		case <-g.free:
			_, err := reply.Write(in)
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}).program("gate")
}

// open tells of an open job, as job 1.
func (f *fake) open(p fanfold.Program, job fanfold.Job) { f.openAs(1, p, job) }

func (f *fake) openAs(number uint64, p fanfold.Program, job fanfold.Job) {
	f.t.Helper()
	job.Program = p.Name
	f.briefJob(&protocol.Brief{
		Job: number, Stages: uint32(fanfold.StageMap), Open: []protocol.OpenSpec{{}},
		Info: protocol.InfoOf(&p),
	}, job)
}

// call sends calls of job 1 with the same data.
func (f *fake) call(data string, attempts ...uint64) {
	f.t.Helper()
	for _, handle := range attempts {
		f.send(&protocol.Call{Attempt: handle, Job: 1, Task: uint32(handle), Data: []byte(data)})
	}
}

// get waits for a message and decodes it.
func (f *fake) get(v protocol.Body) {
	f.t.Helper()
	m, err := f.next()
	if err == nil {
		err = protocol.Decode(m, v)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// returned waits for the Return of a call and gives what is in it.
func (f *fake) returned(handle uint64, status uint8) string {
	f.t.Helper()
	var r protocol.Return
	f.get(&r)
	if r.Attempt != handle || r.Status != status {
		f.t.Fatalf("return of attempt %d with status %d (%v), want %d with %d",
			r.Attempt, r.Status, r.Failure, handle, status)
	}
	if r.Nanos < 0 || r.Nanos > int64(time.Hour) {
		f.t.Errorf("attempt %d took %d ns", handle, r.Nanos)
	}
	return string(r.Data)
}

// fails waits for the Return of a call that has failed.
func (f *fake) fails(handle uint64) *fanfold.Error {
	f.t.Helper()
	var r protocol.Return
	f.get(&r)
	if r.Attempt != handle || r.Status != protocol.StatusFailed || len(r.Failure) != 1 {
		f.t.Fatalf("return %+v, want attempt %d failed", r, handle)
	}
	return r.Failure[0].Err()
}

func TestCallsRunInOrder(t *testing.T) {
	made := 0
	look := fanfold.Program{Name: "look", Handle: func(t *fanfold.Task) (fanfold.Handler, error) {
		made++
		return handleFunc(func(ctx context.Context, in []byte, r *fanfold.Reply) error {
			deadline, ok := ctx.Deadline()
			if ok != !r.Deadline.IsZero() || !deadline.Equal(r.Deadline) {
				return fmt.Errorf("deadlines %v and %v", deadline, r.Deadline)
			}
			t.Count("look", "tasks", 1)
			fmt.Fprintf(r, "%s %s %q %d %v %s %d", in, r.In(), r.Key(), r.Shard, ok, r.ID, made)
			return nil
		}), nil
	}}
	f := startMain(t, worker.MainConfig{}, look)
	f.open(look, fanfold.Job{})
	for i := range 1000 {
		c := protocol.Call{Attempt: uint64(i + 1), Job: 1, Task: uint32(i), Data: []byte("plain")}
		if i%3 == 1 {
			c.Data, c.Key, c.Shard, c.Number = nil, []byte("k"), 7, 2
			c.Millis = 1 << 62
		}
		f.send(&c)
	}
	var r protocol.Return
	for i := range 1000 {
		f.get(&r)
		want := fmt.Sprintf(`plain plain "" -1 false %s/map-%d/1 1`, testJob, i)
		if i%3 == 1 {
			want = fmt.Sprintf(`  "k" 6 true %s/map-%d/2 1`, testJob, i)
		}
		if r.Attempt != uint64(i+1) || string(r.Data) != want {
			t.Fatalf("attempt %d has %q, %v; want %q", r.Attempt, r.Data, r.Failure, want)
		}
		if len(r.Counters) != 1 || r.Counters[0].N != 1 {
			t.Fatalf("counters %v of one task", r.Counters)
		}
	}
	if left := attemptDirs(t, f.dir); len(left) != 1 {
		t.Errorf("the directories are %v, want one of the handler", left)
	}
	f.send(&protocol.Forget{Job: 1})
	f.call("x", 5)
	if err := f.broken(); !strings.Contains(err.Error(), "no brief") {
		t.Errorf("a call of a forgotten job: %v", err)
	}
	if left := attemptDirs(t, f.dir); len(left) > 0 {
		t.Errorf("a forgotten job left %v", left)
	}
}

// broken waits for an Error and the end of Main.
func (f *fake) broken() error {
	f.t.Helper()
	var failure protocol.Failure
	f.get(&failure)
	return f.end()
}

func TestCallsOfAllSizes(t *testing.T) {
	double := handleFunc(func(_ context.Context, in []byte, r *fanfold.Reply) error {
		r.SetResult(append(append(r.Buffer(), in...), in...))
		return nil
	}).program("double")
	f := startMain(t, worker.MainConfig{}, double)
	f.open(double, fanfold.Job{})
	sizes := []int{0, 1, 100, 16 << 10, 17 << 10, 70 << 10, 1 << 20, 3 << 19}
	for round := range 3 {
		for i, n := range sizes {
			data := bytes.Repeat([]byte{byte('a' + i + round)}, n)
			f.send(&protocol.Call{Attempt: uint64(i + 1), Job: 1, Data: data})
			if err := f.conn.WaitQueued(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		for i, n := range sizes {
			got := f.returned(uint64(i+1), protocol.StatusSucceeded)
			if want := strings.Repeat(string(rune('a'+i+round)), 2*n); got != want {
				t.Errorf("%d bytes came back as %d others", n, len(got))
			}
		}
	}
	f.send(&protocol.Call{Attempt: 9, Job: 1, Data: make([]byte, 3<<19+1)})
	if e := f.fails(9); e.Kind != fanfold.KindTooLarge {
		t.Errorf("a result over the limit: %v of kind %s", e, e.Kind)
	}
}

func TestR04HandlerPanics(t *testing.T) {
	made := 0
	bad := fanfold.Program{Name: "bad", Handle: func(t *fanfold.Task) (fanfold.Handler, error) {
		made++
		return handleFunc(func(_ context.Context, in []byte, r *fanfold.Reply) error {
			fmt.Fprintf(t.Log, "about to look at %q\n", in)
			_ = in[4]
			_, err := fmt.Fprint(r, made)
			return err
		}), nil
	}}
	f := startMain(t, worker.MainConfig{}, bad)
	f.open(bad, fanfold.Job{})
	f.call("fine!", 1)
	f.call("bad", 2)
	f.call("fine?", 3)
	if got := f.returned(1, protocol.StatusSucceeded); got != "1" {
		t.Errorf("the first answer is %q", got)
	}
	e := f.fails(2)
	if e.Kind != fanfold.KindUser || !strings.Contains(e.Error(), "panic: runtime error: index out") {
		t.Errorf("failure %v of kind %s", e, e.Kind)
	}
	if e.Worker != "w1" || e.Attempt.Task != 2 || e.Attempt.Job != testJob {
		t.Errorf("the failure names worker %q, attempt %v", e.Worker, e.Attempt)
	}
	for _, want := range []string{`about to look at "bad"`, "TestR04HandlerPanics", "call_test.go:"} {
		if !strings.Contains(e.Log, want) {
			t.Errorf("the log lacks %q:\n%s", want, e.Log)
		}
	}
	for _, unwanted := range []string{"fine!", "worker.(*hand)", "runtime.gopanic"} {
		if strings.Contains(e.Log, unwanted) {
			t.Errorf("the log has %q:\n%s", unwanted, e.Log)
		}
	}
	if got := f.returned(3, protocol.StatusSucceeded); got != "2" {
		t.Errorf("answer %q after a panic, want one of a new handler", got)
	}
}

func TestHandlerFails(t *testing.T) {
	typed := fanfold.Errorf(fanfold.KindDisk, "spill", "no space")
	wrapped := fmt.Errorf("outer: %w", typed)
	fails := func(err error) fanfold.Program {
		return handleFunc(func(_ context.Context, _ []byte, r *fanfold.Reply) error {
			r.WriteString("half of")
			return err
		}).program("p")
	}
	refuses := fanfold.Program{Name: "p", Handle: func(*fanfold.Task) (fanfold.Handler, error) {
		return nil, errors.New("not today")
	}}
	panics := fanfold.Program{Name: "p", Handle: func(*fanfold.Task) (fanfold.Handler, error) {
		panic("never")
	}}
	failed := handleFunc(func(_ context.Context, _ []byte, r *fanfold.Reply) error {
		r.Fail(errors.New("by itself"))
		return nil
	}).program("p")
	tests := []struct {
		name    string
		program fanfold.Program
		kind    fanfold.Kind
		text    string
	}{
		{"plain", fails(errors.New("no")), fanfold.KindUser, "run handler: no"},
		{"typed", fails(typed), fanfold.KindDisk, "spill: no space"},
		{"wrapped", fails(wrapped), fanfold.KindDisk, "outer: spill: no space"},
		{"fail", failed, fanfold.KindUser, "run handler: by itself"},
		{"start", refuses, fanfold.KindUser, "start handler: not today"},
		{"start panics", panics, fanfold.KindUser, "start handler: panic: never"},
		{"no handler", fanfold.Program{Name: "p", Map: echo.Map}, fanfold.KindUsage, "p has no handler"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := startMain(t, worker.MainConfig{}, tt.program)
			f.open(tt.program, fanfold.Job{})
			f.call("x", 1, 2) // the second finds all as the first did
			for handle := range uint64(2) {
				e := f.fails(handle + 1)
				if e.Kind != tt.kind || !strings.Contains(e.Error(), tt.text) {
					t.Errorf("got %q of kind %s, want %q of %s", e.Error(), e.Kind, tt.text, tt.kind)
				}
			}
		})
	}
}

func TestClosedJobOfAHandler(t *testing.T) {
	f := startMain(t, worker.MainConfig{}, answer)
	f.brief("answer")
	f.assign("x\n", 1)
	if e := f.failure(1); e.Kind != fanfold.KindUsage || !strings.Contains(e.Error(), "no mapper") {
		t.Errorf("got %v of kind %s", e, e.Kind)
	}
}

func TestCallsStop(t *testing.T) {
	g := newGate()
	f := startMain(t, worker.MainConfig{}, g.handler())
	f.open(g.handler(), fanfold.Job{})
	f.call("x", 1, 2, 3, 4)
	<-g.started
	f.send(&protocol.Stop{Attempt: 2}, &protocol.Revoke{Attempt: 3}, &protocol.Revoke{Attempt: 1},
		&protocol.Stop{Attempt: 99})
	f.returned(2, protocol.StatusStopped)
	f.returned(3, protocol.StatusReturned)
	f.send(&protocol.Stop{Attempt: 1})
	f.returned(1, protocol.StatusStopped)
	<-g.started
	close(g.free)
	f.returned(4, protocol.StatusSucceeded)
}

func TestCallsRunOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		f := startMain(t, worker.MainConfig{}, g.handler())
		f.open(g.handler(), fanfold.Job{})
		begin := time.Now()
		for i, millis := range []int64{60_000, 30_000, 90_000} {
			f.send(&protocol.Call{Attempt: uint64(i + 1), Job: 1, Millis: millis})
		}
		var r protocol.Return
		for i, want := range []time.Duration{60, 60, 90} { // the second does not start
			if i != 1 {
				<-g.started
			}
			f.get(&r)
			if r.Attempt != uint64(i+1) || r.Status != protocol.StatusTimeout ||
				fanfold.Kind(r.Failure[0].Kind) != fanfold.KindTimeout {
				t.Errorf("return %+v", r)
			}
			if took := time.Since(begin); took.Truncate(time.Second) != want*time.Second {
				t.Errorf("attempt %d ended after %v", i+1, took)
			}
		}
		_ = f.conn.Close()
		_ = f.result()
	})
}

// What is finished does not wait for what runs: it is sent at the latest when some time has passed.
func TestReturnsDoNotWaitForALongCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		some := handleFunc(func(_ context.Context, in []byte, _ *fanfold.Reply) error {
			if string(in) == "long" {
				<-free
			}
			return nil
		}).program("some")
		f := startMain(t, worker.MainConfig{}, some)
		f.open(some, fanfold.Job{})
		f.call("short", 1, 2, 3)
		f.call("long", 4)
		for handle := range uint64(3) {
			f.returned(handle+1, protocol.StatusSucceeded)
		}
		close(free)
		f.returned(4, protocol.StatusSucceeded)
		_ = f.conn.Close()
		_ = f.result()
	})
}

func TestCallsRetire(t *testing.T) {
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprint("told ", told), func(t *testing.T) {
			g := newGate()
			cfg := worker.MainConfig{TasksMax: 1}
			if told {
				cfg.TasksMax = 0
			}
			f := startMain(t, cfg, g.handler(), echo)
			f.open(g.handler(), fanfold.Job{})
			f.call("x", 1, 2, 3)
			<-g.started
			if told {
				f.send(&protocol.Retire{Reason: "reload"})
			}
			f.send(&protocol.Stop{Attempt: 3}) // the answer says that all has been read
			f.returned(3, protocol.StatusStopped)
			close(g.free)
			f.returned(1, protocol.StatusSucceeded)
			f.returned(2, protocol.StatusReturned)
			var bye protocol.Bye
			f.get(&bye)
			if err := f.end(); err != nil {
				t.Error(err)
			}
			if left := attemptDirs(t, f.dir); len(left) > 0 {
				t.Errorf("the process left %v", left)
			}
		})
	}
}

func TestHandlerLogs(t *testing.T) {
	var log bytes.Buffer
	var marks []string
	p := fanfold.Program{Name: "p", Handle: func(t *fanfold.Task) (fanfold.Handler, error) {
		return handleFunc(func(_ context.Context, in []byte, r *fanfold.Reply) error {
			fmt.Fprintf(t.Log, "got %s\n", in)
			return nil
		}), nil
	}}
	f := startMain(t, worker.MainConfig{
		Log: &log,
		Mark: func(id fanfold.AttemptID, begin bool) {
			marks = append(marks, fmt.Sprint(begin, " ", id.Task, " ", log.Len() > 0))
		},
	}, p, echo)
	f.open(p, fanfold.Job{})
	f.call("a", 1, 2, 3)
	for handle := range uint64(3) {
		f.returned(handle+1, protocol.StatusSucceeded)
	}
	f.briefJob(&protocol.Brief{Job: 2, Stages: uint32(fanfold.StageMap)}, fanfold.Job{Program: "echo"})
	a := mapAssign(9)
	a.Job = 2
	f.send(&protocol.Input{Stream: 9, Data: []byte("x\n")}, a)
	f.done(9, protocol.StatusSucceeded)
	f.call("b", 4)
	f.returned(4, protocol.StatusSucceeded)
	_ = f.conn.Close()
	_ = f.result()
	if got, want := log.String(), "got a\ngot a\ngot a\ngot b\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
	want := []string{"true 1 false", "false 1 true", "true 9 true", "false 9 true", "true 4 true",
		"false 4 true"}
	if !slices.Equal(marks, want) {
		t.Errorf("marks %v, want %v", marks, want)
	}
}
