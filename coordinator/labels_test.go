package coordinator

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/memstore"
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
		job := fanfold.Job{Program: "words", Reducers: 3, SplitSize: 2}
		job.Labels = []string{"rack=7", "worker=w2"}
		r := c.submit(cl, job, "a\nb\na\n")
		pass(time.Second)
		var status string
		for len(r.Progress()) > 0 {
			status = (<-r.Progress()).Status
		}
		if status != "waits for a worker with rack=7, worker=w2" {
			t.Errorf("nobody has the label, and the job says %q", status)
		}
		c.labels = []string{"rack=7", "worker=w3"}
		c.behave = counting(&second, inline)
		c.join("w2", 1)
		if out, _, err := readAll(r); out != "a\t2\nb\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		if first.Load() != 0 || second.Load() == 0 {
			t.Errorf("%d attempts on w1, %d on w2", first.Load(), second.Load())
		}
		job.Labels = []string{"worker=w3"} // that is not who it is
		posing, err := cl.Submit(t.Context(), client.Submission{Job: job})
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if before := second.Load(); first.Load() != 0 || before != 4+3 {
			t.Errorf("%d attempts on w1, %d on w2", first.Load(), before)
		}
		posing.Close()
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
		c.behave = func(p *fakeProcess, a *fakeAttempt) *protocol.Done {
			pass(time.Second) // until the other one has failed often enough
			return inline(p, a)
		}
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

// placed is a store that says where files are: on the host that their names begin with.
type placed struct{ *memstore.Store }

func (p placed) List(ctx context.Context, pattern string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		for info, err := range p.Store.List(ctx, pattern) {
			host, _, _ := strings.Cut(strings.TrimPrefix(info.Name, "/in/"), ".")
			info.Hosts = []string{host}
			if !yield(info, err) {
				return
			}
		}
	}
}

// TestMapsRunWhereTheirInputIs: each map task runs on the host that has its input, as long as that
// comes to it soon.
func TestMapsRunWhereTheirInputIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := placed{&memstore.Store{}}
		mux := &storage.Mux{}
		mux.Handle("", store)
		c := newCluster(t, Config{Storage: mux}, 1)
		c.store = store.Store
		var near, far atomic.Int32
		c.behave = func(p *fakeProcess, a *fakeAttempt) *protocol.Done {
			if strings.HasPrefix(a.split.Ranges[0].Name, "/in/at-"+p.agent.name+".") {
				near.Add(1)
			} else {
				far.Add(1)
			}
			pass(10 * time.Millisecond)
			return inline(p, a)
		}
		behave := c.behave
		c.agent.set(func(a *fakeAgent) { a.behave = behave })
		c.join("w2", 1)
		for i := range 20 { // most of them on the one host
			host := "at-w1"
			if i%5 == 0 {
				host = "at-w2"
			}
			store.Put(fmt.Sprintf("/in/%s.%02d", host, i), []byte("a\n"))
		}
		job := fanfold.Job{Program: "lines", Inputs: []string{"/in"}, SplitSize: 2}
		r, err := c.client("ann").Submit(t.Context(), client.Submission{Job: job})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := readAll(r); err != nil {
			t.Fatal(err)
		}
		if near.Load() != 20 || far.Load() != 0 {
			t.Errorf("%d tasks ran near to their input, %d did not", near.Load(), far.Load())
		}
	})
}
