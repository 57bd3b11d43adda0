package client

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

func TestB20CloseSendWritesWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{})
		const n = 100
		for range n {
			put(t, st, Task{Data: []byte("x")})
		}
		for range 2 {
			if err := st.CloseSend(); err != nil {
				t.Error(err)
			}
		}
		for range n {
			s.send(answer(s.sent("x"), "y"))
		}
		if _, ok := s.next().(*protocol.InputEnd); !ok {
			t.Error("want the end of the tasks behind the last of them")
		}
		s.send(finished(request))
		results := 0
		for {
			_, err := st.Recv(t.Context())
			if err != nil {
				break
			}
			results++
		}
		if results != n {
			t.Errorf("got %d results, want %d", results, n)
		}
		takeEnd(t, st, fanfold.KindNone) // and again
		if _, err := st.Send(t.Context(), Task{}); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("got %v", err)
		}
		go c.Close()
		if err := s.conn.Read(new(protocol.Batch)); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want nothing more", err)
		}
	})
}

func TestB20CloseWritesWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{})
		put(t, st, Task{Data: []byte("last words")})
		go c.Close()
		s.sent("last words")
		s.conn.Close()
		if r := take(t, st); r.State != fanfold.Lost || r.Err.Kind != fanfold.KindUnreachable {
			t.Errorf("got %+v", r)
		}
		takeEnd(t, st, fanfold.KindUnreachable)
		takeEnd(t, st, fanfold.KindUnreachable)
	})
}

func TestTasksWithoutAnswerAreLostWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, _ := openStream(c, s, StreamSpec{})
		calls := make(chan Result, 1)
		go func() {
			r, err := st.Call(t.Context(), Task{Data: []byte("call")})
			if err != nil {
				t.Error(err)
			}
			calls <- r
		}()
		s.sent("call")
		first, second := put(t, st, Task{Data: []byte("a")}), put(t, st, Task{Data: []byte("b")})
		s.sent("a")
		s.send(answer(s.sent("b"), "B"))
		s.conn.Close()
		if r := take(t, st); r.Tag != second || r.State != fanfold.Succeeded {
			t.Errorf("got %+v", r)
		}
		if r := take(t, st); r.Tag != first || r.State != fanfold.Lost ||
			r.Err.Kind != fanfold.KindUnreachable || r.Err.Hint == "" {
			t.Errorf("got %+v", r)
		}
		takeEnd(t, st, fanfold.KindUnreachable)
		if r := <-calls; r.State != fanfold.Lost || r.Err.Kind != fanfold.KindUnreachable {
			t.Errorf("got %+v", r)
		}
		if _, err := st.Send(t.Context(), Task{}); fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("got %v", err)
		}
		if _, err := c.Open(t.Context(), StreamSpec{}); fanfold.KindOf(err) !=
			fanfold.KindUnreachable {
			t.Errorf("got %v", err)
		}
	})
}

func TestCloseCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{Window: protocol.TaskCost})
		put(t, st, Task{Data: []byte("x")})
		m := s.sent("x")
		errs := make(chan error, 1)
		go func() { errs <- st.Close() }()
		want[*protocol.Cancel](s)
		cancelled := refusal(m, fanfold.KindCancelled)
		cancelled.State = uint8(fanfold.Cancelled)
		s.send(cancelled)
		if got := want[*protocol.Credit](s); got.Bytes != protocol.TaskCost {
			t.Errorf("got %+v, want what the reply has cost", got)
		}
		s.send(&protocol.Ended{Request: request, State: uint32(fanfold.Cancelled)})
		if err := <-errs; err != nil {
			t.Error(err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}

		st, _ = openStream(c, s, StreamSpec{})
		if err := st.Close(); fanfold.KindOf(err) != fanfold.KindTimeout {
			t.Errorf("got %v, want that nobody answers", err)
		}
	})
}

func TestContextCancelsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		ctx, stop := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() {
			_, err := c.Open(ctx, StreamSpec{Job: fanfold.Job{Program: "echo"}})
			errs <- err
		}()
		m := want[*protocol.Submit](s)
		stop()
		if err := <-errs; fanfold.KindOf(err) != fanfold.KindCancelled {
			t.Errorf("got %v", err)
		}
		want[*protocol.Cancel](s)
		s.send(accepted(m.Request)) // too late, and no harm

		go func() {
			_, err := c.Open(t.Context(), StreamSpec{Job: fanfold.Job{Program: "echo"}})
			errs <- err
		}()
		m = want[*protocol.Submit](s)
		busy := protocol.FromError(fanfold.Errorf(fanfold.KindBusy, "submit job", "full"))
		busy.Request = m.Request
		s.send(&busy)
		if err := <-errs; fanfold.KindOf(err) != fanfold.KindBusy {
			t.Errorf("got %v", err)
		}
	})
}
