package coordinator

import (
	"context"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/internal/pause"
	"github.com/fanfold/fanfold/protocol"
)

// openProcess takes up a task process. While the connection of one of the same image has not ended,
// it waits: what that one has sent last, a good-bye perhaps, may not have been read yet.
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
	switch {
	case sl.process == nil && sl.doubted == nil:
		o.bind(p.process)
	case sl.process != nil && sl.process.image != p.process.image: // nobody waits for it any more
		o.keepWarm(sl, p.process)
	default:
		if sl.next != nil {
			o.dismiss(sl.next.peer, "another task process has come for the slot")
		}
		sl.next = p.process
	}
}

// bind has a slot without a process use one.
func (o *owner) bind(p *process) {
	sl := p.slot
	sl.process = p
	if sl.asked != p.image {
		o.ask(sl, p.image)
	}
	if sl.id != 0 { // the scheduler has had it all the time
		o.dispatch(sl)
		return
	}
	o.openSlot(sl)
}

// hurry ends a task process that has stayed although its successor is there.
func (o *owner) hurry(sl *slot, now scheduler.Time) {
	most := scheduler.Time(o.cfg.Limits.Handshake)
	if sl.next != nil && sl.process != nil && now-sl.next.came > most {
		o.end(sl.process.peer, errProtocol("it has stayed although another one has come for its slot"))
	}
}

// openSlot offers a slot with a process to the scheduler.
func (o *owner) openSlot(sl *slot) {
	if sl.worker.leaving != nil {
		return
	}
	sl.tag = o.number()
	o.opening[sl.tag] = sl
	o.step(scheduler.Command{
		Kind: scheduler.OpenSlot, Worker: sl.worker.id, Image: sl.process.image, Tag: sl.tag,
		Key: sl.key(), Spec: &scheduler.Spec{Labels: labels(sl.worker.labels())},
	})
}

// key is what the slot is hashed by to place shards: the same whenever it is opened.
func (sl *slot) key() uint64 {
	return xxhash.Sum64String(fmt.Sprintf("%s/%d", sl.worker.name(), sl.index))
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
	if l := sl.worker.leaving; l != nil { // it has come to leave while the journal was written
		l.busy[sl.id] = true
		o.step(scheduler.Command{Kind: scheduler.DrainSlot, Slot: sl.id})
	}
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
		o.drainWorker(p.worker)
	}
}

// loseProcess handles the end of a task process's connection; why is nil if the process ended it.
func (o *owner) loseProcess(p *process, why error) {
	sl := p.slot
	p.gone = true
	o.tellProcess(p)
	if sl.next == p {
		sl.next = nil
	}
	sl.warm = slices.DeleteFunc(sl.warm, func(w *process) bool { return w == p })
	if sl.process != p {
		return
	}
	sl.process, p.cut = nil, cutOff(why)
	switch {
	case p.retired || p.killed || p.rested && p.cut == nil:
		o.giveUp(sl, p, scheduler.Returned)
	case p.cut != nil || p.exited != nil || sl.worker.peer.attached:
		o.giveUp(sl, p, scheduler.Crashed)
	default:
		o.doubt(sl, p)
	}
}

// doubt waits for a word of the worker on a process whose connection has ended. If the worker turns
// out to be gone too, its attempts were lost with it, and have not failed.
func (o *owner) doubt(sl *slot, p *process) {
	sl.doubted = p
	async(o, o.ctx, func(ctx context.Context) (struct{}, error) {
		pause.For(ctx, o.cfg.Limits.ExitedWait)
		return struct{}{}, nil
	}, func(struct{}, error) { o.crashed(sl, p) })
}

// crashed ends the doubt about a process whose worker goes on.
func (o *owner) crashed(sl *slot, p *process) {
	if sl.doubted == p {
		sl.doubted = nil
		o.giveUp(sl, p, scheduler.Crashed)
	}
}

// giveUp closes a slot whose process has gone, and opens it again with another one, if it has one:
// its successor, or else the one that was used last.
func (o *owner) giveUp(sl *slot, p *process, why scheduler.Status) {
	sl.gone = p
	o.closeSlot(sl, why)
	sl.gone = nil
	other := sl.next
	if n := len(sl.warm); other == nil && n > 0 {
		other, sl.warm = sl.warm[n-1], sl.warm[:n-1]
	}
	if other != nil {
		sl.next = nil
		o.bind(other)
	}
}

// closeSlot takes a slot from the scheduler, which runs its attempts elsewhere.
func (o *owner) closeSlot(sl *slot, why scheduler.Status) {
	if len(sl.orders) > 0 && sl.orders[0].fetches() {
		o.send(sl.worker.peer, &protocol.Stop{Attempt: uint64(sl.orders[0].attempt.id)})
	}
	sl.tag, sl.orders = 0, nil
	if sl.id == 0 {
		return
	}
	id := sl.id
	o.step(scheduler.Command{Kind: scheduler.LoseSlot, Slot: id, Status: why})
	if l := sl.worker.leaving; l != nil {
		delete(l.busy, id)
	}
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
	switch sl := o.slotOf(id); {
	case sl == nil:
	case sl.process == nil: // it will be a new slot when its process has come
		o.closeSlot(sl, scheduler.Returned)
	default:
		sl.process.killed = true
		o.killProcess(sl.process)
	}
}

func (o *owner) killProcess(p *process) {
	o.send(p.slot.worker.peer, &protocol.Kill{
		Slot: p.slot.index, GraceMillis: uint32(o.cfg.Limits.Grace.Milliseconds()), PID: p.pid(),
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
		o.notStarted(sl, m, "cannot be started: "+m.Failed)
	case !sl.part(m.PID):
		o.notStarted(sl, m, m.Words+", before its handshake")
	case sl.doubted != nil && samePID(sl.doubted.pid(), m.PID):
		sl.doubted.exited = m
		o.crashed(sl, sl.doubted)
	case o.resolveExit(sl, m):
	case sl.process != nil && samePID(sl.process.pid(), m.PID):
		sl.process.exited = m
	default:
		sl.warm = slices.DeleteFunc(sl.warm, func(p *process) bool { return p.pid() == m.PID })
	}
}

// notStarted fails the attempt that waits for a process which does not come, and says why. The one
// that was used before, if it still is there, goes on, or else one of the worker's own image.
func (o *owner) notStarted(sl *slot, m *protocol.Exited, why string) {
	o.log.Error("start task process", "worker", sl.worker.name(), "slot", sl.index, "error", why)
	if sl.id == 0 || sl.process != nil || sl.doubted != nil ||
		!slices.Equal(m.Image, o.imageHash(sl.asked)) {
		return
	}
	sl.asked = noImage
	o.giveUp(sl, &process{
		slot: sl, exited: &protocol.Exited{Words: why, Log: m.Log},
	}, scheduler.Crashed)
	if sl.asked == noImage {
		o.ask(sl, 0)
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
	sample [][]byte
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
