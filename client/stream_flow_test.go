package client

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

func TestOrderedStreamIsNotFarAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{Ordered: true})
		s.send(&protocol.Credit{Stream: request, Bytes: 1 << 30})
		put(t, st, Task{})
		for range aheadMax - 1 {
			put(t, st, Task{})
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := st.Send(ctx, Task{}); fanfold.KindOf(err) != fanfold.KindCancelled {
			t.Errorf("got %v, want to wait", err)
		}
		s.send(answer(s.sent(""), ""))
		put(t, st, Task{})
	})
}

func TestSendWaitsForCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{})
		large := Task{Data: make([]byte, protocol.InputWindow)}
		put(t, st, large)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := st.Send(ctx, Task{}); fanfold.KindOf(err) != fanfold.KindCancelled {
			t.Errorf("got %v, want to wait", err)
		}
		errs := make(chan error)
		for range 2 { // credit for one wakes both
			go func() {
				_, err := st.Send(t.Context(), large)
				errs <- err
			}()
		}
		want[*protocol.Task](s)
		s.send(&protocol.Credit{Stream: request, Bytes: 2 * protocol.TaskCost})
		if err := <-errs; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if err := st.CloseSend(); err != nil {
			t.Error(err)
		}
		if err := <-errs; fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("got %v, want that the stream was closed", err)
		}
	})
}

func TestSendHoldsNoMoreThanTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		st, request := openStream(c, s, StreamSpec{})
		s.send(&protocol.Credit{Stream: request, Bytes: 1 << 40})
		synctest.Wait()
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		task := Task{Data: make([]byte, 64<<10)}
		n := 0
		for ; ; n++ { // nobody reads
			if _, err := st.Send(ctx, task); err != nil {
				break
			}
		}
		if most := protocol.QueueMax + 4*len(task.Data); n*len(task.Data) > most {
			t.Errorf("%d tasks were queued, more than %d bytes", n, most)
		}
		for range n {
			want[*protocol.Task](s)
		}
		put(t, st, task)
	})
}

func TestB23ReaderHoldsBackItsOwnCreditOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		const window = 4 * protocol.TaskCost
		lazy, lazyRequest := openStream(c, s, StreamSpec{Window: window})
		brisk, briskRequest := openStream(c, s, StreamSpec{Window: window})
		const n = 40
		for range n {
			put(t, lazy, Task{})
			put(t, brisk, Task{})
		}
		tasks := map[uint64][]*protocol.Task{}
		for range 2 * n {
			m := want[*protocol.Task](s)
			tasks[m.Request] = append(tasks[m.Request], m)
		}
		for range 4 {
			s.send(answer(tasks[lazyRequest][0], ""))
			tasks[lazyRequest] = tasks[lazyRequest][1:]
		}
		for credit := int64(window); len(tasks[briskRequest]) > 0; {
			for ; credit > 0 && len(tasks[briskRequest]) > 0; credit -= protocol.TaskCost {
				s.send(answer(tasks[briskRequest][0], ""))
				tasks[briskRequest] = tasks[briskRequest][1:]
				take(t, brisk)
			}
			if len(tasks[briskRequest]) == 0 {
				break
			}
			m := want[*protocol.Credit](s)
			if m.Stream != briskRequest {
				t.Fatalf("credit for %d, who has taken nothing", m.Stream)
			}
			credit += m.Bytes
		}
		for range 4 {
			take(t, lazy)
		}
		go lazy.Recv(t.Context())
		if m := want[*protocol.Credit](s); m.Stream == lazyRequest && m.Bytes != window {
			t.Errorf("got %+v", m)
		}
		s.conn.Close()
	})
}
