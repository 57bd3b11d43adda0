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

// batches is a BatchHandler that answers with the number of tasks that it was given.
type batches struct {
	handleFunc
	g *gate
}

func (b batches) HandleBatch(ctx context.Context, tasks []*fanfold.Reply) error {
	b.g.started <- struct{}{}
	select {
	case <-b.g.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, r := range tasks {
		switch string(r.In()) {
		case "fail":
			r.Fail(errors.New("as told"))
		case "fail all":
			return errors.New("all of them")
		}
		fmt.Fprint(r, len(tasks))
	}
	return nil
}

func TestBatchHandler(t *testing.T) {
	g := newGate()
	p := fanfold.Program{Name: "batches", Handle: func(*fanfold.Task) (fanfold.Handler, error) {
		return batches{g: g}, nil
	}}
	f := startMain(t, worker.MainConfig{}, p)
	f.open(p, fanfold.Job{})
	f.call("first", 1)
	<-g.started
	var attempts []uint64
	for handle := range uint64(200) {
		attempts = append(attempts, handle+2)
	}
	f.call("x", attempts...)
	f.call("fail", 202)
	f.send(&protocol.Stop{Attempt: 999}, &protocol.Revoke{Attempt: 201}) // by now all are there
	f.returned(201, protocol.StatusReturned)
	g.free <- struct{}{}
	f.returned(1, protocol.StatusSucceeded)
	for i, handle := range attempts[:199] {
		if i == 0 || i == 128 {
			<-g.started
			g.free <- struct{}{}
		}
		want := "128"
		if i >= 128 {
			want = "72" // with the one that fails
		}
		if got := f.returned(handle, protocol.StatusSucceeded); got != want {
			t.Fatalf("attempt %d was in a batch of %s, want %s", handle, got, want)
		}
	}
	if e := f.fails(202); !strings.Contains(e.Error(), "as told") {
		t.Errorf("failure %v", e)
	}
	f.batchStops(g)
}

// batchStops stops one of a batch: the others are to run again, and then all fail together.
func (f *fake) batchStops(g *gate) {
	f.t.Helper()
	f.call("first", 1)
	<-g.started
	f.call("fail all", 2, 3)
	f.send(&protocol.Revoke{Attempt: 2})
	f.returned(2, protocol.StatusReturned)
	f.call("x", 2)
	f.send(&protocol.Stop{Attempt: 1})
	f.returned(1, protocol.StatusStopped)
	<-g.started
	f.send(&protocol.Stop{Attempt: 3})
	f.returned(3, protocol.StatusStopped)
	f.returned(2, protocol.StatusReturned)
	f.call("first", 1)
	<-g.started
	f.call("x", 2)
	f.call("fail all", 3)
	f.send(&protocol.Revoke{Attempt: 99}, &protocol.Stop{Attempt: 1})
	f.returned(1, protocol.StatusStopped)
	<-g.started
	g.free <- struct{}{}
	for _, handle := range []uint64{2, 3} {
		if e := f.fails(handle); !strings.Contains(e.Error(), "all of them") {
			f.t.Errorf("failure %v", e)
		}
	}
}
