package scheduler

import (
	"maps"
	"slices"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestR14OnlyLostMapsRunAgain loses a worker while reduce tasks run: the maps whose outputs it had
// run again, and no others; reduce tasks that run on other workers go on and are committed; those
// that do not run yet wait until all outputs are there again.
func TestR14OnlyLostMapsRunAgain(t *testing.T) {
	const inputs, reduces, slots = 12, 9, 4
	w := newWorld(t, slots, func(*Effect) Time { return ms })
	sent, made := map[fanfold.Stage]int{}, map[TaskID]fanfold.WorkerID{}
	committed, ready, delivered := map[fanfold.Stage]int{}, 0, false
	step := func(c Command) {
		w.step(c)
		for _, e := range w.out.Effects {
			switch e.Kind {
			case Send:
				if sent[e.Stage]++; e.Stage == fanfold.StageReduce && committed[fanfold.StageMap] < inputs {
					t.Errorf("a reduce task starts with %d of %d maps", committed[fanfold.StageMap], inputs)
				}
			case Commit:
				if committed[e.Stage]++; e.Stage == fanfold.StageMap {
					made[e.Task] = e.Worker
				}
			case Discard:
				committed[e.Stage]--
			case StageReady:
				ready++
			case Deliver:
				delivered = true
			}
		}
	}
	answer := func() {
		slot := w.next()
		e := w.slots[slot][0]
		w.slots[slot] = nil
		w.now += ms
		step(Command{Kind: Report, Attempt: e.Attempt, Status: Succeeded, Nanos: int64(ms)})
	}
	step(Command{Kind: OpenJob, Spec: &Spec{Client: 1, Reduces: reduces}})
	job := w.last.Job
	for range inputs {
		step(Command{Kind: Submit, Job: job})
	}
	step(Command{Kind: CloseJob, Job: job})
	for committed[fanfold.StageMap] < inputs {
		answer()
	}

	gone := w.order[0]
	worker := w.slots[gone][0].Worker
	w.order = w.order[1:]
	step(Command{Kind: LoseSlot, Slot: gone, Status: Lost})
	lost := 0
	for _, task := range slices.Sorted(maps.Keys(made)) {
		if made[task] == worker {
			lost++
			step(Command{Kind: LoseOutput, Task: task})
		}
	}
	before := committed[fanfold.StageReduce]
	for range slots - 1 { // the reduce tasks that run
		answer()
	}
	if got := committed[fanfold.StageReduce] - before; got != slots-1 || lost == 0 {
		t.Fatalf("%d reduce tasks went on, want %d; %d outputs were lost", got, slots-1, lost)
	}
	for !delivered {
		answer()
	}
	if sent[fanfold.StageMap] != inputs+lost || sent[fanfold.StageReduce] != reduces+1 || ready != 2 {
		t.Errorf("%d map attempts, want %d; %d reduce attempts, want %d; the stage was opened %d times",
			sent[fanfold.StageMap], inputs+lost, sent[fanfold.StageReduce], reduces+1, ready)
	}
}
