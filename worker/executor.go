package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

const (
	// resultsQueueMax is when the executor waits for the coordinator to read before it sends another
	// result.
	resultsQueueMax = 512 << 10 // bytes

	// Results of calls wait for company, which saves writes: until nothing is left to do, or there
	// are so many bytes, or something was written so long ago.
	flushBytes    = 64 << 10
	flushInterval = 200 * time.Microsecond

	// watchInterval is for how long something may run before another hand reads. It is also the
	// longest that results wait.
	watchInterval = 500 * time.Microsecond
)

// errGoexit is what an executor ends with that did not return.
var errGoexit = errors.New("user code ended the goroutine of its attempt (runtime.Goexit)")

// executor runs user code: one attempt at a time, in the order of their Assigns and Calls. Its
// goroutines are hands; all but its channels belongs to the one that has the baton.
type executor struct {
	conn   *protocol.Conn
	in     *inbox
	reader *reader
	cfg    MainConfig
	base   context.Context // ends when the process is to

	lost  chan error    // capacity one: why the connection has ended; nil: the coordinator closed it
	ended chan error    // capacity one: it is this side that ends it, and why
	gone  chan struct{} // closed when the last hand has ended

	active *hand // that has the baton
	ran    int   // attempts and calls
	budget int64 // of the last attempt, in bytes

	marked   *plan // the open job whose calls the log belongs to, or nil
	markedID fanfold.AttemptID

	waiting int   // bytes of results that were not flushed
	flushed int64 // when results were flushed last, as inbox.now has it

	timer *time.Timer // calls look
	armed atomic.Bool // it will
}

func newExecutor(ctx context.Context, c *protocol.Conn, in *inbox, cfg MainConfig) *executor {
	x := &executor{
		conn: c, in: in, cfg: cfg, base: ctx,
		reader: &reader{conn: c, in: in, slot: cfg.Slot},
		lost:   make(chan error, 1), ended: make(chan error, 1), gone: make(chan struct{}),
	}
	x.timer = time.AfterFunc(time.Hour, x.look)
	x.timer.Stop()
	return x
}

// watch sees to it that look is called when what begins now takes long.
func (x *executor) watch() {
	if !x.armed.Load() && x.armed.CompareAndSwap(false, true) {
		x.timer.Reset(watchInterval)
	}
}

// look finds out whether something takes long. Then it sends what has been finished before, and
// reads what the coordinator says meanwhile.
func (x *executor) look() {
	x.armed.Store(false) // what is sent from here on needs another look
	x.conn.Flush()
	h := newHand(x)
	yes, later := x.in.takeOver(h, int64(watchInterval/2))
	if later {
		x.watch()
	}
	if yes {
		h.run(true)
	}
}

// start starts a hand, which has the baton from here on.
func (x *executor) start() {
	h := newHand(x)
	x.in.join(h)
	x.watch()
	go h.run(false)
}

// say says that the process ends.
func (x *executor) say(err error) {
	select {
	case x.ended <- err:
	default: // it has been said
	}
}

// leave is called when a hand ends. An error ends the process.
func (x *executor) leave(h *hand, err error) {
	if err != nil {
		x.say(err)
	}
	if x.in.leave(h, err != nil) {
		x.timer.Stop()
		close(x.gone)
	}
}

// count notes that n more attempts or calls have run. A process that holds the state of shards is
// not replaced because of their number.
func (x *executor) count(n int) {
	before := x.ran
	x.ran += n
	if most := x.cfg.TasksMax; most > 0 && x.ran >= most {
		if before < most || x.ran/1024 != before/1024 {
			x.in.recycle()
		}
	}
}

// mark says whose the log is: that of an open job's calls, until another one's begin. To mark each
// call would take longer than most calls.
func (x *executor) mark(p *plan, id fanfold.AttemptID) {
	if x.marked == p || x.cfg.Mark == nil {
		return
	}
	if x.marked != nil {
		x.cfg.Mark(x.markedID, false)
	}
	if x.marked, x.markedID = p, id; p != nil {
		x.cfg.Mark(id, true)
	}
}

// status says that a handler has set a status.
func (x *executor) status(text string) { x.active.beat.status(text) }

// send sends a message. It waits for the coordinator to read when much is queued. An error of the
// connection is the reader's to see.
func (x *executor) send(m protocol.Body) {
	for x.conn.Send(m) == protocol.ErrQueueFull { //nolint:errorlint // it is never wrapped
		if x.conn.WaitQueued(x.base, resultsQueueMax) != nil {
			return
		}
	}
}

// sendReturn sends the Return of a call, at this time.
func (x *executor) sendReturn(r *protocol.Return, now int64) {
	x.send(r)
	x.watch()
	x.waiting += len(r.Data) + protocol.TaskCost/4
	if x.waiting >= flushBytes || now-x.flushed >= int64(flushInterval) {
		x.flush()
		x.flushed = now
	}
}

// flush has the results written.
func (x *executor) flush() {
	x.waiting = 0
	x.conn.Flush()
}

// close ends the handlers of an open job.
func (x *executor) close(p *plan) {
	for _, s := range p.open.shards {
		s.close()
	}
	clear(p.open.shards)
	if x.marked == p {
		x.mark(nil, fanfold.AttemptID{})
	}
}

// end closes the handlers that are left, when no call waits for another.
func (x *executor) end() {
	for _, p := range x.in.openJobs() {
		x.close(p)
	}
}

// retire gives back what has not started, sends the state of all shards and says good-bye.
func (x *executor) retire() error {
	for _, c := range x.in.retire() {
		switch {
		case c.attempt != nil:
			x.send(&protocol.Done{
				Attempt: c.attempt.handle, Status: protocol.StatusReturned, Slot: uint32(x.cfg.Slot),
			})
		case c.op != opRestore:
			x.send(&protocol.Return{Attempt: c.handle, Status: protocol.StatusReturned})
		}
	}
	for _, p := range x.in.openJobs() {
		for _, s := range p.open.shards {
			s.save(x)
		}
	}
	x.end()
	return x.conn.Send(&protocol.Bye{Reason: "it ran its number of attempts, or was told to retire"})
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
