package client

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// openStream opens a stream that the server accepts.
func openStream(c *Client, s *server, spec StreamSpec) (*Stream, uint64) {
	s.t.Helper()
	spec.Job.Program = "echo"
	streams := make(chan *Stream, 1)
	go func() {
		st, err := c.Open(s.t.Context(), spec)
		if err != nil {
			s.t.Error(err)
		}
		streams <- st
	}()
	m := want[*protocol.Submit](s)
	s.send(accepted(m.Request))
	return <-streams, m.Request
}

// sent waits for a task, and checks what is in it.
func (s *server) sent(data string) *protocol.Task {
	s.t.Helper()
	m := want[*protocol.Task](s)
	if string(m.Data) != data {
		s.t.Errorf("the task has %q, want %q", m.Data, data)
	}
	return m
}

// answer is the reply to a task that has succeeded.
func answer(m *protocol.Task, data string) *protocol.Reply {
	return &protocol.Reply{
		Request: m.Request, Tag: m.Tag, State: uint8(fanfold.Succeeded), Data: []byte(data),
		Attempts: 1, Worker: "w",
	}
}

// refusal is the reply to a task that has failed.
func refusal(m *protocol.Task, kind fanfold.Kind) *protocol.Reply {
	f := protocol.FromError(fanfold.Errorf(kind, "run task", "oh no"))
	return &protocol.Reply{
		Request: m.Request, Tag: m.Tag, State: uint8(fanfold.Failed), Failure: []protocol.Failure{f},
	}
}

// finished ends an open job.
func finished(request uint64) *protocol.Ended {
	return &protocol.Ended{Request: request, State: uint32(fanfold.Succeeded)}
}

// put sends a task.
func put(t *testing.T, st *Stream, task Task) (tag uint64) {
	t.Helper()
	tag, err := st.Send(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

// take receives a result.
func take(t *testing.T, st *Stream) *Result {
	t.Helper()
	r, err := st.Recv(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// takeEnd receives the end of a stream.
func takeEnd(t *testing.T, st *Stream, kind fanfold.Kind) {
	t.Helper()
	r, err := st.Recv(t.Context())
	if kind == fanfold.KindNone && !errors.Is(err, io.EOF) ||
		kind != fanfold.KindNone && fanfold.KindOf(err) != kind {
		t.Errorf("got %+v, %v, want the end, %s", r, err, kind)
	}
}

func TestResultsComeAsTheyAreReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{})
		data := []byte("one")
		first := put(t, st, Task{Data: data})
		copy(data, "two") // Send has copied it
		second := put(t, st, Task{
			Data: data, Key: []byte("k"), Deadline: 1500 * time.Microsecond, Priority: 3, ID: "id",
			All: true,
		})
		one, two := s.sent("one"), s.sent("two")
		if string(two.Key) != "k" || two.Millis != 2 || two.Priority != 3 || two.ID != "id" ||
			two.Flags != protocol.TaskAll {
			t.Errorf("the task came as %+v", two)
		}
		s.send(answer(two, "TWO"), refusal(one, fanfold.KindUser))
		if r := take(t, st); r.Tag != second || string(r.Data) != "TWO" || r.Attempts != 1 ||
			r.Worker != "w" || r.State != fanfold.Succeeded || r.Err != nil {
			t.Errorf("got %+v", r)
		}
		if r := take(t, st); r.Tag != first || r.State != fanfold.Failed ||
			r.Err.Kind != fanfold.KindUser {
			t.Errorf("got %+v", r)
		}
		if err := st.CloseSend(); err != nil {
			t.Error(err)
		}
		want[*protocol.InputEnd](s)
		failed := finished(request)
		failed.State, failed.Failure = uint32(fanfold.Failed), refusal(one, fanfold.KindUser).Failure
		s.send(failed)
		takeEnd(t, st, fanfold.KindNone)
		if _, sum, err := st.Wait(); sum.Job != st.Job() || sum.State != fanfold.Failed ||
			fanfold.KindOf(err) != fanfold.KindUser {
			t.Errorf("got %+v, %v", sum, err)
		}
		if _, err := st.Send(t.Context(), Task{}); fanfold.KindOf(err) != fanfold.KindUser {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestB2OneWayTasksAnswerOnlyFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		for _, ordered := range []bool{false, true} {
			st, request := openStream(c, s, StreamSpec{Ordered: ordered})
			put(t, st, Task{Data: []byte("quiet"), OneWay: true})
			bad := put(t, st, Task{Data: []byte("bad"), OneWay: true})
			asked := put(t, st, Task{Data: []byte("asked")})
			if m := s.sent("quiet"); m.Flags != protocol.TaskOneWay {
				t.Errorf("the task came as %+v", m)
			}
			s.send(refusal(s.sent("bad"), fanfold.KindUser), answer(s.sent("asked"), "answer"))
			if r := take(t, st); r.Tag != bad || r.State != fanfold.Failed {
				t.Errorf("got %+v", r)
			}
			if r := take(t, st); r.Tag != asked || string(r.Data) != "answer" {
				t.Errorf("got %+v", r)
			}
			s.send(finished(request))
			takeEnd(t, st, fanfold.KindNone)
			if _, sum, err := st.Wait(); sum.State != fanfold.Succeeded || err != nil {
				t.Errorf("got %+v, %v", sum, err)
			}
		}
	})
}

func TestOrderedResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{Ordered: true})
		var tasks []*protocol.Task
		for _, data := range []string{"a", "b", "c", "d"} {
			put(t, st, Task{Data: []byte(data)})
			tasks = append(tasks, s.sent(data))
		}
		said := &protocol.Partial{Stream: request, Tag: tasks[2].Tag, Number: 1, Status: "half"}
		s.send(answer(tasks[3], "D"), said, answer(tasks[2], "C"), answer(tasks[1], "B"))
		synctest.Wait()
		select {
		case <-st.ready:
			t.Error("there is something to receive before the first result has come")
		default:
		}
		s.send(answer(tasks[0], "A"))
		for _, data := range []string{"A", "B", "half", "C", "D"} {
			if r := take(t, st); string(r.Data)+r.Status != data {
				t.Errorf("got %+v, want %s", r, data)
			}
		}
		put(t, st, Task{Data: []byte("e")})
		s.sent("e")
		s.conn.Close()
		if r := take(t, st); r.State != fanfold.Lost {
			t.Errorf("got %+v", r)
		}
		takeEnd(t, st, fanfold.KindUnreachable)
	})
}

func TestB21TasksThatMakeNoSenseAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{})
		for _, tt := range []struct {
			task Task
			kind fanfold.Kind
		}{
			{Task{Data: make([]byte, fanfold.PayloadMax+1)}, fanfold.KindTooLarge},
			{Task{Key: make([]byte, protocol.KeyMax+1)}, fanfold.KindTooLarge},
			{Task{ID: strings.Repeat("x", protocol.NameMax+1)}, fanfold.KindUsage},
			{Task{ID: "\xff"}, fanfold.KindUsage},
			{Task{Priority: 9}, fanfold.KindUsage},
			{Task{Priority: -1}, fanfold.KindUsage},
			{Task{Priority: 257}, fanfold.KindUsage},
			{Task{Deadline: -1}, fanfold.KindUsage},
		} {
			if _, err := st.Send(t.Context(), tt.task); fanfold.KindOf(err) != tt.kind {
				t.Errorf("got %v, want %s", err, tt.kind)
			}
			if _, err := st.Call(t.Context(), tt.task); fanfold.KindOf(err) != tt.kind {
				t.Errorf("got %v, want %s", err, tt.kind)
			}
		}
		if err := st.Cancel(12345); err != nil { // nobody's: no error, and nothing comes of it
			t.Error(err)
		}
		if m := want[*protocol.CancelTask](s); m.Tag != 12345 {
			t.Errorf("got %+v", m)
		}
		put(t, st, Task{Data: []byte("fine")})
		s.send(answer(s.sent("fine"), "yes"))
		if r := take(t, st); string(r.Data) != "yes" {
			t.Errorf("got %+v", r)
		}
	})
}

func TestReducedResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		for _, came := range []string{"the sum", "another"} {
			st, request := openStream(c, s, StreamSpec{Window: 8})
			put(t, st, Task{Data: []byte("x")})
			if err := st.CloseSend(); err != nil {
				t.Error(err)
			}
			s.send(answer(s.sent("x"), ""), result(request, []byte(came)),
				succeeded(request, []byte("the sum")))
			reduced, sum, err := st.Wait()
			switch {
			case came == "the sum" && (string(reduced) != came || err != nil || sum.Bytes != 7):
				t.Errorf("got %q, %+v, %v", reduced, sum, err)
			case came == "another" && fanfold.KindOf(err) != fanfold.KindCorrupt:
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestShardMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{})
		s.send(accepted(request)) // once more, and no harm
		s.send(&protocol.ShardMoved{Request: request, Shard: 3, Epoch: 2, Lost: true})
		if r := take(t, st); r.Moved == nil || r.Moved.Shard != 3 || !r.Moved.Lost {
			t.Errorf("got %+v", r)
		}
	})
}
