package worker

import (
	"context"
	"errors"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// resultsQueueMax is when the executor waits for the coordinator to read before it sends another
// result.
const resultsQueueMax = 512 << 10 // bytes

// errGoexit is what an executor ends with that did not return.
var errGoexit = errors.New("user code ended the goroutine of its attempt (runtime.Goexit)")

// executor is the goroutine of a task process that runs user code: one attempt at a time, in the
// order of their Assigns.
type executor struct {
	conn *protocol.Conn
	in   *inbox
	cfg  MainConfig

	ran    int   // attempts
	budget int64 // of the last attempt, in bytes
	err    error // why run ended
}

// run runs attempts until ctx ends or the process has had its TasksMax.
func (x *executor) run(ctx context.Context) {
	x.err = errGoexit
	for a := x.in.next(ctx); a != nil; a = x.in.next(ctx) {
		x.execute(ctx, a)
		if x.ran++; x.ran == x.cfg.TasksMax {
			x.err = x.retire()
			return
		}
	}
	x.err = nil
}

// retire gives back what has not started and says good-bye.
func (x *executor) retire() error {
	for _, a := range x.in.retire() {
		d := protocol.Done{
			Attempt: a.handle, Status: protocol.StatusReturned, Slot: uint32(x.cfg.Slot),
		}
		if err := x.conn.Send(&d); err != nil {
			return err
		}
	}
	return x.conn.Send(&protocol.Bye{Reason: "it ran its number of attempts"})
}

// execute runs one attempt and sends its Done. An error of the connection is the reader's to see.
func (x *executor) execute(ctx context.Context, a *attempt) {
	begin := time.Now()
	if x.cfg.Mark != nil {
		x.cfg.Mark(a.id, true)
	}
	d := x.attempt(a)
	if x.cfg.Mark != nil {
		x.cfg.Mark(a.id, false)
	}
	d.Attempt, d.Slot, d.Nanos = a.handle, uint32(x.cfg.Slot), int64(time.Since(begin))
	if x.conn.Queued() > resultsQueueMax {
		_ = x.conn.WaitQueued(ctx, resultsQueueMax)
	}
	if err := x.conn.Send(d); fanfold.KindOf(err) == fanfold.KindTooLarge {
		d = &protocol.Done{
			Attempt: d.Attempt, Status: protocol.StatusFailed, Slot: d.Slot, Nanos: d.Nanos,
			Failure: []protocol.Failure{protocol.FromError(err)},
		}
		_ = x.conn.Send(d)
	}
	x.conn.Flush()
}
