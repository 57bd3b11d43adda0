package client

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// outcome is what Call returns.
type outcome struct {
	result Result
	err    error
}

// callAsync is Call in a goroutine.
func callAsync(ctx context.Context, st *Stream, task Task) <-chan outcome {
	c := make(chan outcome, 1)
	go func() {
		r, err := st.Call(ctx, task)
		c <- outcome{r, err}
	}()
	return c
}

func TestB1EachResultReachesItsCaller(t *testing.T) {
	c, s := connect(t)
	go s.echo(t)
	st, err := c.Open(t.Context(), StreamSpec{
		Job: fanfold.Job{Program: "echo"}, Window: 16 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	const callers, each = 8, 200
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for j := range each {
				text := fmt.Sprint("call ", i, " ", j)
				if r, err := st.Call(t.Context(), Task{Data: []byte(text)}); string(r.Data) != text ||
					err != nil {
					t.Errorf("got %+v, %v, want %s", r, err, text)
				}
			}
		})
		all.Go(func() {
			tasks := make([]Task, each)
			for j := range tasks {
				tasks[j].Data = fmt.Append(nil, "all ", i, " ", j)
			}
			results, err := st.CallAll(t.Context(), tasks)
			if err != nil {
				t.Error(err)
			}
			for j, r := range results {
				if string(r.Data) != string(tasks[j].Data) || r.State != fanfold.Succeeded {
					t.Errorf("got %+v, want %s", r, tasks[j].Data)
				}
			}
		})
	}
	sent := make(chan map[uint64]string, 1)
	all.Go(func() {
		tags := map[uint64]string{}
		for j := range callers * each {
			text := fmt.Sprint("send ", j)
			tags[put(t, st, Task{Data: []byte(text)})] = text
		}
		sent <- tags
	})
	got := map[uint64]string{}
	for range callers * each {
		r := take(t, st)
		got[r.Tag] = string(r.Data)
	}
	all.Wait()
	want := <-sent
	for tag, text := range got {
		if text != want[tag] || len(got) != len(want) {
			t.Errorf("got %q, want %q", text, want[tag])
		}
	}
	if err := st.CloseSend(); err != nil {
		t.Error(err)
	}
	takeEnd(t, st, fanfold.KindNone)
}

func TestB13LateReplyReachesNoLaterCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		for _, ordered := range []bool{false, true} {
			st, _ := openStream(c, s, StreamSpec{Ordered: ordered, Window: 64})
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			early := callAsync(ctx, st, Task{Data: []byte("slow")})
			slow := s.sent("slow")
			if slow.Millis != 1000 {
				t.Errorf("the task has %d ms, want what its call has left", slow.Millis)
			}
			if o := <-early; o.result.State != fanfold.TimedOut || o.err != nil ||
				o.result.Err.Kind != fanfold.KindTimeout || o.result.Tag != slow.Tag {
				t.Errorf("got %+v", o)
			}
			if m := want[*protocol.CancelTask](s); m.Tag != slow.Tag {
				t.Errorf("got %+v, want a cancel of %d", m, slow.Tag)
			}
			late := callAsync(t.Context(), st, Task{Data: []byte("next")})
			next := s.sent("next")
			said := &protocol.Partial{Stream: slow.Request, Tag: slow.Tag, Number: 1, Status: "late"}
			s.send(said, answer(slow, "late"), answer(slow, "and again"))
			if m := want[*protocol.Credit](s); m.Bytes == 0 {
				t.Errorf("got %+v, want credit for what was dropped", m)
			}
			s.send(answer(next, "right"))
			if o := <-late; string(o.result.Data) != "right" || o.err != nil {
				t.Errorf("got %+v", o)
			}
			tag := put(t, st, Task{Data: []byte("sent")})
			s.send(answer(s.sent("sent"), "mine"))
			if r := take(t, st); r.Tag != tag || string(r.Data) != "mine" {
				t.Errorf("got %+v, want only what was sent", r)
			}
			if next.Tag == slow.Tag || tag == next.Tag {
				t.Errorf("the tags are %d, %d and %d", slow.Tag, next.Tag, tag)
			}
		}
	})
}

func TestB14DeadlineOfAFanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{Open: protocol.OpenSpec{TaskMillis: 500}})
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		begin := time.Now()
		done := make(chan []Result, 1)
		go func() {
			list, err := st.CallAll(ctx, []Task{
				{Data: []byte("quick")}, {Data: []byte("late")}, {Data: []byte("bad"), Deadline: time.Hour},
			})
			if err != nil {
				t.Error(err)
			}
			done <- list
		}()
		quick, late, bad := s.sent("quick"), s.sent("late"), s.sent("bad")
		if late.Millis != 500 || bad.Millis != 1000 {
			t.Errorf("the tasks have %d and %d ms", late.Millis, bad.Millis)
		}
		s.send(refusal(bad, fanfold.KindUser), answer(quick, "done"))
		list := <-done
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %s", took)
		}
		if r := list[0]; r.State != fanfold.Succeeded || string(r.Data) != "done" {
			t.Errorf("got %+v", r)
		}
		if r := list[1]; r.State != fanfold.TimedOut || r.Err.Kind != fanfold.KindTimeout {
			t.Errorf("got %+v", r)
		}
		if r := list[2]; r.State != fanfold.Failed || r.Err.Kind != fanfold.KindUser {
			t.Errorf("got %+v", r)
		}
		if m := want[*protocol.CancelTask](s); m.Tag != late.Tag {
			t.Errorf("got %+v", m)
		}
	})
}

func TestDeadlineWhileTasksWaitForCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{})
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		large := Task{Data: make([]byte, protocol.InputWindow)}
		list, err := st.CallAll(ctx, []Task{large, large})
		if err != nil || len(list) != 2 {
			t.Fatalf("got %v, %v", list, err)
		}
		for _, r := range list {
			if r.State != fanfold.TimedOut {
				t.Errorf("got %s, %v", r.State, r.Err)
			}
		}
		if list[0].Tag == 0 || list[1].Tag != 0 {
			t.Errorf("tags %d and %d: the second one was never sent", list[0].Tag, list[1].Tag)
		}
		want[*protocol.CancelTask](s)
	})
}

func TestDeadlineOfTasksBoundsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{})
		o := <-callAsync(t.Context(), st, Task{Data: []byte("x"), Deadline: time.Second})
		if o.err != nil || o.result.State != fanfold.TimedOut {
			t.Errorf("got %+v, want that nobody has answered", o)
		}
		if m := s.sent("x"); m.Millis != 1000 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestCallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{})
		ctx, stop := context.WithCancel(t.Context())
		o := callAsync(ctx, st, Task{Data: []byte("x")})
		m := s.sent("x")
		stop()
		if o := <-o; o.err != nil || o.result.State != fanfold.Cancelled ||
			o.result.Err.Kind != fanfold.KindCancelled {
			t.Errorf("got %+v", o)
		}
		if got := want[*protocol.CancelTask](s); got.Tag != m.Tag {
			t.Errorf("got %+v", got)
		}
		if _, err := st.Call(t.Context(), Task{OneWay: true}); fanfold.KindOf(err) !=
			fanfold.KindUsage {
			t.Errorf("got %v", err)
		}
		if list, err := st.CallAll(t.Context(), nil); len(list) > 0 || err != nil {
			t.Errorf("got %v, %v", list, err)
		}

		ended := callAsync(t.Context(), st, Task{Data: []byte("y")})
		s.sent("y")
		f := protocol.FromError(fanfold.Errorf(fanfold.KindDeadline, "run job", "too long"))
		s.send(&protocol.Ended{
			Request: request, State: uint32(fanfold.TimedOut), Failure: []protocol.Failure{f},
		})
		if o := <-ended; o.err != nil || o.result.State != fanfold.TimedOut ||
			o.result.Err.Kind != fanfold.KindDeadline {
			t.Errorf("got %+v", o)
		}
		list, err := st.CallAll(t.Context(), make([]Task, 2))
		if fanfold.KindOf(err) != fanfold.KindDeadline || len(list) != 2 {
			t.Errorf("got %v, %v", list, err)
		}
		for _, r := range list {
			if r.State != fanfold.Lost || r.Err.Kind != fanfold.KindDeadline {
				t.Errorf("got %+v", r)
			}
		}
	})
}

func TestPartialResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{Window: 4 * protocol.TaskCost})
		var said []string
		asked := Task{Data: []byte("x"), OnPartial: func(r Result) {
			// It may use the stream, and may take its time.
			if err := st.Cancel(r.Tag); err != nil {
				t.Error(err)
			}
			said = append(said, fmt.Sprint(r.Attempts, r.Status, string(r.Data)))
		}}
		o := callAsync(t.Context(), st, asked)
		m := s.sent("x")
		tell := func(tag uint64, status, data string) {
			s.send(&protocol.Partial{
				Stream: request, Tag: tag, Number: 1, Status: status, Data: []byte(data),
			})
		}
		tell(m.Tag, "one third", "")
		want[*protocol.CancelTask](s)
		tell(m.Tag, "", "some bytes")
		s.send(answer(m, "end"))
		if o := <-o; string(o.result.Data) != "end" || len(said) != 2 || said[0] != "1one third" ||
			said[1] != "1some bytes" {
			t.Errorf("got %+v, and heard %q", o, said)
		}
		put(t, st, Task{Data: []byte("y")})
		m = s.sent("y")
		tell(m.Tag, "", "half")
		if r := take(t, st); !r.Partial || string(r.Data) != "half" || r.State != fanfold.Running {
			t.Errorf("got %+v", r)
		}
		s.send(answer(m, "all"))
		if r := take(t, st); r.Partial || string(r.Data) != "all" {
			t.Errorf("got %+v", r)
		}
	})
}
