package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// fib calls itself twice, through the coordinator, with two tasks at once.
var fib = handleFunc(func(ctx context.Context, in []byte, r *fanfold.Reply) error {
	var n, a, b int
	if _, err := fmt.Sscan(string(in), &n); err != nil {
		return err
	}
	if n < 2 {
		_, err := fmt.Fprint(r, n)
		return err
	}
	tasks := [][]byte{fmt.Append(nil, n-1), fmt.Append(nil, n-2)}
	got, err := r.CallAll(ctx, "fib", tasks)
	if err != nil {
		return err
	}
	for i, into := range []*int{&a, &b} {
		if got[i].State != fanfold.Succeeded {
			return fmt.Errorf("call %d: %w", i, got[i].Err)
		}
		if _, err := fmt.Sscan(string(got[i].Data), into); err != nil {
			return err
		}
	}
	_, err = fmt.Fprint(r, a+b)
	return err
}).program("fib")

// relay is a coordinator of one slot for programs that call each other: it turns each Ask into a
// Call of a job one level deeper, and the Return of that into a Told.
type relay struct {
	*fake
	level   map[uint64]uint64       // of an attempt: the number of its job
	asked   map[uint64]protocol.Ask // by the attempt that it became
	results map[uint64]string       // of attempts that nobody has asked for
	levels  uint64
	last    uint64
	waiting int // attempts that were asked for and have not ended
	most    int // of them at a time
}

func startRelay(f *fake, p fanfold.Program) *relay {
	r := &relay{
		fake: f, level: map[uint64]uint64{}, asked: map[uint64]protocol.Ask{},
		results: map[uint64]string{},
	}
	for level := range uint64(12) {
		f.openAs(level+1, p, fanfold.Job{})
	}
	return r
}

func (r *relay) run(data []byte, job uint64) uint64 {
	r.last++
	r.level[r.last] = job
	r.levels = max(r.levels, job)
	r.send(&protocol.Call{Attempt: r.last, Job: job, Data: data, Task: uint32(r.last)})
	return r.last
}

// serve goes on until n results are there.
func (r *relay) serve(n int) {
	r.t.Helper()
	for len(r.results) < n {
		m, err := r.next()
		if err != nil {
			r.t.Fatal(err)
		}
		var ret protocol.Return
		switch m.Kind {
		case protocol.KindAsk:
			var a protocol.Ask
			if err := protocol.Decode(m, &a); err != nil {
				r.t.Fatal(err)
			}
			r.waiting++
			r.most = max(r.most, r.waiting)
			r.asked[r.run(a.Data, r.level[a.Attempt]+1)] = a
			continue
		case protocol.KindReturn:
			if err := protocol.Decode(m, &ret); err != nil {
				r.t.Fatal(err)
			}
		default:
			r.t.Fatalf("message of kind %s", m.Kind)
		}
		a, isAsked := r.asked[ret.Attempt]
		if !isAsked {
			r.results[ret.Attempt] = fmt.Sprintf("%d %s", ret.Status, ret.Data)
			for i := range ret.Failure {
				r.t.Logf("attempt %d: %v", ret.Attempt, ret.Failure[i].Err())
			}
			continue
		}
		r.waiting--
		t := protocol.Told{
			Attempt: a.Attempt, Tag: a.Tag, State: uint8(fanfold.Succeeded), Data: ret.Data,
			Failure: ret.Failure,
		}
		if ret.Status != protocol.StatusSucceeded {
			t.State = uint8(fanfold.Failed)
		}
		r.send(&t)
	}
}

func TestB10CallsOfCallsNeverBlock(t *testing.T) {
	r := startRelay(startMain(t, worker.MainConfig{}, fib), fib)
	for range 200 { // more than may wait at a time
		r.run([]byte("6"), 1)
	}
	r.serve(200)
	for attempt, got := range r.results {
		if got != "1 8" {
			t.Errorf("attempt %d came to %q", attempt, got)
		}
	}
	if r.levels != 6 || r.most < 100 {
		t.Errorf("vacuous: calls %d levels deep, %d at a time", r.levels, r.most)
	}
}

func TestB10ProcessRetiresWhenNoCallWaits(t *testing.T) {
	r := startRelay(startMain(t, worker.MainConfig{TasksMax: 2}, fib), fib)
	for range 4 {
		r.run([]byte("4"), 1)
	}
	r.serve(4)
	succeeded, returned := 0, 0
	for _, got := range r.results {
		switch got {
		case "1 3":
			succeeded++
		case "4 ":
			returned++
		}
	}
	if succeeded == 0 || succeeded+returned != 4 {
		t.Errorf("the results are %v", r.results)
	}
	if m, err := r.next(); err != nil || m.Kind != protocol.KindBye {
		t.Errorf("message of kind %s, %v; want Bye", m.Kind, err)
	}
}

func TestCallsOfCallsFail(t *testing.T) {
	outer := handleFunc(func(ctx context.Context, in []byte, r *fanfold.Reply) error {
		got, err := r.Call(ctx, "inner", in)
		r.SetResult(append(r.Buffer(), got...))
		return err
	}).program("outer")
	f := startMain(t, worker.MainConfig{}, outer)
	f.open(outer, fanfold.Job{})
	ask := func(attempt uint64) (a protocol.Ask) {
		t.Helper()
		f.call("in", attempt)
		f.get(&a)
		if a.Attempt != attempt || a.Program != "inner" || string(a.Data) != "in" || a.More {
			t.Fatalf("asked for %+v", a)
		}
		return a
	}
	told := func(a protocol.Ask, state fanfold.State, err error) {
		t.Helper()
		m := protocol.Told{Attempt: a.Attempt, Tag: a.Tag, State: uint8(state), Data: []byte("out")}
		if err != nil {
			m.Data, m.Failure = nil, []protocol.Failure{protocol.FromError(err)}
		}
		f.send(&m)
	}
	told(ask(1), fanfold.Succeeded, nil)
	if got := f.returned(1, protocol.StatusSucceeded); got != "out" {
		t.Errorf("it came to %q", got)
	}
	told(ask(2), fanfold.Failed, fanfold.Errorf(fanfold.KindDisk, "spill", "no space"))
	if e := f.fails(2); e.Kind != fanfold.KindDisk || !strings.Contains(e.Error(), "no space") {
		t.Errorf("failure %v of kind %s", e, e.Kind)
	}
	told(ask(3), fanfold.TimedOut, nil)
	if e := f.fails(3); e.Err == nil {
		t.Errorf("failure %v", e)
	}
	// One that is stopped waits no longer; what it has asked for comes too late.
	late := ask(4)
	f.send(&protocol.Stop{Attempt: 4})
	f.returned(4, protocol.StatusStopped)
	told(late, fanfold.Succeeded, nil)
	told(ask(5), fanfold.Succeeded, nil)
	f.returned(5, protocol.StatusSucceeded)
	// The end of the connection ends the waiting, too.
	ask(6)
	_ = f.conn.Close()
	if err := f.result(); err != nil {
		t.Error(err)
	}
}

func TestCallsThatAreRefused(t *testing.T) {
	refused, asked := make(chan error, 4), make(chan struct{})
	p := handleFunc(func(ctx context.Context, in []byte, r *fanfold.Reply) error {
		if got, err := r.CallAll(ctx, "p", nil); len(got) > 0 || err != nil {
			refused <- errors.New("no calls are none")
		}
		_, err := r.Call(ctx, "p", make([]byte, fanfold.PayloadMax+1))
		refused <- err
		_, err = r.CallAll(ctx, "p", make([][]byte, 1<<16+1))
		refused <- err
		refused <- r.Partial(make([]byte, fanfold.PayloadMax+1))
		go func() { // while this goroutine waits
			<-asked
			_, err := r.Call(ctx, "p", nil)
			refused <- err
		}()
		_, err = r.Call(ctx, "p", nil)
		return err
	}).program("p")
	f := startMain(t, worker.MainConfig{}, p)
	f.open(p, fanfold.Job{})
	f.call("x", 1)
	tooLarge := fanfold.KindTooLarge
	for _, want := range []fanfold.Kind{tooLarge, fanfold.KindUsage, tooLarge} {
		if err := <-refused; fanfold.KindOf(err) != want {
			t.Errorf("got %v, want an error of kind %s", err, want)
		}
	}
	var a protocol.Ask
	f.get(&a)
	close(asked)
	if err := <-refused; err == nil || !strings.Contains(err.Error(), "another goroutine") {
		t.Errorf("a second call at a time: %v", err)
	}
	f.send(&protocol.Told{Attempt: 1, Tag: a.Tag, State: uint8(fanfold.Succeeded)})
	f.returned(1, protocol.StatusSucceeded)
}

func TestPartialResultsComeFirst(t *testing.T) {
	p := handleFunc(func(ctx context.Context, in []byte, r *fanfold.Reply) error {
		r.WriteString("result")
		return errors.Join(r.Partial([]byte("piece")), r.Progress("half way"),
			r.Progress(strings.Repeat("x", 5000)))
	}).program("p")
	f := startMain(t, worker.MainConfig{}, p)
	f.open(p, fanfold.Job{})
	f.send(&protocol.Call{Attempt: 1, Job: 1, Number: 3})
	for _, want := range []string{"piece", "half way", strings.Repeat("x", 1<<10)} {
		var got protocol.Partial
		f.get(&got)
		if string(got.Data)+got.Status != want || got.Stream != 1 || got.Number != 3 {
			t.Errorf("partial result %+v, want %q", got, want)
		}
	}
	if got := f.returned(1, protocol.StatusSucceeded); got != "result" {
		t.Errorf("it came to %q", got)
	}
}
