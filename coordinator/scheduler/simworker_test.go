package scheduler

import (
	"slices"

	"github.com/fanfold/fanfold"
)

// simWorker is a worker, and the link to it.
type simWorker struct {
	x     *simulation
	id    fanfold.WorkerID
	slots []*simSlot

	// What the coordinator thinks.
	joined bool
	heard  Time

	// The worker's own.
	epoch int  // of its connection; a new one means new slots
	told  Time // when it heard of the coordinator last
	slow  Time // by how much everything takes longer

	// The link, and the worker's process.
	cut     bool // what it sends is lost
	deaf    bool // what is sent to it is lost
	gap     bool // something was lost: when the link is whole again, the connection is not
	stopped bool
	held    []func() // what happens when it goes on
	arrival Time     // of the last message to it: they stay in order
}

// simSlot is a slot and its process.
type simSlot struct {
	worker *simWorker
	id     SlotID // 0: the coordinator has not opened it
	tag    uint64 // of its OpenSlot
	epoch  int
	line   []simAttempt
	serial int // of the first one: each start of an attempt has another
}

// simAttempt is an attempt that was sent.
type simAttempt struct {
	id   AttemptID
	task TaskID
}

// join adds a worker, which connects.
func (x *simulation) join(id fanfold.WorkerID) {
	w := &simWorker{x: x, id: id, slow: 1}
	for range 1 + x.rng.IntN(2) {
		w.slots = append(w.slots, &simSlot{worker: w})
	}
	x.workers = append(x.workers, w)
	w.connect()
	x.after(x.span(beatEvery), w.beat)
	x.after(leaseTime, w.watch)
}

// send has the worker get something, unless it is lost on the way.
func (w *simWorker) send(do func()) {
	if w.deaf {
		w.gap = true
		return
	}
	epoch := w.epoch
	w.arrival = max(w.x.now+w.x.delay(), w.arrival)
	w.x.after(w.arrival-w.x.now, func() {
		if w.epoch == epoch {
			w.act(do)
		}
	})
}

// act does something of the worker's, when it is not stopped.
func (w *simWorker) act(do func()) {
	if w.stopped {
		w.held = append(w.held, do)
		return
	}
	do()
}

// tell has the coordinator get something: it may be lost, repeated, overtaken.
func (w *simWorker) tell(do func()) {
	if w.cut {
		w.gap = true
		return
	}
	x := w.x
	x.after(x.delay(), do)
	if !x.calm && x.chance(4) {
		x.m.seen["sim repeat"]++
		x.after(x.delay()*4, do)
	}
}

// delay is how long a message takes.
func (x *simulation) delay() Time {
	if !x.calm && x.chance(3) {
		x.m.seen["sim late"]++
		return x.span(2 * leaseTime)
	}
	return ms/10 + x.span(ms)
}

// connect says hello, with new slots.
func (w *simWorker) connect() {
	w.epoch++
	w.told = w.x.now
	for _, sl := range w.slots {
		sl.line = nil
		sl.serial++
	}
	epoch := w.epoch
	w.tell(func() { w.x.hello(w, epoch) })
}

// hello is a worker that has connected: what it had before is lost.
func (x *simulation) hello(w *simWorker, epoch int) {
	if epoch != w.epoch || w.joined && w.slots[0].epoch == epoch {
		return // it is late, or repeated
	}
	x.lose(w)
	w.joined, w.heard = true, x.now
	for _, sl := range w.slots {
		sl.epoch = epoch
		x.open(sl)
	}
}

func (x *simulation) open(sl *simSlot) {
	sl.tag = x.number()
	x.step(Command{Kind: OpenSlot, Worker: sl.worker.id, Tag: sl.tag, Key: sl.tag})
}

// opened names a slot by the id that it has got.
func (x *simulation) opened(e *Effect) {
	for _, w := range x.workers {
		for i, sl := range w.slots {
			if sl.tag == e.Tag {
				if sl.id != 0 { // what was sent to the one before goes nowhere
					sl = &simSlot{worker: w, tag: sl.tag, epoch: sl.epoch}
					w.slots[i] = sl
				}
				sl.id = e.Slot
				x.where[e.Slot] = sl
			}
		}
	}
}

// lose takes a worker for lost.
func (x *simulation) lose(w *simWorker) {
	if !w.joined {
		return
	}
	w.joined = false
	for _, sl := range w.slots {
		x.step(Command{Kind: LoseSlot, Slot: sl.id, Status: Lost})
	}
	x.lost(w)
}

// replace is a process that has ended, and the next one.
func (x *simulation) replace(id SlotID, why Status) {
	sl := x.where[id]
	if sl == nil || !sl.worker.joined || !slices.Contains(sl.worker.slots, sl) {
		return // the worker was lost meanwhile, or this is repeated
	}
	x.step(Command{Kind: LoseSlot, Slot: id, Status: why})
	x.open(sl)
}

// beat is the worker's heartbeat, and its own look at the clock: without its lease it ends what it
// does, and connects anew.
func (w *simWorker) beat() {
	x := w.x
	x.after(beatEvery, func() { w.act(w.beat) })
	if x.now-w.told > leaseTime {
		w.connect()
		return
	}
	epoch := w.epoch
	w.tell(func() {
		if epoch == w.epoch && w.joined {
			w.heard = max(w.heard, x.now)
			w.send(func() { w.told = x.now })
		}
	})
}

// watch is the coordinator's look at the worker's lease.
func (w *simWorker) watch() {
	x := w.x
	x.after(leaseTime/4, w.watch)
	if w.joined && x.now-w.heard > leaseTime {
		x.lose(w)
	}
}

// obey does what the coordinator wants of a slot's process.
func (sl *simSlot) obey(e *Effect) {
	x := sl.worker.x
	i := slices.IndexFunc(sl.line, func(a simAttempt) bool { return a.id == e.Attempt })
	switch {
	case e.Kind == Send:
		sl.line = append(sl.line, simAttempt{e.Attempt, e.Task})
		if len(sl.line) == 1 {
			sl.start()
		}
	case e.Kind == Kill:
		sl.die()
	case i < 0:
	case e.Kind == TakeBack && i > 0:
		sl.line = slices.Delete(sl.line, i, i+1)
		sl.report(e.Attempt, Returned)
	case e.Kind == Stop && (i > 0 || x.chance(80)): // or it does not listen
		sl.line = slices.Delete(sl.line, i, i+1)
		sl.report(e.Attempt, Cancelled)
		if i == 0 {
			sl.start()
		}
	}
}

// start begins with the first attempt of the line.
func (sl *simSlot) start() {
	sl.serial++
	if len(sl.line) == 0 {
		return
	}
	w, serial := sl.worker, sl.serial
	if !w.x.calm && w.x.chance(2) {
		w.x.m.seen["sim hang"]++
		return
	}
	w.x.after(w.slow*(ms+w.x.span(20*ms)), func() {
		w.act(func() {
			if serial == sl.serial {
				sl.end()
			}
		})
	})
}

// end is an attempt that is done.
func (sl *simSlot) end() {
	x, a := sl.worker.x, sl.line[0]
	sl.line = sl.line[1:]
	status := Succeeded
	if !x.calm && x.chance(6) {
		status = Failed
		if x.source(a.task) != 0 && x.chance(50) {
			status = NoSource
		}
	}
	sl.report(a.id, status)
	sl.start()
}

// report tells what became of an attempt.
func (sl *simSlot) report(id AttemptID, status Status) {
	x, slot := sl.worker.x, sl.id
	sl.worker.tell(func() {
		c := Command{Kind: Report, Attempt: id, Status: status, Slot: slot, Nanos: int64(ms)}
		if status != Returned && status != Cancelled {
			c.Ref = Ref(x.number())
		}
		if a := x.m.attempts[id]; status == NoSource {
			c.Task = x.source(a.task.id)
		}
		x.step(c)
	})
}

// die is the end of a slot's process: the coordinator sees it at once.
func (sl *simSlot) die() {
	sl.line = nil
	sl.serial++
	slot := sl.id
	sl.worker.tell(func() { sl.worker.x.replace(slot, Crashed) })
}

// nemesis does one thing after the other, until it is calm.
func (x *simulation) nemesis() {
	if x.calm {
		return
	}
	x.after(x.span(30*ms), x.nemesis)
	w := x.workers[x.rng.IntN(len(x.workers))]
	name, undo := "", func() {}
	switch x.rng.IntN(7) {
	case 0:
		name, w.cut, w.deaf, undo = "cut", true, true, w.mend
	case 1:
		name, w.cut, undo = "mute", true, w.mend
	case 2:
		name, w.deaf, undo = "deaf", true, w.mend
	case 3:
		name, w.stopped, undo = "stop", true, w.goOn
	case 4:
		name, w.slow, undo = "slow", 10, func() { w.slow = 1 }
	case 5:
		name = "crash"
		w.slots[x.rng.IntN(len(w.slots))].die()
	case 6:
		name = "drain"
		x.step(Command{Kind: DrainSlot, Slot: w.slots[x.rng.IntN(len(w.slots))].id})
	}
	x.m.seen["sim "+name]++
	if x.trace != nil {
		x.trace("%d %s worker %d\n", x.now, name, w.id)
	}
	x.after(x.span(4*leaseTime), undo)
}

// mend makes the link whole. Who has lost something sees that its connection is broken.
func (w *simWorker) mend() {
	w.cut, w.deaf = false, false
	if w.gap {
		w.gap = false
		w.act(w.connect)
	}
}

// goOn lets a stopped worker go on: with all that it missed.
func (w *simWorker) goOn() {
	w.stopped = false
	held := w.held
	w.held = nil
	for _, do := range held {
		w.act(do)
	}
}

// heal ends all faults.
func (x *simulation) heal() {
	x.calm = true
	for _, w := range x.workers {
		w.slow = 1
		w.goOn()
		w.mend()
	}
}
