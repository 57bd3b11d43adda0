package scheduler

import (
	"testing"
	"time"

	"github.com/fanfold/fanfold"
)

// faulty plays closed jobs on three workers, of which some fail everything, and counts the attempts
// on each.
type faulty struct {
	w    *world
	bad  map[fanfold.WorkerID]bool
	sent map[fanfold.WorkerID]int
}

func newFaulty(t *testing.T, bad ...fanfold.WorkerID) *faulty {
	f := &faulty{bad: map[fanfold.WorkerID]bool{}}
	f.w = newWorld(t, 3, func(*Effect) Time { return ms })
	for _, w := range bad {
		f.bad[w] = true
	}
	return f
}

// run plays a job of ten tasks, and gives its end.
func (f *faulty) run() Status {
	w := f.w
	f.sent = map[fanfold.WorkerID]int{}
	w.step(Command{Kind: OpenJob, Spec: &Spec{Client: 1}})
	id := w.last.Job
	for range 10 {
		f.step(Command{Kind: Submit, Job: id})
	}
	f.step(Command{Kind: CloseJob, Job: id})
	for {
		v, ok := w.s.Job(id)
		switch slot := w.next(); {
		case !ok || v.State >= fanfold.Succeeded:
			if v.State == fanfold.Succeeded {
				return Succeeded
			}
			return Failed
		case slot != 0:
			e := w.slots[slot][0]
			w.slots[slot], w.now = nil, w.now+ms
			c := Command{Kind: Report, Attempt: e.Attempt, Status: Succeeded, Nanos: int64(ms)}
			if f.bad[e.Worker] {
				c.Status = Failed
			}
			f.step(c)
		default:
			w.now = max(w.now, w.s.Next())
			f.step(Command{Kind: Tick})
		}
	}
}

func (f *faulty) step(c Command) {
	f.w.step(c)
	for _, e := range f.w.out.Effects {
		switch e.Kind {
		case Send:
			f.sent[e.Worker]++
		case Deliver:
			f.w.step(Command{Kind: FinishJob, Job: e.Job, Status: Succeeded})
		}
	}
}

// TestBadWorkerIsExcluded: a worker that fails what others do well is left out, first of a job, and
// when two jobs have said so of all, for a while. No job fails for it.
func TestBadWorkerIsExcluded(t *testing.T) {
	f := newFaulty(t, 1)
	for job := range 3 {
		if got := f.run(); got != Succeeded {
			t.Fatalf("job %d: %s", job, got)
		}
		want := []int{3, 3, 0}[job]
		if got := f.sent[1]; got != want {
			t.Errorf("job %d: %d attempts on the bad worker, want %d", job, got, want)
		}
	}
	if until, _ := f.w.s.Exclusion(1); until == 0 {
		t.Error("the bad worker is not excluded")
	}
	f.bad[1] = false
	f.w.now += DefaultConfig.Exclude + Time(time.Second)
	f.w.step(Command{Kind: Tick})
	if until, _ := f.w.s.Exclusion(1); until != 0 || f.run() != Succeeded || f.sent[1] == 0 {
		t.Errorf("it is excluded until %d; %d attempts on it", until, f.sent[1])
	}
}

// TestBadJobExcludesNobody: a job that fails wherever it runs costs no worker another job.
func TestBadJobExcludesNobody(t *testing.T) {
	f := newFaulty(t, 1, 2, 3)
	for range 5 {
		if got := f.run(); got != Failed {
			t.Fatalf("the job %s", got)
		}
	}
	clear(f.bad)
	if got := f.run(); got != Succeeded || len(f.sent) != 3 {
		t.Errorf("the next job %s, with attempts on %v", got, f.sent)
	}
}
