package coordinator

import (
	"math"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// outlet is what a stream has for its client that could not be sent at once, in the order of
// sending. Of a stream that is kept, all goes through it, and stays until the client has
// acknowledged it.
type outlet struct {
	list  []parcel
	first int    // list[:first] is done with
	next  int    // list[first:next] was sent and, but for some, is not acknowledged
	acked int64  // cost of list[first:next] that is acknowledged, less than that of the first
	sent  uint64 // number of the last one sent
	early int    // in list[first:next] that were acknowledged before their turn
	late  int    // replies that are yet to come, with the words of their failure
	texts *texts // of the last one in list
}

// parcel is a Reply, or a Partial. There may be a million of them: the texts that belong to it are
// those of the one before, if that has the same.
type parcel struct {
	tag      uint64
	data     scheduler.Ref
	number   uint64 // in the order of sending, from 1
	texts    *texts
	epoch    uint32
	attempts uint16
	state    uint8 // of a Reply; or isPartial, isEarly
	again    bool
}

// What a parcel may be that is no Reply.
const (
	isPartial = 0
	isEarly   = math.MaxUint8 // it was acknowledged before its turn: nothing is left of it
)

// texts are those of a parcel.
type texts struct {
	worker, status string
	failure        []protocol.Failure
}

// textsOf are the texts of the next parcel.
func (q *outlet) textsOf(w texts) *texts {
	last := q.texts
	if last == nil || last.worker != w.worker || last.status != w.status ||
		!sameFailure(last.failure, w.failure) {
		other := w // allocated here only
		q.texts = &other
	}
	return q.texts
}

// sameFailure reports whether two failures are one.
func sameFailure(a, b []protocol.Failure) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// The outlet is tidied when so much of it is done with, and its memory is given back above that.
const outletTidy = 1024

// post sends the reply to a task of the client's: now, or when it takes it and all is known of its
// failure.
func (o *owner) post(st *stream, to asker, a *answer) {
	quiet := to.flags&protocol.TaskOneWay != 0 && a.state == fanfold.Succeeded
	if quiet || st.client == nil && !st.spec.Keep {
		return
	}
	m := &o.out.reply
	*m = protocol.Reply{
		Tag: to.tag, State: uint8(a.state), Data: a.data, Attempts: a.attempts, Worker: a.worker,
		Epoch: st.epoch(a.shard), Again: a.again,
	}
	if f := a.failure; f.open() {
		late := *m
		st.out.late++
		f.then = append(f.then, func() {
			st.out.late--
			late.Failure = f.list()
			o.sendReply(st, &late)
			o.finishOutlet(st)
		})
		return
	}
	if a.failure != nil {
		m.Failure = a.failure.list()
	}
	o.sendReply(st, m)
}

// sendReply sends a reply whose words are all there, or keeps it until it can be sent.
func (o *owner) sendReply(st *stream, m *protocol.Reply) {
	if r := st.client; !st.spec.Keep && st.out.next == len(st.out.list) {
		if r == nil {
			return
		}
		if r.credit > 0 && o.room(r.peer) {
			m.Request = r.number
			o.send(r.peer, m)
			r.credit -= cost(len(m.Data))
			return
		}
	}
	st.out.list = append(st.out.list, parcel{
		tag: m.Tag, data: o.stow(st, m.Data), epoch: m.Epoch, attempts: m.Attempts, state: m.State,
		again: m.Again, texts: st.out.textsOf(texts{worker: m.Worker, failure: m.Failure}),
	})
	o.sendOutlet(st)
}

// postPartial sends what a task says before its result to all who wait for that. It is dropped when
// too much waits already.
func (o *owner) postPartial(st *stream, to asker, number uint16, m *protocol.Partial) {
	if who, ok := to.who.(interface{ tags() []uint64 }); ok {
		for _, tag := range who.tags() {
			o.postPartial(st, asker{tag: tag}, number, m)
		}
		return
	}
	if to.who != nil || st.client == nil || st.held > o.cfg.Limits.StreamMax {
		return
	}
	st.out.list = append(st.out.list, parcel{
		tag: to.tag, attempts: number, data: o.stow(st, m.Data),
		texts: st.out.textsOf(texts{status: m.Status}),
	})
	o.sendOutlet(st)
}

// sendOutlet sends what waits for the client of a stream, as far as it may be sent.
func (o *owner) sendOutlet(st *stream) {
	q, r := &st.out, st.client
	if r == nil {
		return
	}
	for q.next < len(q.list) && r.credit > 0 && o.room(r.peer) {
		p := &q.list[q.next]
		data := o.arena.get(p.data)
		r.credit -= cost(len(data))
		if p.state == isPartial {
			o.send(r.peer, &protocol.Partial{
				Stream: r.number, Tag: p.tag, Number: p.attempts, Status: p.texts.status, Data: data,
			})
		} else {
			m := &o.out.reply
			*m = protocol.Reply{
				Request: r.number, Tag: p.tag, State: p.state, Data: data, Attempts: p.attempts,
				Worker: p.texts.worker, Epoch: p.epoch, Again: p.again, Failure: p.texts.failure,
			}
			o.send(r.peer, m)
		}
		q.sent++
		p.number = q.sent
		if q.next++; !st.spec.Keep {
			o.dropFirst(st)
		}
	}
}

// dropFirst gives up the oldest parcel.
func (o *owner) dropFirst(st *stream) {
	q := &st.out
	if p := &q.list[q.first]; p.state == isEarly {
		q.early--
	} else {
		o.drop(st, p.data)
	}
	q.list[q.first] = parcel{}
	q.first++
	q.next = max(q.next, q.first)
	switch {
	case q.first == len(q.list) && cap(q.list) > outletTidy:
		q.list, q.first, q.next = nil, 0, 0
	case q.first == len(q.list):
		q.list, q.first, q.next = q.list[:0], 0, 0
	case q.first >= outletTidy && q.first > len(q.list)/2:
		q.list = slices.Delete(q.list, 0, q.first)
		q.first, q.next = 0, q.next-q.first
	}
}

// dropOutlet gives up all that nobody wants any more.
func (o *owner) dropOutlet(st *stream) {
	for st.out.first < len(st.out.list) {
		o.dropFirst(st)
	}
}

// replyMore goes on sending what a stream has for its client.
func (o *owner) replyMore(st *stream) {
	o.sendOutlet(st)
	o.finishOutlet(st)
}

// finishOutlet ends the request of a stream that has waited for the last reply.
func (o *owner) finishOutlet(st *stream) {
	o.grantTasks(st)
	if r := st.client; r != nil && st.job.phase == phaseEnded && !r.replies() {
		o.endRequest(r)
	}
}

// replies reports whether replies are yet to be sent for a request.
func (r *request) replies() bool {
	st := r.job.stream
	return st != nil && st.client == r && (st.out.next < len(st.out.list) || st.out.late > 0)
}

// workerOf is the worker on which an attempt ended; nil: none has, or it is gone.
func (o *owner) workerOf(e *scheduler.Effect) *worker {
	if sl := o.slotOf(e.Slot); sl != nil {
		return sl.worker
	}
	return o.workers[e.Worker]
}
