package coordinator

import (
	"encoding/binary"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// task takes a task of a stream. One that comes for a job that has ended is dropped, as its client
// will see.
func (o *owner) task(p *peer, m *protocol.Task) error {
	r := p.client.requests[m.Request]
	if r == nil {
		return nil
	}
	st := r.job.stream
	switch {
	case st == nil:
		return fanfold.Errorf(fanfold.KindProtocol, "take task", "the job takes no tasks")
	case st.client != r || r.job.feed.ended || r.job.doomed != scheduler.None ||
		r.job.phase != phaseRunning:
		return nil
	case st.granted <= 0:
		return fanfold.Errorf(fanfold.KindProtocol, "take task", "more than the credit for it")
	}
	st.granted -= cost(len(m.Key) + len(m.Data))
	st.unanswered++
	to := asker{tag: m.Tag, flags: m.Flags, order: st.arrived}
	if err := st.refuses(m); err != nil {
		o.refuseTask(st, to, err)
		return nil
	}
	st.arrived++
	c := scheduler.Command{Kind: scheduler.Submit, Job: r.job.sched, Tag: m.Tag}
	o.qualify(st, m, &c)
	switch {
	case m.ID != "":
		o.identified(st, m, to, c)
	case m.Flags&protocol.TaskAll != 0:
		o.fanOut(st, m, to, c)
	default:
		if st.byTag != nil {
			st.byTag[m.Tag] = o.state.NextTask()
		}
		c.Ref = o.storeTask(st, m.Flags, to.order, m.Key, m.Data)
		o.step(c)
	}
	o.grantTasks(st)
	return nil
}

// refuses says why a task is answered without having been run; nil: it is not.
func (st *stream) refuses(m *protocol.Task) *fanfold.Error {
	switch {
	case len(m.Data) > fanfold.PayloadMax:
		return fanfold.Errorf(fanfold.KindTooLarge, "take task",
			"a payload of %d bytes: the most is %d", len(m.Data), fanfold.PayloadMax)
	case st.spec.QueueMax > 0 && st.unanswered > int(st.spec.QueueMax):
		return fanfold.Errorf(fanfold.KindBusy, "take task",
			"%d tasks are not answered yet", st.spec.QueueMax)
	case m.Flags&protocol.TaskAll != 0 && st.errands+int(st.spec.Shards) > errandsMax:
		return fanfold.Errorf(fanfold.KindBusy, "take task", "%d shards have not answered", st.errands)
	case m.Flags&protocol.TaskAll != 0 && !st.info.Reduces:
		return fanfold.Errorf(fanfold.KindUsage, "take task",
			"program %s has no reducer for what all shards answer", st.job.spec.Program)
	}
	return nil
}

// priorityMiddle is the scheduler's priority of a task that has none.
const priorityMiddle = 4

// qualify tells the scheduler what is special about a task.
func (o *owner) qualify(st *stream, m *protocol.Task, c *scheduler.Command) {
	if c.Priority = priorityMiddle; m.Priority > 0 {
		c.Priority = m.Priority - 1
	}
	millis := m.Millis
	if millis == 0 {
		millis = st.spec.TaskMillis
	}
	if millis > 0 {
		c.Until = o.now() + ticks(min(millis, secondsMax*millisPerSec))
	}
	if len(m.Key) > 0 {
		c.Shard = st.shardOf(m.Key)
	}
}

// refuseTask answers a task that is not run. One that is to come again later does not count as
// answered.
func (o *owner) refuseTask(st *stream, to asker, err *fanfold.Error) {
	o.tell(to, &answer{
		stream: st, state: fanfold.Failed, failure: &failure{job: st.job, err: err},
	})
	o.grantTasks(st)
}

// A task in the arena begins with a byte: the flags of its message, and what follows it.
const (
	oursFlag = 1 << 6 // it is an errand: Tag is its number
	moreFlag = 1 << 7 // its place in the stream and its key follow, before the payload
	sentMask = oursFlag - 1
)

var plainTask, ourTask = []byte{0}, []byte{oursFlag}

// storeTask puts a task into the arena.
func (o *owner) storeTask(
	st *stream, flags uint8, order uint64, key, data []byte,
) scheduler.Ref {
	switch needed := st.spec.Reduce && !st.info.Associative && flags&oursFlag == 0; {
	case !needed && len(key) == 0 && flags == 0:
		return o.stow(st, plainTask, data)
	case !needed && len(key) == 0 && flags == oursFlag:
		return o.stow(st, ourTask, data)
	}
	head := append(o.scratch[:0], flags|moreFlag)
	head = binary.AppendUvarint(head, order)
	head = binary.AppendUvarint(head, uint64(len(key)))
	head = append(head, key...)
	o.scratch = head
	return o.stow(st, head, data)
}

// keptTask is a task in the arena.
type keptTask struct {
	flags uint8
	order uint64
	key   []byte
	data  []byte
}

// keptTask gives a task back, valid until it is dropped.
func (o *owner) keptTask(ref scheduler.Ref) (t keptTask) {
	b := o.arena.get(ref)
	head, b := b[0], b[1:]
	t.flags = head &^ moreFlag
	if head&moreFlag == 0 {
		t.data = b
		return t
	}
	order, size := binary.Uvarint(b)
	b = b[size:]
	n, size := binary.Uvarint(b)
	b = b[size:]
	t.order, t.key, t.data = order, b[:n], b[n:]
	return t
}

// call sends a task to the process of the slot that it was put on: at once if nothing else waits
// for that process.
func (o *owner) call(st *stream, e *scheduler.Effect) {
	sl := o.slotOf(e.Slot)
	if sl == nil {
		return // it was lost meanwhile, and its attempts run elsewhere
	}
	d := order{
		attempt: attempt{
			id: e.Attempt, job: st.job, stage: e.Stage, index: uint32(e.Tag), number: e.Number,
		},
		task: e.Ref, shard: e.Shard, until: e.Until,
	}
	p := sl.process
	if len(sl.orders) == 0 && p != nil && !p.retiring &&
		p.image == o.imageFor(st.job, sl.worker) && o.sendCall(p, &d) {
		return
	}
	if sl.orders = append(sl.orders, d); len(sl.orders) == 1 {
		o.dispatch(sl)
	}
}

// sendCall sends a task to a process. It returns false when something of it must wait for room.
func (o *owner) sendCall(p *process, d *order) bool {
	a := &d.attempt
	st := a.job.stream
	if !o.room(p.peer) {
		return false
	}
	if d.stopped {
		o.stopReduce(p, d)
		return true
	}
	if a.job != p.latest {
		o.briefOpen(p, a.job)
	}
	t := o.keptTask(d.task)
	if t.flags&oursFlag != 0 {
		if r, ok := o.errands.list[a.index].who.(*reducing); ok {
			return o.sendReduce(p, d, r)
		}
	}
	if d.shard != 0 && !o.settleShard(st, p, d.shard) {
		return false
	}
	m := &o.out.call
	*m = protocol.Call{
		Attempt: uint64(a.id), Job: uint64(a.job.sched), Data: t.data, Task: a.index, Key: t.key,
		Shard: d.shard,
	}
	if a.number > 1 {
		m.Number = a.number
	}
	m.Millis = a.job.spec.TaskTimeout
	if d.until != 0 {
		left := max(1, time.Duration(d.until-o.now()).Milliseconds())
		if m.Millis == 0 || left < m.Millis {
			m.Millis = left
		}
	}
	o.send(p.peer, m)
	return true
}

// briefOpen sees to it that a process knows an open job.
func (o *owner) briefOpen(p *process, j *job) {
	if !p.briefed[j] {
		o.brief(p, j)
	}
	p.latest = j
}

// returned handles the end of a call. A return that comes again or late is the scheduler's to
// answer.
func (o *owner) returned(p *peer, m *protocol.Return) error {
	sl := p.process.slot
	id := scheduler.AttemptID(m.Attempt)
	switch {
	case sl.process != p.process || sl.id == 0:
		return nil // what it had runs elsewhere
	case len(sl.attempts) > 0 && sl.find(id) >= 0:
		return errProtocol("Return of an attempt that is no call")
	case len(sl.orders) > 0 && sl.ordered(id):
		return errProtocol("Return of a call that was not made yet")
	}
	c := scheduler.Command{
		Kind: scheduler.Report, Attempt: id, Slot: sl.id, Status: statuses[m.Status], Nanos: m.Nanos,
	}
	if m.Status == protocol.StatusFailed && len(m.Failure) > 0 && hopeless(m.Failure[0].Err()) {
		c.Status = scheduler.Hopeless
	}
	o.returning, o.reporter = m, p
	o.step(c)
	o.returning, o.reporter = nil, nil
	return nil
}

// ordered reports whether an attempt waits to be sent.
func (sl *slot) ordered(id scheduler.AttemptID) bool {
	for i := range sl.orders {
		if sl.orders[i].attempt.id == id {
			return true
		}
	}
	return false
}

// partial passes on what a task says before its result. What comes late is dropped.
func (o *owner) partial(p *peer, m *protocol.Partial) error {
	sl := p.process.slot
	a, ok := o.state.Attempt(scheduler.AttemptID(m.Stream))
	st := o.opens.get(a.Client)
	if !ok || st == nil || a.Slot != sl.id || sl.process != p.process {
		return nil
	}
	o.step(scheduler.Command{Kind: scheduler.Progress, Attempt: scheduler.AttemptID(m.Stream)})
	if m.Status != "" {
		st.job.status = m.Status
		o.markDirty(st.job)
	}
	to := asker{tag: a.Tag}
	if o.keptTask(a.Ref).flags&oursFlag != 0 {
		to.who = o.errands.list[a.Tag].who
	}
	o.postPartial(st, to, a.Number, m)
	return nil
}
