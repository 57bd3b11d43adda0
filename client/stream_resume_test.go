package client

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// resume has a stream go on over another connection, and gives the request that it has there.
func resume(t *testing.T, st *Stream, c *Client, s *server) uint64 {
	t.Helper()
	errs := make(chan error, 1)
	go func() { errs <- st.Resume(t.Context(), c) }()
	m := want[*protocol.Attach](s)
	if id := st.Job(); !slices.Equal(m.Job, id[:]) || m.Credit != st.spec.Window {
		t.Errorf("got %+v", m)
	}
	s.send(&protocol.Accepted{Request: m.Request, Job: m.Job})
	if err := <-errs; err != nil {
		t.Error(err)
	}
	return m.Request
}

func TestResumeSendsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{Open: protocol.OpenSpec{Keep: true}})
		plain := put(t, st, Task{Data: []byte("plain"), Key: []byte("k")})
		named := put(t, st, Task{Data: []byte("named"), ID: "n", Key: []byte("k")})
		done := put(t, st, Task{Data: []byte("done"), ID: "d"})
		call := callAsync(t.Context(), st, Task{Data: []byte("call"), ID: "c"})
		unnamed := callAsync(t.Context(), st, Task{Data: []byte("unnamed")})
		m, n, d := s.sent("plain"), s.sent("named"), s.sent("done")
		for range 2 {
			want[*protocol.Task](s)
		}
		s.send(answer(d, "DONE"))
		s.conn.Close()
		if o := <-unnamed; o.err != nil || o.result.State != fanfold.Lost ||
			o.result.Err.Kind != fanfold.KindUnreachable {
			t.Errorf("got %+v", o)
		}
		if r := take(t, st); r.Tag != done || string(r.Data) != "DONE" {
			t.Errorf("got %+v", r)
		}
		takeEnd(t, st, fanfold.KindUnreachable) // for now
		if _, err := st.Send(t.Context(), Task{}); fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("got %v", err)
		}
		if err := st.CloseSend(); err != nil {
			t.Error(err)
		}

		c, s = connect(t)
		request := resume(t, st, c, s)
		again := s.sent("named")
		if again.Tag != named || again.ID != "n" || string(again.Key) != "k" ||
			again.Request != request {
			t.Errorf("it came again as %+v, before as %+v", again, n)
		}
		asked := s.sent("call")
		if _, ok := s.next().(*protocol.InputEnd); !ok {
			t.Error("want the end of the tasks behind the last of them")
		}
		m.Request, d.Request = request, request
		s.send(answer(d, "DONE"), answer(asked, "CALL"), answer(asked, "CALL"), answer(m, "PLAIN"),
			answer(again, "NAMED"), answer(again, "NAMED"), finished(request))
		if o := <-call; o.err != nil || string(o.result.Data) != "CALL" {
			t.Errorf("got %+v", o)
		}
		if r := take(t, st); r.Tag != plain || string(r.Data) != "PLAIN" {
			t.Errorf("got %+v", r)
		}
		if r := take(t, st); r.Tag != named || string(r.Data) != "NAMED" {
			t.Errorf("got %+v", r)
		}
		takeEnd(t, st, fanfold.KindNone)
	})
}

func TestResumeFailsAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{Open: protocol.OpenSpec{Keep: true}})
		if err := st.Resume(t.Context(), c); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("got %v, want that nothing is wrong with it", err)
		}
		lost := put(t, st, Task{Data: []byte("plain")})
		s.conn.Close()
		takeEnd(t, st, fanfold.KindUnreachable)

		c, s = connect(t)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := st.Resume(ctx, c); fanfold.KindOf(err) != fanfold.KindCancelled {
			t.Errorf("got %v", err)
		}
		want[*protocol.Attach](s)
		errs := make(chan error, 1)
		go func() { errs <- st.Resume(t.Context(), c) }()
		want[*protocol.Attach](s)
		s.conn.Close()
		if err := <-errs; fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("got %v", err)
		}

		c, s = connect(t)
		request := resume(t, st, c, s)
		s.send(finished(request))
		if r := take(t, st); r.Tag != lost || r.State != fanfold.Lost {
			t.Errorf("got %+v", r)
		}
		takeEnd(t, st, fanfold.KindNone)
	})
}

func TestResumeOfAnothersJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		streams := make(chan *Stream, 1)
		go func() {
			st, err := c.Resume(t.Context(), fanfold.JobID(make16(9)))
			if err != nil {
				t.Error(err)
			}
			streams <- st
		}()
		m := want[*protocol.Attach](s)
		s.send(&protocol.Accepted{Request: m.Request, Job: m.Job})
		st := <-streams
		s.send(answer(&protocol.Task{Request: m.Request, Tag: 5}, "kept"))
		if r := take(t, st); r.Tag != 5 || string(r.Data) != "kept" {
			t.Errorf("got %+v", r)
		}
		tag := put(t, st, Task{Data: []byte("x")})
		if task := s.sent("x"); task.Tag != tag || tag <= 5 {
			t.Errorf("got %+v", task)
		}
		taken := protocol.FromError(fanfold.Errorf(fanfold.KindBusy, "serve stream", "another client"))
		taken.Request = m.Request
		s.send(&taken)
		if r := take(t, st); r.Tag != tag || r.State != fanfold.Lost || r.Err.Kind != fanfold.KindBusy {
			t.Errorf("got %+v", r)
		}
		takeEnd(t, st, fanfold.KindBusy)
	})
}

func TestKeptStreamIsClosedWithoutAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{Open: protocol.OpenSpec{Keep: true}})
		call := callAsync(t.Context(), st, Task{Data: []byte("x"), ID: "x"})
		s.sent("x")
		s.conn.Close()
		takeEnd(t, st, fanfold.KindUnreachable)
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		if o := <-call; o.result.State != fanfold.Lost || o.result.Err.Kind != fanfold.KindUnreachable {
			t.Errorf("got %+v", o)
		}
		if err := st.Resume(t.Context(), c); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("got %v", err)
		}
	})
}

// TestCallsOfAKeptStreamAreAcknowledgedAhead has results wait for a Recv that nobody calls: what
// calls get is acknowledged by itself, at once.
func TestCallsOfAKeptStreamAreAcknowledgedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{
			Window: protocol.TaskCost, Open: protocol.OpenSpec{Keep: true},
		})
		put(t, st, Task{Data: []byte("first")})
		first := s.sent("first")
		s.send(answer(first, ""))
		for n := range uint64(3) {
			told := make(chan string, 1)
			call := callAsync(t.Context(), st, Task{
				Data: []byte("call"), OnPartial: func(r Result) { told <- string(r.Data) },
			})
			asked := s.sent("call")
			s.send(&protocol.Partial{Stream: asked.Request, Tag: asked.Tag, Data: []byte("so far")})
			if got := <-told; got != "so far" {
				t.Errorf("got %q", got)
			}
			m := want[*protocol.Credit](s)
			if m.Bytes != protocol.TaskCost+6 || m.Number != 2*n+2 {
				t.Errorf("call %d, partial: got %+v", n, m)
			}
			s.send(answer(asked, ""))
			<-call
			if m = want[*protocol.Credit](s); m.Bytes != protocol.TaskCost || m.Number != 2*n+3 {
				t.Errorf("call %d, result: got %+v", n, m)
			}
		}
		take(t, st)
		go st.Recv(t.Context())
		if m := want[*protocol.Credit](s); m.Bytes != protocol.TaskCost || m.Number != 0 {
			t.Errorf("the one for Recv: got %+v", m)
		}
		s.conn.Close()
		synctest.Wait()
	})
}

// TestKeptStreamThatHasEndedIsAcknowledged checks that what was taken before and after the end does
// not come again to who attaches next.
func TestKeptStreamThatHasEndedIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{Open: protocol.OpenSpec{Keep: true}})
		put(t, st, Task{Data: []byte("a")})
		put(t, st, Task{Data: []byte("b")})
		a, b := s.sent("a"), s.sent("b")
		s.send(answer(a, ""))
		take(t, st)
		s.send(answer(b, ""))
		synctest.Wait()
		take(t, st) // pays for the first
		s.send(finished(a.Request))
		if m := want[*protocol.Credit](s); m.Bytes != protocol.TaskCost {
			t.Errorf("at the end: got %+v", m)
		}
		takeEnd(t, st, fanfold.KindNone)
		if m := want[*protocol.Credit](s); m.Bytes != protocol.TaskCost {
			t.Errorf("after the last was taken: got %+v", m)
		}
	})
}
