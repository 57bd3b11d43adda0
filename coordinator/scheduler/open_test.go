package scheduler

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fanfold/fanfold"
)

// homes says where the shards of a job are sent to, of which nothing is under way.
func homes(w *world, id JobID, shards uint32) map[uint32]SlotID {
	got := map[uint32]SlotID{}
	for n := uint32(1); n <= shards; n++ {
		w.step(Command{Kind: Submit, Job: id, Shard: n})
		i := slices.IndexFunc(w.out.Effects, func(e Effect) bool { return e.Kind == Send })
		e := w.out.Effects[i]
		got[n] = e.Slot
		w.step(Command{Kind: Report, Attempt: e.Attempt, Status: Succeeded, Nanos: 1000})
	}
	return got
}

// TestB33ShardsMoveOneInN: each shard has one slot; a new slot takes its part of the shards and
// moves no others; a slot that goes leaves its own to the others.
func TestB33ShardsMoveOneInN(t *testing.T) {
	const shards = 4096
	w := newWorld(t, 0, func(*Effect) Time { return ms })
	id := w.open(Spec{Shards: shards})
	var slots []SlotID
	var before map[uint32]SlotID
	for n := 1; n <= 16; n++ {
		w.step(Command{Kind: OpenSlot, Worker: fanfold.WorkerID(n), Key: uint64(n) * 1e9})
		slots = append(slots, w.last.Slot)
		now, again := homes(w, id, shards), homes(w, id, shards)
		moved := 0
		for k := uint32(1); k <= shards; k++ {
			if now[k] != again[k] {
				t.Fatalf("shard %d is on slot %x and then on %x", k, now[k], again[k])
			}
			if now[k] == before[k] {
				continue
			}
			if moved++; now[k] != w.last.Slot {
				t.Fatalf("%d slots: shard %d moves to %x, which is not new", n, k, now[k])
			}
		}
		if want := shards / n; moved < want*8/10 || moved > want*12/10 {
			t.Errorf("%d slots: %d shards move, want about %d", n, moved, want)
		}
		before = now
	}
	gone := slots[7]
	w.step(Command{Kind: LoseSlot, Slot: gone, Status: Lost})
	after := homes(w, id, shards)
	for k := uint32(1); k <= shards; k++ {
		if (before[k] == gone) != (after[k] != before[k]) {
			t.Fatalf("shard %d was on %x, and is on %x when %x is gone", k, before[k], after[k], gone)
		}
	}
}

// TestB4ShardsUnderLoad: at full load, while slots come, go and give attempts back, the tasks of
// each shard are answered in their order, one slot at a time, and a new slot gets its part.
func TestB4ShardsUnderLoad(t *testing.T) {
	const shards, tasks = 8, 20_000
	random := rand.New(rand.NewPCG(4, 4))
	w := newWorld(t, 2, func(*Effect) Time { return Time(20_000) })
	id := w.open(Spec{Shards: shards, QueueMax: tasks})
	w.returns = true
	answered, last := 0, [shards + 1]uint64{}
	on := map[SlotID]int{}
	step := func(c Command) {
		w.step(c)
		for _, e := range w.out.Effects {
			if e.Kind != Reply {
				continue
			}
			if e.Tag <= last[e.Shard] {
				t.Fatalf("task %d of shard %d is answered after %d", e.Tag, e.Shard, last[e.Shard])
			}
			last[e.Shard] = e.Tag
			answered++
			on[e.Slot]++
		}
	}
	for n := range tasks {
		step(Command{Kind: Submit, Job: id, Tag: uint64(n + 1), Shard: uint32(1 + n%shards)})
	}
	for n := 0; answered < tasks; n++ {
		for len(w.back) > 0 {
			k := w.back[0]
			w.back = w.back[1:]
			step(Command{Kind: Report, Attempt: k, Status: Returned})
		}
		slot := w.order[random.IntN(len(w.order))]
		line := w.slots[slot]
		switch k := random.IntN(1000); {
		case k < 2 && len(w.order) < 5:
			w.step(Command{Kind: OpenSlot, Worker: fanfold.WorkerID(n), Key: random.Uint64()})
			w.order = append(w.order, w.last.Slot)
		case k < 4 && len(w.order) > 1:
			w.order = slices.DeleteFunc(w.order, func(id SlotID) bool { return id == slot })
			delete(w.slots, slot)
			step(Command{Kind: LoseSlot, Slot: slot, Status: Lost})
		case k < 20 && len(line) > 1: // it gives back what has not started
			w.slots[slot] = slices.Clone(line[:1])
			for _, e := range line[1:] {
				step(Command{Kind: Report, Attempt: e.Attempt, Status: Returned})
			}
		case len(line) > 0:
			w.slots[slot] = line[1:]
			e := line[0]
			step(Command{Kind: Report, Attempt: e.Attempt, Status: Succeeded, Nanos: 20_000})
		}
		if n > 100*tasks {
			t.Fatalf("%d of %d tasks are answered", answered, tasks)
		}
	}
	if len(on) < 5 {
		t.Errorf("vacuous: %v", on)
	}
}

// TestB4SlotLossIsQuick: a slot takes only what was sent to it away with it, however much waits.
func TestB4SlotLossIsQuick(t *testing.T) {
	w := newWorld(t, 1, func(*Effect) Time { return Time(1000) })
	id := w.open(Spec{Shards: 16})
	for n := range 50_000 {
		w.step(Command{Kind: Submit, Job: id, Tag: uint64(n), Shard: uint32(1 + n%16)})
		if n == 0 {
			w.run()
		}
	}
	w.step(Command{Kind: OpenSlot, Worker: 2, Key: 2})
	w.out.Record = true
	w.step(Command{Kind: LoseSlot, Slot: w.order[0], Status: Crashed})
	if sent := len(w.slots[w.order[0]]); sent < 100 {
		t.Fatalf("vacuous: %d tasks were sent", sent)
	}
	if n, most := len(w.out.Events), int(2*DefaultConfig.PrefetchMax+2); n > most {
		t.Errorf("got %d events, want at most %d", n, most)
	}
}

// TestParkedJobIsLeftAlone: a job whose shards wait for a slot without room does not hold up
// another one, and is not looked at with each of its tasks.
func TestParkedJobIsLeftAlone(t *testing.T) {
	took := map[JobID]Time{}
	w := newWorld(t, 2, func(e *Effect) Time { return took[e.Job] })
	w.out.Record = true
	sharded, other := w.open(Spec{Share: 1, Shards: 1}), w.open(Spec{Share: 1})
	took[sharded], took[other] = 1000*ms, ms
	w.submit(other, 1)
	w.run()
	parked := 0
	count := func() {
		for _, e := range w.out.Events {
			if e.Kind == JobParked {
				parked++
			}
		}
	}
	for range 1000 {
		w.step(Command{Kind: Submit, Job: sharded, Shard: 1})
		count()
		w.step(Command{Kind: Submit, Job: other})
		count()
	}
	for range 900 {
		w.run()
		count()
	}
	if w.done[other] < 800 {
		t.Errorf("of 900 tasks %d are of the job that could go", w.done[other])
	}
	if parked > 10 {
		t.Errorf("parked %d times", parked)
	}
}

// TestShardOfAnotherImage: tasks with a shard, whose slot another job keeps busy with another
// image, get their turn, and neither job is starved.
func TestShardOfAnotherImage(t *testing.T) {
	w := newWorld(t, 2, func(*Effect) Time { return Time(10_000) })
	busy := w.open(Spec{Share: 1})
	sharded := w.open(Spec{Share: 2, Image: 1, Shards: 64})
	w.submit(busy, 100_000)
	for n := range 2000 {
		w.step(Command{Kind: Submit, Job: sharded, Shard: uint32(1 + n%64)})
	}
	for w.done[sharded] < 2000 {
		w.run()
		if w.done[busy] > 60_000 {
			t.Fatalf("%d tasks with a shard ran beside %d others", w.done[sharded], w.done[busy])
		}
	}
	if w.done[busy] < 1000 {
		t.Errorf("%d other tasks ran", w.done[busy])
	}
}

// TestB10NestedTasksRun: a task that waits for another keeps its process; the other one runs there
// although a job whose image needs that process is ahead of it.
func TestB10NestedTasksRun(t *testing.T) {
	w := newWorld(t, 1, func(*Effect) Time { return ms })
	id := w.open(Spec{Share: 1})
	w.submit(id, 1)
	parent := w.slots[w.order[0]][0]
	w.slots[w.order[0]] = nil
	waiting := w.open(Spec{Share: 2, Image: 1})
	w.submit(waiting, 1)
	w.step(Command{Kind: Suspend, Attempt: parent.Attempt})
	child := w.open(Spec{Share: 1})
	w.submit(child, 1)
	w.run()
	if w.done[child] != 1 {
		t.Fatalf("the nested task did not run: %v", w.done)
	}
	w.step(Command{Kind: Report, Attempt: parent.Attempt, Status: Succeeded})
	w.run()
	if w.done[waiting] != 1 {
		t.Errorf("the job of another image did not run: %v", w.done)
	}
}

// TestB14NothingStartsLate: a task whose deadline has passed is not started, although its timer has
// not fired.
func TestB14NothingStartsLate(t *testing.T) {
	w := newWorld(t, 1, func(*Effect) Time { return Time(2000) })
	id := w.open(Spec{})
	w.submit(id, 1)
	w.step(Command{Kind: Submit, Job: id, Tag: 7, Until: Time(1000)})
	w.run()
	if len(w.slots[w.order[0]]) > 0 {
		t.Errorf("started: %+v", w.slots)
	}
	i := slices.IndexFunc(w.out.Effects, func(e Effect) bool { return e.Tag == 7 })
	if i < 0 || w.out.Effects[i].Kind != Reply || w.out.Effects[i].Status != TimedOut {
		t.Errorf("got %+v, want a reply: timed out", w.out.Effects)
	}
	if v, _ := w.s.Job(id); v.Stages[fanfold.StageMap].Succeeded != 1 {
		t.Errorf("vacuous: %+v", v)
	}
}

// TestB13LateReports: neither a report from a slot that the attempt is not on, nor one that comes
// after the answer, answers anything.
func TestB13LateReports(t *testing.T) {
	w := newWorld(t, 1, func(*Effect) Time { return ms })
	id := w.open(Spec{})
	w.submit(id, 1)
	first := w.slots[w.order[0]][0]
	w.step(Command{Kind: LoseSlot, Slot: w.order[0], Status: Lost})
	w.step(Command{Kind: OpenSlot, Worker: 2})
	second := w.slots[w.last.Slot][0]
	tests := []struct {
		name    string
		attempt AttemptID
		slot    SlotID
		want    EffectKind
	}{
		{"of the slot that was lost", first.Attempt, first.Slot, Discard},
		{"of the second attempt, from the first slot", second.Attempt, first.Slot, Discard},
		{"of the first attempt, from the second slot", first.Attempt, second.Slot, Discard},
		{"of the second attempt", second.Attempt, second.Slot, Reply},
		{"once more", second.Attempt, second.Slot, Discard},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.step(Command{Kind: Report, Attempt: test.attempt, Slot: test.slot, Status: Succeeded})
			if len(w.out.Effects) != 1 || w.out.Effects[0].Kind != test.want {
				t.Errorf("got %+v, want %s", w.out.Effects, test.want)
			}
		})
	}
}
