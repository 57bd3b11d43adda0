package coordinator

import (
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// openProcess takes up a task process. While the connection of the one before it has not ended, it
// waits: what that one has sent last, a good-bye perhaps, may not have been read yet.
func (o *owner) openProcess(p *peer) {
	sl, err := o.offered(p)
	if err != nil {
		o.end(p, err)
		return
	}
	p.process = &process{peer: p, slot: sl, briefed: map[*job]bool{}, came: o.now()}
	if hash := p.hello.Image; len(hash) > 0 && !slices.Equal(hash, sl.worker.peer.hello.Image) {
		p.process.image = o.imageNumber(hash, "")
	}
	if sl.process == nil {
		o.bind(p.process)
		return
	}
	if sl.next != nil {
		o.dismiss(sl.next.peer, "another task process has come for the slot")
	}
	sl.next = p.process
}

// bind gives a slot to a task process.
func (o *owner) bind(p *process) {
	sl := p.slot
	sl.process, sl.exited = p, nil
	if sl.switching {
		sl.switching = false
		o.dispatch(sl)
		return
	}
	o.openSlot(sl)
}

// hurry ends a task process that has stayed although its successor is there.
func (o *owner) hurry(sl *slot, now scheduler.Time) {
	if sl.next != nil && now-sl.next.came > scheduler.Time(o.cfg.Limits.Handshake) {
		o.dismiss(sl.process.peer, "another task process has come for the slot")
	}
}

// openSlot offers a slot with a process to the scheduler.
func (o *owner) openSlot(sl *slot) {
	sl.tag = o.number()
	o.opening[sl.tag] = sl
	o.step(scheduler.Command{
		Kind: scheduler.OpenSlot, Worker: sl.worker.id, Image: sl.process.image, Tag: sl.tag,
	})
}

// slotReady takes the id that the scheduler has given to a slot.
func (o *owner) slotReady(e *scheduler.Effect) {
	sl := o.opening[e.Tag]
	delete(o.opening, e.Tag)
	if sl == nil || sl.tag != e.Tag || sl.process == nil { // it has gone meanwhile
		o.step(scheduler.Command{Kind: scheduler.LoseSlot, Slot: e.Slot, Status: scheduler.Returned})
		return
	}
	sl.id = e.Slot
	for e.Slot.Index() >= len(o.slots) {
		o.slots = append(o.slots, nil)
	}
	o.slots[e.Slot.Index()] = sl
}

// slotOf is the slot with an id of the scheduler's, or nil.
func (o *owner) slotOf(id scheduler.SlotID) *slot {
	if i := id.Index(); i < len(o.slots) && o.slots[i] != nil && o.slots[i].id == id {
		return o.slots[i]
	}
	return nil
}

// bye notes that a peer takes no more work and will close its connection.
func (o *owner) bye(p *peer) {
	if p.process != nil {
		p.process.retired = true
	}
	if p.worker != nil {
		p.worker.leaves = true
	}
}

// loseProcess handles the end of a task process's connection; why is nil if the process ended it.
func (o *owner) loseProcess(p *process, why error) {
	sl := p.slot
	if sl.next == p {
		sl.next = nil
	}
	if sl.process != p {
		return
	}
	sl.process = nil
	defer o.succeed(sl)
	switch {
	case sl.switching: // it made room for a process of another image
	case p.retired || p.killed:
		o.closeSlot(sl, scheduler.Returned)
	default:
		sl.broke = why
		o.closeSlot(sl, scheduler.Crashed)
		sl.broke = nil
	}
}

// succeed binds the process that has waited for the end of the one before it.
func (o *owner) succeed(sl *slot) {
	if next := sl.next; next != nil {
		sl.next = nil
		o.bind(next)
	}
}

// closeSlot takes a slot from the scheduler, which runs its attempts elsewhere.
func (o *owner) closeSlot(sl *slot, why scheduler.Status) {
	sl.tag, sl.switching, sl.orders = 0, false, nil
	if sl.id == 0 {
		return
	}
	id := sl.id
	o.step(scheduler.Command{Kind: scheduler.LoseSlot, Slot: id, Status: why})
	sl.id = 0 // not before: the effects of the step look for the slot
	if o.slots[id.Index()] == sl {
		o.slots[id.Index()] = nil
	}
	attempts := sl.attempts
	sl.attempts = nil
	for i := range attempts {
		o.left(attempts[i].job)
	}
}

// kill has the worker end the process of a slot and start another.
func (o *owner) kill(id scheduler.SlotID) {
	sl := o.slotOf(id)
	if sl == nil || sl.process == nil {
		return
	}
	sl.process.killed = true
	o.send(sl.worker.peer, &protocol.Kill{
		Slot: sl.index, GraceMillis: uint32(o.cfg.Limits.Grace.Milliseconds()),
	})
}

// exited is a worker's word on a process that has ended, or that it could not start.
func (o *owner) exited(w *worker, m *protocol.Exited) {
	if int(m.Slot) >= len(w.slots) {
		return
	}
	sl := w.slots[m.Slot]
	switch {
	case m.Failed != "":
		o.notStarted(sl, m)
	case o.resolveExit(sl, m):
	case sl.process != nil && !sl.switching && samePID(sl.process, m):
		sl.exited = m
	}
}

// samePID tells the attached process from the one before it.
func samePID(p *process, m *protocol.Exited) bool {
	pid := p.peer.hello.PID
	return pid == 0 || m.PID == 0 || pid == m.PID
}

// notStarted fails the attempt that waits for a process which could not be started. The process
// that was there before, if it still is, goes on.
func (o *owner) notStarted(sl *slot, m *protocol.Exited) {
	o.log.Error("start task process", "worker", sl.worker.name(), "slot", sl.index, "error", m.Failed)
	if !sl.switching {
		return
	}
	sl.exited = &protocol.Exited{Words: "cannot be started: " + m.Failed}
	o.closeSlot(sl, scheduler.Crashed)
	if sl.exited = nil; sl.process != nil {
		o.openSlot(sl)
	}
}

// attempt is one execution of a task on a slot, from Send to its report.
type attempt struct {
	id     scheduler.AttemptID
	job    *job
	stage  fanfold.Stage
	index  uint32 // of the task in its stage
	number uint16
	bytes  int64 // of input read so far
}

// name is the attempt's name for ever.
func (a *attempt) name(epoch fanfold.Epoch) fanfold.AttemptID {
	return fanfold.AttemptID{
		Job: a.job.id, Stage: a.stage, Task: fanfold.TaskID(a.index), Attempt: a.number, Epoch: epoch,
	}
}

// find gives the place of an attempt, which is nearly always the first; -1: it is not here.
func (sl *slot) find(id scheduler.AttemptID) int {
	return slices.IndexFunc(sl.attempts, func(a attempt) bool { return a.id == id })
}
