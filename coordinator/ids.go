package coordinator

import (
	"bytes"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// The limits of what is remembered of tasks with an idempotency key.
const (
	idSeconds  = 10 * 60  // for so long, unless the job says otherwise
	idsMax     = 100_000  // keys whose task has ended, of all streams
	idBytesAll = 64 << 20 // bytes of their results
)

// known is a task with an idempotency key: while it runs, all that wait for it; afterwards, what
// became of it.
type known struct {
	stream *stream
	id     string
	task   scheduler.TaskID // 0: it is a fan-out
	all    *gathering       // nil: it is one task
	askers []asker          // the first is the one that it runs for

	ended bool
	reply answer // how it ended, with data of its own
	until scheduler.Time
}

// idMemory are the keys whose task has ended, in that order, but for those that were forgotten with
// their stream.
type idMemory struct {
	list  []*known
	bytes int
}

// identified takes a task with a key: it joins the one that has the key already, or is the first.
func (o *owner) identified(st *stream, m *protocol.Task, to asker, c scheduler.Command) {
	k := st.ids[m.ID]
	if k != nil && k.ended && k.until <= o.now() {
		k = nil
	}
	switch {
	case k != nil && k.ended:
		a := k.reply
		a.again = true
		o.tell(to, &a)
		return
	case k != nil:
		k.askers = append(k.askers, to)
		st.remember(to.tag, k)
		return
	}
	k = &known{stream: st, id: m.ID, askers: []asker{to}}
	if st.ids == nil {
		st.ids = map[string]*known{}
	}
	st.ids[m.ID] = k
	st.remember(to.tag, k)
	if m.Flags&protocol.TaskAll != 0 {
		k.all = o.fanOut(st, m, asker{who: k, order: to.order}, c)
		return
	}
	number := o.errands.add(k, 1)
	k.task = o.state.NextTask()
	c.Ref = o.storeTask(st, oursFlag, to.order, m.Key, m.Data)
	o.errand(st, number, c)
}

// answer tells all that wait for the task.
func (k *known) answer(o *owner, a *answer) {
	st := k.stream
	askers := k.askers
	k.askers, k.ended, k.reply = nil, true, *a
	k.reply.data = bytes.Clone(a.data)
	for i, to := range askers {
		st.forget(to.tag, k)
		b := *a
		b.again = i > 0
		o.tell(to, &b)
	}
	ttl := st.spec.IDMillis
	if ttl == 0 {
		ttl = idSeconds * millisPerSec
	}
	if k.until = o.now() + ticks(ttl); a.state == fanfold.Cancelled || a.busy() {
		delete(st.ids, k.id) // whoever asks again means it
		k.reply.data = nil
		return
	}
	o.ids.list = append(o.ids.list, k)
	o.ids.bytes += len(k.reply.data)
	o.account(st, cost(len(k.reply.data)))
	o.forgetIDs()
}

// busy reports whether a task was not taken, and may be sent again.
func (a *answer) busy() bool {
	return a.failure != nil && a.failure.err.Kind == fanfold.KindBusy
}

// forgetIDs forgets the keys whose time is up, and the oldest ones when there are too many.
func (o *owner) forgetIDs() {
	now, n := o.now(), 0
	for _, k := range o.ids.list {
		if len(o.ids.list)-n <= idsMax && o.ids.bytes <= idBytesAll && k.until > now {
			break
		}
		o.forgetID(k)
		n++
	}
	clear(o.ids.list[:n])
	o.ids.list = o.ids.list[n:]
}

// forgetID forgets a key whose task has ended, if its stream has not done so before.
func (o *owner) forgetID(k *known) {
	if k.stream == nil {
		return
	}
	o.ids.bytes -= len(k.reply.data)
	o.account(k.stream, -cost(len(k.reply.data)))
	if k.stream.ids[k.id] == k {
		delete(k.stream.ids, k.id)
	}
	k.stream, k.reply = nil, answer{}
}

// dropIDs forgets all keys of a stream.
func (o *owner) dropIDs(st *stream) {
	for _, k := range st.ids {
		if k.ended {
			o.forgetID(k)
		}
	}
	st.ids = nil
}

// tags are those whom a Partial is for.
func (k *known) tags() (list []uint64) {
	for _, to := range k.askers {
		list = append(list, to.tag)
	}
	return list
}

// cancel ends the task for one of those that wait for it, and the task itself with the last.
func (k *known) cancel(o *owner, tag uint64) {
	i := slices.IndexFunc(k.askers, func(to asker) bool { return to.tag == tag })
	switch {
	case i < 0:
	case len(k.askers) > 1:
		to := k.askers[i]
		k.askers = slices.Delete(k.askers, i, i+1)
		k.stream.forget(tag, k)
		o.tell(to, k.stream.cancelled())
	case k.all != nil:
		k.all.cancel(o, tag)
	default:
		o.step(scheduler.Command{Kind: scheduler.CancelTask, Task: k.task})
	}
}
