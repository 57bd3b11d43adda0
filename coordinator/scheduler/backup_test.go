package scheduler

import (
	"testing"
	"time"
)

// straggling plays a closed job on four workers, of which the first is so many times slower, and
// tells how long it took, and how many backup attempts were made.
func straggling(t *testing.T, tasks int, slower Time, backups bool) (took Time, made int) {
	const second = Time(time.Second)
	w := newWorld(t, 4, func(e *Effect) Time {
		if e.Worker == 1 {
			return slower * second
		}
		return second
	})
	spec := Spec{Client: 1, Backups: backups, Progress: Time(time.Hour), Grace: second}
	w.step(Command{Kind: OpenJob, Spec: &spec})
	id := w.last.Job
	w.submit(id, tasks)
	w.step(Command{Kind: CloseJob, Job: id})
	for w.ended[id] == 0 {
		slot, due := w.next(), w.s.Next()
		if slot != 0 && (due == 0 || w.ends[slot] <= due) {
			w.run()
		} else {
			w.now = max(w.now, due)
			w.step(Command{Kind: Tick})
		}
		for _, e := range w.out.Effects {
			switch e.Kind {
			case Deliver:
				w.step(Command{Kind: FinishJob, Job: id, Status: Succeeded})
			case Stop:
				w.slots[e.Slot] = nil
				w.step(Command{Kind: Report, Attempt: e.Attempt, Status: Cancelled})
			}
		}
	}
	return w.ended[id], int(w.s.Backups().Made)
}

// TestR18X6SlowWorker: one worker in four that is ten times slower makes a job at most half as long
// again, at the price of at most a tenth more attempts.
func TestR18X6SlowWorker(t *testing.T) {
	for _, tasks := range []int{12, 40, 120} {
		healthy, _ := straggling(t, tasks, 1, true)
		took, made := straggling(t, tasks, 10, true)
		if took > healthy*3/2 {
			t.Errorf("%d tasks take %s, and %s with a slow worker", tasks,
				time.Duration(healthy), time.Duration(took))
		}
		if made < 1 || made > max(1, tasks/10) {
			t.Errorf("%d tasks have %d backup attempts", tasks, made)
		}
		if without, _ := straggling(t, tasks, 10, false); without <= took {
			t.Errorf("vacuous: %s without backup attempts, %s with them", time.Duration(without),
				time.Duration(took))
		}
	}
}

// TestX6HealthyJobHasNoBackups: attempts that take as long as all others get no rival.
func TestX6HealthyJobHasNoBackups(t *testing.T) {
	if _, made := straggling(t, 42, 1, true); made != 0 {
		t.Errorf("42 tasks have %d backup attempts", made)
	}
}
