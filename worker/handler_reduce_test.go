package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// joining is a reducer that writes the values, and how many there were, when it is closed.
type joining struct {
	t      *fanfold.Task
	values []string
}

func (j *joining) Reduce(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	if len(key) > 0 {
		return fmt.Errorf("key %q", key)
	}
	for v := range values.All() {
		switch string(v) {
		case "fail":
			fmt.Fprintln(j.t.Log, "I was told to")
			return errors.New("told to fail")
		case "panic":
			panic("told to")
		case "flood":
			for range 4 {
				emit.Emit(nil, make([]byte, 1<<20))
			}
		}
		j.values = append(j.values, string(v))
	}
	return nil
}

func (j *joining) Close(emit *fanfold.Emitter) error {
	if emit != nil {
		emit.Emit([]byte("key"), []byte(strings.Join(j.values, "+")+"="))
		emit.Add(nil, int64(len(j.values)))
	}
	return nil
}

func joiner() fanfold.Program {
	p := answer
	p.Reduce = func(t *fanfold.Task) (fanfold.Reducer, error) { return &joining{t: t}, nil }
	return p
}

// list is the Data of a Call of a reduce.
func list(values ...string) (data []byte) {
	for _, v := range values {
		data = protocol.AppendValue(data, []byte(v))
	}
	return data
}

func TestResultsAreReduced(t *testing.T) {
	f := startMain(t, worker.MainConfig{}, joiner())
	f.open(joiner(), fanfold.Job{})
	reduce := func(attempt uint64, more bool, data []byte) {
		t.Helper()
		f.send(&protocol.Call{
			Attempt: attempt, Job: 1, Op: protocol.OpReduce, More: more, Data: data,
		})
	}
	reduce(1, false, list("a", "", "b"))
	if got := f.returned(1, protocol.StatusSucceeded); got != "a++b=3" {
		t.Errorf("got %q", got)
	}
	whole := list("one", "two", "three")
	for i := range whole { // in pieces of a byte, with others in between
		reduce(2, i+1 < len(whole), whole[i:i+1])
		f.call("x", 3)
		if i+1 < len(whole) {
			f.returned(3, protocol.StatusSucceeded)
		}
	}
	if got := f.returned(2, protocol.StatusSucceeded); got != "one+two+three=3" {
		t.Errorf("got %q", got)
	}
	f.returned(3, protocol.StatusSucceeded)
	reduce(4, false, nil)
	if got := f.returned(4, protocol.StatusSucceeded); got != "" {
		t.Errorf("nothing came to %q", got)
	}
	reduce(5, true, whole)
	f.send(&protocol.Stop{Attempt: 5}) // what has come of it is dropped
	f.returned(5, protocol.StatusStopped)
	for _, tt := range []struct {
		data []byte
		kind fanfold.Kind
		text string
	}{
		{list("a", "fail"), fanfold.KindUser, "told to fail"},
		{list("panic"), fanfold.KindUser, "panic: told to"},
		{list("flood"), fanfold.KindTooLarge, "the most is"},
		{whole[:len(whole)-1], fanfold.KindProtocol, "cut short"},
	} {
		reduce(6, false, tt.data)
		e := f.fails(6)
		if e.Kind != tt.kind || !strings.Contains(e.Error(), tt.text) {
			t.Errorf("failure %v of kind %s, want %q of %s", e, e.Kind, tt.text, tt.kind)
		}
		if tt.text == "told to fail" && e.Log != "I was told to\n" {
			t.Errorf("log %q", e.Log)
		}
	}
	if left := attemptDirs(t, f.dir); len(left) > 1 {
		t.Errorf("reduces left %v", left)
	}
}

func TestResultsAreFolded(t *testing.T) {
	long := "9223372036854775807"
	tests := []struct {
		fold   fanfold.Fold
		values []string
		want   string
	}{
		{fanfold.Sum, []string{"1", "-20", "3\n"}, "-16"},
		{fanfold.Sum, []string{long, "1", "-1"}, long},
		{fanfold.Sum, []string{long, "1"}, "error: does not fit"},
		{fanfold.Sum, []string{"1", "one"}, `error: "one" is not`},
		{fanfold.Sum, []string{strings.Repeat("1", 100)}, "error: is not"},
		{fanfold.Min, []string{"4", "-1", "0"}, "-1"},
		{fanfold.Max, []string{"4", "-1", "5"}, "5"},
		{fanfold.Count, []string{"a", "b", ""}, "3"},
		{fanfold.First, []string{"a", "b"}, "a"},
		{fanfold.Distinct, []string{"a", "b"}, ""},
	}
	for _, tt := range tests {
		p := answer
		p.Fold = tt.fold
		f := startMain(t, worker.MainConfig{}, p)
		f.open(p, fanfold.Job{})
		f.send(&protocol.Call{Attempt: 1, Job: 1, Op: protocol.OpReduce, Data: list(tt.values...)})
		var r protocol.Return
		f.get(&r)
		got := string(r.Data)
		if len(r.Failure) > 0 {
			got = "error: " + r.Failure[0].Message
		}
		if want := strings.TrimPrefix(tt.want, "error: "); !strings.Contains(got, want) ||
			want == tt.want && got != want {
			t.Errorf("fold %d of %q came to %q, want %q", tt.fold, tt.values, got, tt.want)
		}
	}
}

func TestReduceWithoutAReducer(t *testing.T) {
	f := startMain(t, worker.MainConfig{}, answer)
	f.open(answer, fanfold.Job{})
	f.send(&protocol.Call{Attempt: 1, Job: 1, Op: protocol.OpReduce, Data: list("x")})
	if e := f.fails(1); e.Kind != fanfold.KindUsage {
		t.Errorf("got %v of kind %s", e, e.Kind)
	}
}

// The process ends the connection with a reason when the coordinator talks nonsense.
func TestR09CallsThatBreakTheProtocol(t *testing.T) {
	many := make([]protocol.Body, 0, 4200)
	for range cap(many) {
		many = append(many, &protocol.Call{Attempt: 1, Job: 1})
	}
	tests := []struct {
		name     string
		messages []protocol.Body
		text     string
	}{
		{"no brief", []protocol.Body{&protocol.Call{Attempt: 1, Job: 9}}, "no brief of open job 9"},
		{"closed job", []protocol.Body{&protocol.Call{Attempt: 1, Job: 2}}, "no brief of open job 2"},
		{"open job", []protocol.Body{&protocol.Assign{
			Attempt: 1, Job: 1, Stage: 1, Number: 1, Split: protocol.AppendSplit(nil, &fanfold.Split{}),
		}}, "no brief of closed job 1"},
		{"snapshot", []protocol.Body{&protocol.Snapshot{Job: 1, Shard: 1}}, "no brief of stateful job 1"},
		{"told", []protocol.Body{
			&protocol.Told{Tag: 1, State: uint8(fanfold.Succeeded)},
		}, "nothing was asked with tag 1"},
		{"second brief", []protocol.Body{&protocol.Brief{
			Job: 1, ID: testJob[:], Stages: 1, Spec: protocol.FromJob(fanfold.Job{Program: "answer"}),
		}}, "open job 1 has one"},
		{"too many", many, "over 4096 that have not started"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate()
			f := startMain(t, worker.MainConfig{}, g.handler(), echo)
			f.open(g.handler(), fanfold.Job{})
			f.briefJob(&protocol.Brief{Job: 2, Stages: 1}, fanfold.Job{Program: "echo"})
			f.call("x", 1)
			<-g.started
			f.send(tt.messages...)
			told := false
			m, err := f.next()
			for ; err == nil; m, err = f.next() { // what ran ends with a Return, because of this
				told = told || m.Kind == protocol.KindError
			}
			if !errors.Is(err, io.EOF) || !told {
				t.Fatalf("the connection ended with %v, a reason was given: %v", err, told)
			}
			err = f.result()
			if fanfold.KindOf(err) != fanfold.KindProtocol || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Main returned %v, want %q", err, tt.text)
			}
		})
	}
}

// B4: thousands of tasks wait behind one that is stuck, and then run in their order.
func TestB4CallsWaitInOrder(t *testing.T) {
	free, log := make(chan struct{}), bytes.Buffer{}
	p := handleFunc(func(_ context.Context, in []byte, _ *fanfold.Reply) error {
		<-free
		log.Write(in)
		return nil
	}).program("p")
	f := startMain(t, worker.MainConfig{}, p)
	f.open(p, fanfold.Job{})
	var want bytes.Buffer
	for i := range uint64(4000) {
		text := fmt.Appendf(nil, "%d ", i)
		want.Write(text)
		if err := f.conn.Send(&protocol.Call{Attempt: i + 1, Job: 1, Data: text}); err != nil {
			t.Fatal(err)
		}
	}
	f.send(&protocol.Stop{Attempt: 5000})
	f.call("end", 4001)
	close(free)
	for i := range uint64(4001) {
		f.returned(i+1, protocol.StatusSucceeded)
	}
	if got := log.String(); got != want.String()+"end" {
		t.Errorf("they ran in the order %.200s…", got)
	}
}

// A call allocates nothing, wherever its bytes and its result go.
func TestCallsDoNotAllocate(t *testing.T) {
	f := startMain(t, worker.MainConfig{}, answer)
	f.open(answer, fanfold.Job{})
	const ahead = 128
	c, r := protocol.Call{Job: 1, Data: make([]byte, 64)}, protocol.Return{}
	attempt := uint64(0)
	burst := func() {
		for range ahead {
			attempt++
			c.Attempt = attempt
			if err := f.conn.Send(&c); err != nil {
				t.Fatal(err)
			}
		}
		f.conn.Flush()
		for got := 0; got < ahead; {
			if err := f.conn.Read(&f.batch); err != nil {
				t.Fatal(err)
			}
			for m := range f.batch.All() {
				if err := protocol.Decode(m, &r); err != nil || r.Status != protocol.StatusSucceeded {
					t.Fatal(err, r.Failure)
				}
				got++
			}
		}
	}
	for range 100 { // buffers grow
		burst()
	}
	if n := testing.AllocsPerRun(100, burst) / ahead; n > 0.05 {
		t.Errorf("%.3f allocations per call", n)
	}
}
