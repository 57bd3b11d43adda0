package coordinator

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// counting counts the attempts that a behaviour is asked for.
func counting(n *atomic.Int32, behave behaviour) behaviour {
	return func(p *fakeProcess, a *fakeAttempt) *protocol.Done {
		n.Add(1)
		return behave(p, a)
	}
}

func TestLabelsSayWhereAJobRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		var first, second atomic.Int32
		c.agent.set(func(a *fakeAgent) { a.behave = counting(&first, inline) })
		cl := c.client("ann")
		job := fanfold.Job{Program: "words", Labels: []string{"worker=w2"}, Reducers: 3, SplitSize: 2}
		r := c.submit(cl, job, "a\nb\na\n")
		pass(time.Second)
		var status string
		for len(r.Progress()) > 0 {
			status = (<-r.Progress()).Status
		}
		if status != "waits for a worker with worker=w2" {
			t.Errorf("nobody has the label, and the job says %q", status)
		}
		c.behave = counting(&second, inline)
		c.join("w2", 1)
		if out, _, err := readAll(r); out != "a\t2\nb\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		if first.Load() != 0 || second.Load() == 0 {
			t.Errorf("%d attempts on w1, %d on w2", first.Load(), second.Load())
		}
		job.Labels = []string{"gpu"}
		if _, _, err := c.run(cl, job, "a\n"); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("a label without a value: %v", err)
		}
	})
}

// TestBadWorkerIsShown: a worker that fails what another one does well is listed as excluded.
func TestBadWorkerIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = failing(100) })
		c.join("w2", 1)
		cl := c.client("ann")
		for range 2 {
			job := fanfold.Job{Program: "words", SplitSize: 2, MaxAttempts: 9}
			if out, _, err := c.run(cl, job, "a\na\na\na\na\na\na\na\na\n"); out != "a\t9\n" {
				t.Fatalf("got %q, %v", out, err)
			}
		}
		list, err := cl.Workers(t.Context())
		if err != nil || len(list) != 2 {
			t.Fatalf("%d workers, %v", len(list), err)
		}
		if w := list[0]; w.State != "excluded" || w.Excluded <= 0 || w.Failures != 6 {
			t.Errorf("worker %s is %s for %d ms after %d failures", w.Name, w.State, w.Excluded, w.Failures)
		}
		if w := list[1]; w.State != "ready" || w.Failures != 0 {
			t.Errorf("worker %s is %s after %d failures", w.Name, w.State, w.Failures)
		}
		pass(time.Minute)
		if list, _ = cl.Workers(t.Context()); list[0].State != "ready" {
			t.Errorf("a minute later it is %s", list[0].State)
		}
	})
}
