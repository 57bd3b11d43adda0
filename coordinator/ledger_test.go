package coordinator

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/journal"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// slowJournal lets each Append through only when the test says so.
type slowJournal struct {
	journal.Journal
	pass chan error // what the next Append is to return

	mu   sync.Mutex // guards last
	last uint64
}

func (s *slowJournal) Append(ctx context.Context, records []journal.Record) error {
	if err := <-s.pass; err != nil {
		return err
	}
	s.mu.Lock()
	s.last = records[len(records)-1].Seq
	s.mu.Unlock()
	return s.Journal.Append(ctx, records)
}

// durableJob starts a job without inputs whose events are journalled.
func durableJob(c *cluster) *job {
	var j *job
	c.server.call(func(o *owner) {
		m := &protocol.Submit{Request: 1, Job: protocol.JobSpec{Program: "sort", Detach: true}}
		j, _ = o.newJob(o.tenantOf("ann"), m)
		j.durable, j.feed.ended = true, true
		o.openJob(j)
	})
	return j
}

func (c *cluster) phaseOf(j *job) (p phase) {
	synctest.Wait()
	c.server.call(func(*owner) { p = j.phase })
	return p
}

func TestEffectsOfDurableJobsWaitForTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowJournal{Journal: journal.Memory(), pass: make(chan error)}
		c := newCluster(t, Config{Journal: slow}, 1)
		j := durableJob(c)
		if got := c.phaseOf(j); got != phaseOpening {
			t.Errorf("phase %d before its opening was journalled", got)
		}
		if out, _, err := c.run(c.client("ann"), fanfold.Job{Program: "words"}, "a\n"); out != "a\t1\n" {
			t.Errorf("a job that is not durable: got %q, %v", out, err)
		}
		appends := 0
		for c.phaseOf(j) != phaseEnded {
			slow.pass <- nil
			appends++
		}
		if j.state != fanfold.Succeeded || appends < 3 {
			t.Errorf("it ended as %s after %d appends", j.state, appends)
		}
		kinds := map[scheduler.EventKind]bool{}
		last := uint64(0)
		for record, err := range slow.Replay(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			e, err := decodeEvent(record.Data)
			if err != nil || e.Seq != record.Seq || e.Seq <= last {
				t.Fatalf("record %d: %+v, %v", record.Seq, e, err)
			}
			last = e.Seq
			kinds[e.Kind] = true
		}
		for _, k := range []scheduler.EventKind{
			scheduler.JobOpened, scheduler.JobClosed, scheduler.Assigned, scheduler.TaskEnded,
			scheduler.JobEnded,
		} {
			if !kinds[k] {
				t.Errorf("%s is not in the journal", k)
			}
		}
		close(slow.pass) // what the end of the test brings up
	})
}

func TestR31JournalThatFailsEndsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowJournal{Journal: journal.Memory(), pass: make(chan error, 1)}
		s := New(Config{Journal: slow})
		slow.pass <- errors.New("input/output error")
		s.call(func(o *owner) {
			j, _ := o.newJob(o.tenantOf("ann"), &protocol.Submit{
				Request: 1, Job: protocol.JobSpec{Program: "command", Mapper: []string{"cat"}},
			})
			j.durable = true
			o.openJob(j)
		})
		<-s.ended
		if err := s.Close(); fanfold.KindOf(err) != fanfold.KindJournal {
			t.Errorf("got %v", err)
		}
	})
}
