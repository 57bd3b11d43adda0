package worker

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// The operations that the errors of calls name.
const (
	opHandle = "run handler"
	opReduce = "run reducer"
)

// hand is a goroutine that reads, and runs what it has read. One at a time reads, and one at a time
// runs user code: the one that has the baton. Mostly that is the same hand in turn. While it runs
// something that takes long another one reads, and while it waits for calls that its own has made,
// another one has the baton.
type hand struct {
	x       *executor
	ctx     *callContext // of its calls
	calls   []call       // that it runs; the inbox's lock guards it
	replies []*fanfold.Reply
	attempt *attempt // of a closed job
	closing *plan

	last  int64 // when it began, or ended what was before, as inbox.now has it
	spent int64 // nanoseconds of the call before it last waited
	beat  beat
	ret   protocol.Return

	inside   bool              // it has made calls; the inbox's lock guards these
	outcomes []fanfold.Outcome // of them
	left     int               // those that have not ended
	told     chan struct{}     // capacity one: none is left
	turn     chan struct{}     // capacity one: it has the baton again
}

// newHand makes a hand, or takes one that has ended.
func newHand(x *executor) *hand {
	if h := x.in.spareHand(); h != nil {
		return h
	}
	return &hand{
		x: x, ctx: &callContext{base: x.base}, told: make(chan struct{}, 1),
		turn: make(chan struct{}, 1),
	}
}

// begin makes h ready for the calls that it was given; the inbox's lock is held.
func (h *hand) begin() {
	until := int64(0)
	for i := range h.calls {
		if c := &h.calls[i]; c.until > 0 && (until == 0 || c.until < until) {
			until = c.until
		}
	}
	deadline := time.Time{}
	if until > 0 {
		deadline = h.x.in.epoch.Add(time.Duration(until))
	}
	h.ctx = h.ctx.begin(deadline)
}

// run is the goroutine of h. It has the baton, or is to read first.
func (h *hand) run(reads bool) {
	err := errGoexit
	defer func() { h.x.leave(h, err) }() // also when user code ends this goroutine
	for {
		if reads && !h.read() {
			break
		}
		if reads = h.work(); !reads {
			break
		}
	}
	err = nil
}

// read reads until h has the baton. A call is mostly run by the goroutine that has read it: to wake
// another one takes longer than the call. False says that h is to end.
func (h *hand) read() bool {
	x := h.x
	for {
		if err := x.reader.read(); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			x.lost <- err // nobody reads again
			return x.in.lose()
		}
		if x.in.take() {
			x.watch()
			return true
		}
	}
}

// work does what there is to do. True says that h is to read then.
func (h *hand) work() bool {
	x := h.x
	x.active, h.last = h, x.in.now()
	for {
		switch x.in.pick(x.base, h) {
		case stepAttempt:
			x.mark(nil, fanfold.AttemptID{})
			x.execute(x.base, h.attempt)
			h.attempt, h.last = nil, x.in.now()
			x.count(1)
		case stepCalls:
			n := len(h.calls)
			h.handle()
			x.count(n)
		case stepClose:
			x.close(h.closing)
		case stepRetire:
			x.say(x.retire())
			return false
		case stepEnd:
			x.end()
			return false
		case stepRead:
			x.conn.Flush()
			return true
		case stepLeave:
			x.conn.Flush()
			return false
		}
	}
}

// handle runs the calls that h was given, and sends their Returns.
func (h *hand) handle() {
	first := &h.calls[0]
	s := first.plan.shardOf(first.shard)
	if first.op == opRestore {
		s.restore(first)
		return
	}
	h.x.mark(first.plan, first.id())
	err := first.plan.err
	late := len(h.calls) == 1 && first.until > 0 && h.last >= first.until
	switch {
	case err != nil:
	case late:
		err = context.DeadlineExceeded
	case first.op == protocol.OpReduce:
		h.prepare()
		err = h.reduce(first, s)
	default:
		h.prepare()
		if err = s.ready(h.x); err == nil {
			s.log.reset()
			h.beat = beat{conn: h.x.conn, attempt: first.handle, last: h.beat.last}
			err = h.invoke(s)
		}
	}
	h.answer(s, err)
	h.ctx.finish()
}

// prepare makes a Reply for each call.
func (h *hand) prepare() {
	for len(h.replies) < len(h.calls) {
		h.replies = append(h.replies, &fanfold.Reply{Link: h})
	}
	for i := range h.calls {
		c, r := &h.calls[i], h.replies[i]
		r.Reset()
		r.ID, r.Handle, r.Shard = c.id(), c.handle, int(c.shard)-1
		r.Input, r.Routing = c.data, c.key
		if c.until > 0 {
			r.Deadline = h.x.in.epoch.Add(time.Duration(c.until))
		}
	}
}

// invoke calls the handler.
func (h *hand) invoke(s *shard) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(opHandle, v, s.log)
			s.suspect()
		}
	}()
	if s.batch != nil {
		return s.batch.HandleBatch(h.ctx, h.replies[:len(h.calls)])
	}
	return s.handler.Handle(h.ctx, h.replies[0].Input, h.replies[0])
}

// answer sends the Returns of the calls of h, which ended with err, or each with its own.
func (h *hand) answer(s *shard, err error) {
	now := h.x.in.now()
	nanos := (h.spent + now - h.last) / int64(len(h.calls))
	h.last, h.spent = now, 0
	succeeded := 0
	for i := range h.calls {
		h.ret = protocol.Return{Attempt: h.calls[i].handle, Nanos: nanos}
		if failure := h.result(s, i, err); failure == nil {
			h.ret.Status = protocol.StatusSucceeded
			succeeded++
		} else {
			h.fail(s, i, failure)
		}
		h.x.sendReturn(&h.ret, now)
	}
	for _, r := range h.replies[:min(len(h.calls), len(h.replies))] {
		r.Handle = 0 // it is of no use any more
	}
	if s.task != nil {
		clear(s.task.Counters()) // those of tasks that failed
	}
	if h.calls[0].op == protocol.OpHandle {
		s.count(h.x, succeeded)
	}
}

// result puts what call i of h has made into h.ret, if it has not failed.
func (h *hand) result(s *shard, i int, err error) error {
	if err != nil {
		return err
	}
	r := h.replies[i]
	if err := r.Err(); err != nil {
		return fanfold.UserError(opHandle, err)
	}
	if n := len(r.Buffer()); n > fanfold.PayloadMax {
		return fanfold.Errorf(fanfold.KindTooLarge, opHandle,
			"a result of %d bytes: the most is %d", n, fanfold.PayloadMax)
	}
	if s.task != nil && len(s.task.Counters()) > 0 {
		h.ret.Counters, err = counters(s.task)
		clear(s.task.Counters())
	}
	h.ret.Data = r.Buffer()
	return err
}

// fail makes h.ret that of a call that has not succeeded.
func (h *hand) fail(s *shard, i int, err error) {
	c, ret := &h.calls[i], &h.ret
	ret.Data, ret.Counters = nil, nil
	op, input, log := opHandle, "", (*logTail)(nil)
	if c.op == protocol.OpReduce {
		op = opReduce
	}
	if s.task != nil {
		log = s.log
	}
	switch {
	case h.x.in.wasStopped(h, i):
		ret.Status = protocol.StatusStopped
		return
	case c.until > 0 && h.last >= c.until:
		ret.Status = protocol.StatusTimeout
		err = fanfold.Errorf(fanfold.KindTimeout, op, "its deadline has passed")
	case h.ctx.ended():
		ret.Status = protocol.StatusReturned // it was another one of the batch that was stopped
		return
	default:
		ret.Status = protocol.StatusFailed
	}
	ret.Failure = []protocol.Failure{h.x.failure(op, c.id(), input, log, err)}
}
