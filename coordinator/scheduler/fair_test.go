package scheduler

import "testing"

// TestFairShares: identities that all have work get slot time by their weights, however long their
// tasks are, and however many jobs they have.
func TestFairShares(t *testing.T) {
	took := map[JobID]Time{}
	w := newWorld(t, 4, func(e *Effect) Time { return took[e.Job] })
	long := w.open(Spec{Share: 1, Weight: 1})
	short := w.open(Spec{Share: 2, Weight: 3})
	third := []JobID{
		w.open(Spec{Share: 3}), w.open(Spec{Share: 3}), w.open(Spec{Share: 3, Priority: 4}),
	}
	took[long], took[short] = 20*ms, ms
	for _, id := range third {
		took[id] = 3 * ms
		w.submit(id, 4000)
	}
	w.submit(long, 1000)
	w.submit(short, 9000)
	for w.now < 2000*ms {
		w.run()
	}
	a, b, c := w.used[long], w.used[short]/3, w.used[third[0]]+w.used[third[1]]
	if spread := max(a, b, c) - min(a, b, c); spread > 2*4*20*ms { // two tasks a slot
		t.Errorf("slot time by weight: got %d, %d and %d ms", a/ms, b/ms, c/ms)
	}
	if n := w.done[third[2]]; n > 0 {
		t.Errorf("%d tasks of a later class ran before those of an earlier one", n)
	}
}

// TestFairJobs: the jobs of one class get slot time in turn: a large one of long tasks does not
// starve one of short tasks, nor the reverse.
func TestFairJobs(t *testing.T) {
	took := map[JobID]Time{}
	w := newWorld(t, 2, func(e *Effect) Time { return took[e.Job] })
	long, short := w.open(Spec{Share: 1}), w.open(Spec{Share: 1})
	took[long], took[short] = 30*ms, ms
	w.submit(long, 1000)
	w.submit(short, 10_000)
	for w.now < 2000*ms {
		w.run()
	}
	if a, b := w.used[long], w.used[short]; max(a, b)-min(a, b) > 4*30*ms {
		t.Errorf("slot time: got %d and %d ms", a/ms, b/ms)
	}
}

// TestX9SmallJobs: a small job never waits behind a large one for longer than a task.
func TestX9SmallJobs(t *testing.T) {
	w := newWorld(t, 2, func(*Effect) Time { return 10 * ms })
	large := w.open(Spec{Share: 1})
	w.submit(large, 10_000)
	for round := range 50 {
		for range 7 {
			w.run()
		}
		start := w.now
		small := w.open(Spec{Share: 1 + ShareID(round%2)})
		w.submit(small, 2)
		w.step(Command{Kind: CloseJob, Job: small})
		for w.ended[small] == 0 {
			w.run()
		}
		// One task of the large job may be ahead, and one goes between the two.
		if took := w.ended[small] - start; took > 4*10*ms {
			t.Fatalf("round %d: two tasks of 10 ms took %d ms", round, took/ms)
		}
	}
	if w.done[large] < 7*50-100 {
		t.Fatalf("vacuous: the large job ran %d tasks", w.done[large])
	}
}

// TestFairArrears: who was alone, or away, for long neither pays nor is paid for it.
func TestFairArrears(t *testing.T) {
	w := newWorld(t, 1, func(*Effect) Time { return 10 * ms })
	first := w.open(Spec{Share: 1})
	w.submit(first, 1000)
	for range 500 {
		w.run()
	}
	second := w.open(Spec{Share: 2})
	w.submit(second, 400)
	before := w.used[first]
	for range 200 {
		w.run()
	}
	if a, b := w.used[first]-before, w.used[second]; max(a, b)-min(a, b) > 30*ms {
		t.Errorf("slot time after one was alone: got %d and %d ms", a/ms, b/ms)
	}
}

// TestFairRefund: what is charged in advance for tasks of unknown length is settled by what they
// took, and what is returned is paid back.
func TestFairRefund(t *testing.T) {
	w := newWorld(t, 1, func(*Effect) Time { return 10 * ms })
	id := w.open(Spec{Share: 1, Weight: 3})
	w.submit(id, 3)
	for range 10 {
		e := w.slots[w.order[0]][0]
		w.slots[w.order[0]] = nil
		w.step(Command{Kind: Report, Attempt: e.Attempt, Status: Returned})
	}
	for range 3 {
		w.run()
	}
	share := w.s.shares[1]
	if got := share.pass*3 + share.rest; got != int64(30*ms) {
		t.Errorf("charged %d ns, want %d", got, 30*ms)
	}
}
