package coordinator

import (
	"cmp"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// acknowledge gives up what the client of a stream says that it has.
func (o *owner) acknowledge(st *stream, m *protocol.Credit) {
	q := &st.out
	switch {
	case q.first == q.next:
		return
	case m.Number > 0:
		o.acknowledgeEarly(st, m.Number)
	default:
		q.acked += m.Bytes
	}
	for q.first < q.next {
		if p := &q.list[q.first]; p.state != isEarly {
			c := cost(size(p.data))
			if q.acked < c {
				return
			}
			q.acked -= c
		}
		o.dropFirst(st)
	}
	q.acked = 0
	if st.client == nil && st.job.phase == phaseEnded && len(q.list) == 0 {
		o.detached = slices.DeleteFunc(o.detached, func(other *stream) bool { return other == st })
		o.dropReply(st.job)
	}
}

// acknowledgeEarly gives up one parcel that the client has, although others before it may come
// again. What is left of many such is tidied up.
func (o *owner) acknowledgeEarly(st *stream, number uint64) {
	q := &st.out
	i, found := slices.BinarySearchFunc(q.list[q.first:q.next], number, func(p parcel, n uint64) int {
		return cmp.Compare(p.number, n)
	})
	p := &q.list[q.first+min(i, q.next-q.first-1)]
	if !found || p.state == isEarly {
		return
	}
	o.drop(st, p.data)
	*p = parcel{number: number, state: isEarly}
	if q.early++; q.early > outletTidy && q.early > len(q.list)/2 {
		q.list = slices.DeleteFunc(q.list[q.first:], func(p parcel) bool { return p.state == isEarly })
		q.first, q.next, q.early = 0, q.next-q.first-q.early, 0
	}
}

// lateCredit takes credit for a stream of which the client has had the end: it says that it has the
// last replies too.
func (o *owner) lateCredit(p *peer, m *protocol.Credit) {
	st := p.client.ended[m.Stream]
	if st == nil {
		return
	}
	if st.client == nil {
		o.acknowledge(st, m)
	}
	if st.client != nil || len(st.out.list) == 0 {
		delete(p.client.ended, m.Stream)
	}
}

// leaveStream notes that the client of a stream is gone. The job of one that is not kept goes with
// it; of one that is, what the client may not have got waits for another.
func (o *owner) leaveStream(st *stream) {
	j := st.job
	r := st.client
	st.client, j.client = nil, nil
	if !st.spec.Keep {
		o.dropOutlet(st)
		o.stopJob(j, scheduler.Cancelled, errGone)
		return
	}
	most := scheduler.Time(o.cfg.Limits.KeepFor)
	if st.spec.KeepMillis > 0 {
		most = min(most, ticks(st.spec.KeepMillis))
	}
	st.keptUntil = o.now() + most
	if j.phase == phaseEnded && st.out.first == len(st.out.list) {
		j.kept = false // it has it all
		return
	}
	o.detached = append(o.detached, st)
	if c := r.peer.client; j.phase == phaseEnded {
		if c.ended == nil {
			c.ended = map[uint64]*stream{}
		}
		c.ended[r.number] = st
	}
}

// rewind has all sent again that was not acknowledged, but what was said before a result.
func (o *owner) rewind(st *stream) {
	q := &st.out
	list := make([]parcel, 0, len(q.list)-q.first)
	for i, p := range q.list[q.first:] {
		switch {
		case p.state == isEarly:
		case p.state == isPartial && q.first+i < q.next:
			o.drop(st, p.data)
		default:
			list = append(list, p)
		}
	}
	q.list, q.first, q.next, q.acked, q.sent, q.early = list, 0, 0, 0, 0, 0
}

// attachStream has a client take over the stream of a job.
func (o *owner) attachStream(p *peer, m *protocol.Attach, j *job) error {
	st := j.stream
	if old := st.client; old != nil {
		delete(old.peer.client.requests, old.number)
		delete(old.peer.client.ended, old.number)
		j.requests = slices.DeleteFunc(j.requests, func(r *request) bool { return r == old })
		o.leaveStream(st)
		o.refuse(old.peer, old.number, errAttached)
	}
	r := &request{peer: p, number: m.Request, credit: m.Credit, submits: true, job: j}
	o.rewind(st)
	st.client, j.client, st.keptUntil = r, r, 0
	st.granted = protocol.InputWindow
	o.detached = slices.DeleteFunc(o.detached, func(other *stream) bool { return other == st })
	o.send(p, &protocol.Accepted{Request: m.Request, Job: j.id[:]})
	p.client.requests[r.number] = r
	j.requests = append(j.requests, r)
	o.replyMore(st)
	return nil
}

// errAttached ends a request whose stream another client has taken over.
var errAttached = fanfold.Errorf(fanfold.KindBusy, "serve stream",
	"another client has attached to the job")

// attachable says why a client cannot take over a stream; nil: it can.
func (st *stream) attachable(p *peer) error {
	switch j := st.job; {
	case j.tenant.name != p.identity.Name:
		return fanfold.Errorf(fanfold.KindDenied, "attach", "job %s is another's", j.id)
	case !st.spec.Keep && j.phase < phaseEnded:
		return fanfold.Errorf(fanfold.KindUsage, "attach", "job %s is not kept: its client has it", j.id)
	}
	return nil
}

// tidyStreams gives up what was kept for clients that have not come back, and lets those go on that
// had to wait for memory.
func (o *owner) tidyStreams(now scheduler.Time) {
	o.detached = slices.DeleteFunc(o.detached, func(st *stream) bool {
		if st.keptUntil > now {
			return false
		}
		st.spec.Keep = false
		o.dropOutlet(st)
		if st.job.phase == phaseEnded {
			o.dropReply(st.job)
		} else {
			o.stopJob(st.job, scheduler.Cancelled, errGone)
		}
		return true
	})
	for _, st := range o.opens.list {
		if st != nil {
			o.grantTasks(st)
		}
	}
	o.forgetIDs()
}
