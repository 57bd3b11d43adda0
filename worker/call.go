package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// step is what a hand does next.
type step uint8

const (
	stepAttempt step = iota // of a closed job
	stepCalls               // of an open job: one, or several for a BatchHandler
	stepClose               // the handlers of a job that was forgotten
	stepRetire              // end the process, because nothing is to start any more
	stepEnd                 // end, because the connection has
	stepRead                // read; it has not the baton any more
	stepLeave               // nothing any more: another hand reads
)

// callsMax is how many calls a BatchHandler gets at once, and how many the reader queues at once.
const callsMax = 128

// now is the clock of calls: nanoseconds, which take half of the time that time.Now takes.
func (in *inbox) now() int64 { return int64(time.Since(in.epoch)) }

// callOf makes an entry of a Call; its bytes are still the batch's. It is called by the reader, and
// needs no lock: nobody else changes the plans.
func (in *inbox) callOf(m *protocol.Call) (c call, err error) {
	p := in.plans[m.Job]
	if p == nil || p.open == nil {
		return c, fmt.Errorf("call: no brief of open job %d", m.Job)
	}
	c = call{
		plan: p, handle: m.Attempt, data: m.Data, key: m.Key,
		task: m.Task, shard: m.Shard, number: max(m.Number, 1), op: m.Op,
	}
	if m.Millis > 0 {
		c.until = in.now() + min(m.Millis, millisMax)*int64(time.Millisecond)
	}
	return c, nil
}

// millisMax is the longest deadline that is kept: a hundred years.
const millisMax = 100 * 365 * 24 * 3600 * 1000

// calls queues calls. False says that they are to be returned, because nothing starts any more.
func (in *inbox) calls(list []call) (bool, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.retired {
		return false, nil
	}
	for i := range list {
		c := &list[i]
		if in.queue.n >= queueMax {
			return true, fmt.Errorf("call: over %d that have not started", queueMax)
		}
		if in.held+c.cost() > materialMax {
			return true, fmt.Errorf("call: over %d bytes that have not started", materialMax)
		}
		in.held += c.cost()
		in.arena.hold(c)
		in.queue.push(c)
	}
	return true, nil
}

// part keeps a piece of the values of a reduce whose next piece is still to come, and makes the
// last one the whole of it.
func (in *inbox) part(c *call, more bool) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.material[c.handle] == nil && !more {
		return nil // as most are
	}
	w, err := in.materialOf(c.handle, len(c.data))
	if err != nil {
		return err
	}
	w.plan, w.inline = c.plan, append(w.inline, c.data...)
	if !more {
		c.data, c.buf = w.inline, &chunk{buf: w.inline, refs: 1}
		in.held -= w.cost
		delete(in.material, c.handle)
	}
	return nil
}

// restore queues the state of a shard.
func (in *inbox) restore(m *protocol.Snapshot) error {
	p := in.plans[m.Job]
	if p == nil || p.open == nil || !p.open.stateful {
		return fmt.Errorf("snapshot: no brief of stateful job %d", m.Job)
	}
	c := call{plan: p, data: m.Data, shard: m.Shard, tasks: m.Tasks, op: opRestore}
	_, err := in.calls([]call{c})
	return err
}

// pick ends what h has done and gives it something else to do. The caller has the baton.
func (in *inbox) pick(ctx context.Context, h *hand) step {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range h.calls {
		in.arena.drop(h.calls[i].buf)
	}
	h.calls = h.calls[:0]
	in.over = in.over || ctx.Err() != nil
	switch {
	case len(in.resuming) > 0:
		in.pass()
		return in.rest()
	case in.over && in.waiting == 0:
		return stepEnd
	case in.over:
		in.baton = false // those that wait end it
		return stepLeave
	case in.draining && in.waiting == 0:
		return stepRetire
	}
	if i := slices.IndexFunc(in.closing, (*plan).idle); i >= 0 {
		h.closing = in.closing[i]
		in.closing = slices.Delete(in.closing, i, i+1)
		return stepClose
	}
	i := in.ready()
	if i == in.queue.n {
		in.baton = false
		return in.rest()
	}
	c := in.queue.take(i)
	in.held -= c.cost()
	if c.attempt != nil {
		h.attempt, in.running = c.attempt, c.attempt
		c.attempt.ctx, c.attempt.stop = context.WithCancelCause(ctx)
		return stepAttempt
	}
	h.calls = append(h.calls, c)
	if c.plan.open.batches && c.op == protocol.OpHandle {
		in.more(h, i)
	}
	h.begin()
	return stepCalls
}

// rest is what a hand does that has given the baton away; in.mu is held.
func (in *inbox) rest() step {
	if in.reading || in.over {
		return stepLeave
	}
	in.reading = true
	return stepRead
}

// ready is the place of the first entry that may start. Where calls wait for others that they have
// made, those that may be theirs have to go first.
func (in *inbox) ready() int {
	if in.waiting == 0 {
		return 0
	}
	most := waitingMax
	if in.draining {
		most = 1
	}
	for i := range in.queue.n {
		if c := in.queue.at(i); c.attempt != nil || c.plan.open.waiting < most {
			return i
		}
	}
	return in.queue.n
}

// more gives h the calls from place i on that a BatchHandler may take together with the first.
func (in *inbox) more(h *hand, i int) {
	for len(h.calls) < callsMax && i < in.queue.n {
		first, c := &h.calls[0], in.queue.at(i)
		if c.plan != first.plan || c.op != first.op ||
			first.plan.open.stateful && c.shard != first.shard {
			return
		}
		in.held -= c.cost()
		h.calls = append(h.calls, in.queue.take(i))
	}
}

// drain sees to it that the process ends when no call waits for another any more.
func (in *inbox) drain() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.draining = true
}

// recycle is drain for a process that has run its number of attempts, if it holds no state.
func (in *inbox) recycle() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, p := range in.plans {
		if p.open != nil && p.open.stateful {
			return
		}
	}
	in.draining = true
}

// openJobs are the open jobs that are not forgotten.
func (in *inbox) openJobs() (list []*plan) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.waiting > 0 {
		return nil // their handlers are in use
	}
	for _, p := range in.plans {
		if p.open != nil {
			list = append(list, p)
		}
	}
	return append(list, in.closing...)
}

// wasStopped reports whether the coordinator has stopped call i of h.
func (in *inbox) wasStopped(h *hand, i int) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return h.calls[i].stopped
}

// forgetOpen drops what is left of an open job; in.mu is held.
func (in *inbox) forgetOpen(p *plan) {
	for i := in.queue.n - 1; i >= 0; i-- {
		if in.queue.at(i).plan == p {
			c := in.queue.take(i)
			in.held -= c.cost()
			in.arena.drop(c.buf)
		}
	}
	for handle, w := range in.material {
		if w.plan == p {
			in.held -= w.cost
			delete(in.material, handle)
		}
	}
	for _, h := range in.hands {
		if len(h.calls) > 0 && h.calls[0].plan == p {
			h.ctx.stop(errStopped)
		}
	}
	in.closing = append(in.closing, p)
}

// callReader is the part of the reader that takes Calls. It queues several at once.
type callReader struct {
	body    protocol.Call
	waiting []call // their bytes are the batch's
}

// call takes a Call.
func (r *reader) call(m protocol.Message) error {
	body := &r.calls.body
	if err := protocol.Decode(m, body); err != nil {
		return err
	}
	c, err := r.in.callOf(body)
	if err != nil {
		return err
	}
	if body.Op == protocol.OpReduce {
		if err := r.in.part(&c, body.More); err != nil || body.More {
			return err
		}
	}
	r.calls.waiting = append(r.calls.waiting, c)
	if len(r.calls.waiting) == callsMax {
		return r.queueCalls()
	}
	return nil
}

// queueCalls hands on what call has taken. It is called before anything else is done.
func (r *reader) queueCalls() error {
	list := r.calls.waiting
	if len(list) == 0 {
		return nil
	}
	accepted, err := r.in.calls(list)
	for i := 0; i < len(list) && !accepted; i++ {
		err = errors.Join(err, r.answer(takenCall, list[i].handle, protocol.StatusReturned))
	}
	clear(list)
	r.calls.waiting = list[:0]
	return err
}

// id names the attempt.
func (c *call) id() fanfold.AttemptID {
	return fanfold.AttemptID{
		Job: c.plan.id, Stage: fanfold.StageMap, Task: fanfold.TaskID(c.task), Attempt: c.number,
	}
}
