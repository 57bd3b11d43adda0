package scheduler

import (
	"slices"
	"testing"

	"github.com/fanfold/fanfold"
)

// world is an owner with slots whose processes run attempts, each for as long as took says.
type world struct {
	t     testing.TB
	s     *State
	now   Time
	out   Out
	took  func(e *Effect) Time
	slots map[SlotID][]Effect // sent and not answered
	order []SlotID
	ends  map[SlotID]Time // of the first one
	used  map[JobID]Time  // slot time of answered attempts
	done  map[JobID]int
	ended map[JobID]Time
	last  Effect // of the kind that the last command was answered by

	returns bool        // attempts may be taken back
	back    []AttemptID // that were, and are to be reported
}

func newWorld(t testing.TB, slots int, took func(e *Effect) Time) *world {
	w := &world{
		t: t, s: New(DefaultConfig), took: took,
		slots: map[SlotID][]Effect{}, ends: map[SlotID]Time{},
		used: map[JobID]Time{}, done: map[JobID]int{}, ended: map[JobID]Time{},
	}
	for i := range slots {
		w.step(Command{Kind: OpenSlot, Worker: fanfold.WorkerID(i + 1)})
		w.order = append(w.order, w.last.Slot)
	}
	return w
}

func (w *world) step(c Command) {
	w.out.Reset()
	w.s.Step(w.now, &c, &w.out)
	for _, e := range w.out.Effects {
		switch e.Kind {
		case SlotReady, JobReady:
			w.last = e
		case Send:
			if len(w.slots[e.Slot]) == 0 {
				w.ends[e.Slot] = w.now + w.took(&e)
			}
			w.slots[e.Slot] = append(w.slots[e.Slot], e)
		case TakeBack:
			w.takeBack(&e)
		case JobReply:
			w.ended[e.Job] = w.now
		}
	}
}

// takeBack lets the process return an attempt that it has and did not start.
func (w *world) takeBack(e *Effect) {
	if !w.returns {
		w.t.Fatal("not played here")
	}
	line := w.slots[e.Slot]
	i := slices.IndexFunc(line, func(sent Effect) bool { return sent.Attempt == e.Attempt })
	if i > 0 {
		w.slots[e.Slot] = slices.Delete(line, i, i+1)
		w.back = append(w.back, e.Attempt)
	}
}

func (w *world) open(spec Spec) JobID {
	spec.Open = true
	w.step(Command{Kind: OpenJob, Spec: &spec})
	return w.last.Job
}

func (w *world) submit(id JobID, n int) {
	for range n {
		w.step(Command{Kind: Submit, Job: id})
	}
}

// next is the slot whose attempt ends next; 0: nothing runs.
func (w *world) next() (slot SlotID) {
	for _, id := range w.order {
		if len(w.slots[id]) > 0 && (slot == 0 || w.ends[id] < w.ends[slot]) {
			slot = id
		}
	}
	return slot
}

// run answers the next attempt that ends.
func (w *world) run() {
	slot := w.next()
	if slot == 0 {
		w.t.Fatal("nothing runs")
	}
	e := w.slots[slot][0]
	w.slots[slot] = w.slots[slot][1:]
	w.now = w.ends[slot]
	took := w.took(&e)
	w.used[e.Job] += took
	w.done[e.Job]++
	if len(w.slots[slot]) > 0 {
		w.ends[slot] = w.now + w.took(&w.slots[slot][0])
	}
	w.step(Command{Kind: Report, Attempt: e.Attempt, Status: Succeeded, Nanos: int64(took)})
}
