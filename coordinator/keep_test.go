package coordinator

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

func TestX8DisconnectCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		h := hold(c, func(*fakeAttempt) bool { return true })
		cl, watcher := c.client("ann"), c.client("ann")
		r := c.submit(cl, fanfold.Job{Program: "words"}, "a\n")
		<-h.ch
		cl.Close()
		pass(2 * time.Second)
		info, err := watcher.Job(t.Context(), r.Job())
		if err != nil || fanfold.State(info.State) != fanfold.Cancelled {
			t.Errorf("got %v, %v, want cancelled", fanfold.State(info.State), err)
		}
		if _, err := r.Wait(); fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("the reply ended with %v", err)
		}
		c.wantForgotten(r.Job())
	})
}

// wantForgotten checks that the worker was told to forget a job.
func (c *cluster) wantForgotten(id fanfold.JobID) {
	c.t.Helper()
	c.wantForgot(id.String())
}

// wantForgot checks that the worker was told to forget something.
func (c *cluster) wantForgot(what string) {
	c.t.Helper()
	synctest.Wait()
	c.agent.mu.Lock()
	defer c.agent.mu.Unlock()
	for _, known := range c.agent.forgot {
		if known == what {
			return
		}
	}
	c.t.Errorf("the worker was not told to forget %s, only %v", what, c.agent.forgot)
}

func TestX8ContextCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		h := hold(c, func(*fakeAttempt) bool { return true })
		ctx, cancel := context.WithCancel(t.Context())
		r, err := c.client("ann").Submit(ctx, words("a\n"))
		if err != nil {
			t.Fatal(err)
		}
		<-h.ch
		cancel()
		if _, err := r.Wait(); fanfold.KindOf(err) != fanfold.KindCancelled {
			t.Errorf("got %v", err)
		}
	})
}

func TestR44StubbornProcessIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		h := hold(c, func(f *fakeAttempt) bool { return string(f.input) == "stubborn\n" })
		cl := c.client("ann")
		r := c.submit(cl, fanfold.Job{Program: "words"}, "stubborn\n")
		late := <-h.ch
		late.p.agent.set(func(*fakeAgent) { late.p.deaf = true })
		if err := cl.Cancel(t.Context(), r.Job()); err != nil {
			t.Fatal(err)
		}
		if sum, err := r.Wait(); fanfold.KindOf(err) != fanfold.KindCancelled ||
			sum.State != fanfold.Cancelled {
			t.Errorf("got %v, %v", sum.State, err)
		}
		if out, _, err := c.run(cl, fanfold.Job{Program: "words"}, "next\n"); out != "next\t1\n" {
			t.Errorf("got %q, %v", out, err)
		}
		if c.agent.process(0) == late.p {
			t.Error("the process that did not stop is still there")
		}
	})
}

func TestB25JobWhoseClientLeftIsNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		var seen atomic.Int32
		h := hold(c, func(f *fakeAttempt) bool {
			if string(f.input) == "left\n" {
				seen.Add(1)
			}
			return string(f.input) == "first\n"
		})
		ann, bob := c.client("ann"), c.client("bob")
		first := c.submit(ann, fanfold.Job{Program: "words"}, "first\n")
		late := <-h.ch
		c.submit(bob, fanfold.Job{Program: "words"}, "left\n")
		bob.Close()
		synctest.Wait()
		late.answer()
		if out, _, err := readAll(first); out != "first\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		synctest.Wait()
		if seen.Load() != 0 {
			t.Error("the job of the client that left was run")
		}
	})
}

func TestDetachedJobIsKept(t *testing.T) {
	for name, behave := range map[string]behaviour{"inline": inline, "files": inFile} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 1)
				h := hold(c, func(f *fakeAttempt) bool { return f.assign.Stage == 1 })
				h.behave = behave
				cl := c.client("ann")
				r := c.submit(cl, fanfold.Job{Program: "words", Detach: true}, "b a a\n")
				waiter := c.client("ann")
				waited := make(chan error, 1)
				go func() { waited <- second(waiter.Wait(t.Context(), r.Job())) }()
				synctest.Wait()
				(<-h.ch).answer()
				cl.Close()
				if err := <-waited; err != nil {
					t.Errorf("wait from before the end: got %v", err)
				}
				other := c.client("ann")
				if sum, err := other.Wait(t.Context(), r.Job()); err != nil || sum.Bytes != 8 {
					t.Errorf("wait: got %+v, %v", sum, err)
				}
				c.wantForgot(r.Job().String() + " before reduce")
				for range 2 {
					again, err := other.Attach(t.Context(), r.Job())
					if err != nil {
						t.Fatal(err)
					}
					if out, _, err := readAll(again); out != "a\t2\nb\t1\n" || err != nil {
						t.Errorf("attach: got %q, %v", out, err)
					}
				}
				pass(time.Hour + 2*time.Second)
				last := c.client("ann")
				if _, err := last.Attach(t.Context(), r.Job()); fanfold.KindOf(err) != fanfold.KindNotFound {
					t.Errorf("after an hour: got %v", err)
				}
				c.wantForgotten(r.Job())
			})
		})
	}
}

func TestKeptRepliesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{Limits: Limits{KeepMax: 20}}, 1)
		cl := c.client("ann")
		var jobs []fanfold.JobID
		for range 3 {
			r := c.submit(cl, fanfold.Job{Program: "words", Detach: true}, "b a a\n") // 8 bytes
			if _, err := r.Wait(); err != nil {
				t.Fatal(err)
			}
			jobs = append(jobs, r.Job())
		}
		if _, err := cl.Attach(t.Context(), jobs[0]); fanfold.KindOf(err) != fanfold.KindNotFound {
			t.Errorf("the oldest: got %v", err)
		}
		if sum, err := cl.Wait(t.Context(), jobs[0]); err != nil || sum.Bytes != 8 {
			t.Errorf("the oldest is forgotten: %+v, %v", sum, err)
		}
		for _, id := range jobs[1:] {
			r, err := cl.Attach(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if out, _, err := readAll(r); out != "a\t2\nb\t1\n" || err != nil {
				t.Errorf("got %q, %v", out, err)
			}
		}
	})
}

func TestAttachToRunningJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		h := hold(c, func(f *fakeAttempt) bool { return f.assign.Stage == 1 })
		r := c.submit(c.client("ann"), fanfold.Job{Program: "words"}, "b a a\n")
		late := <-h.ch
		again, err := c.client("ann").Attach(t.Context(), r.Job())
		if err != nil {
			t.Fatal(err)
		}
		late.answer()
		for _, r := range []*client.Reply{r, again} {
			if out, _, err := readAll(r); out != "a\t2\nb\t1\n" || err != nil {
				t.Errorf("got %q, %v", out, err)
			}
		}
		_, err = c.client("ann").Attach(t.Context(), r.Job())
		if fanfold.KindOf(err) != fanfold.KindNotFound {
			t.Errorf("a reply that was not to be kept: got %v", err)
		}
	})
}

func TestR38IDMakesItTheSameJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		var maps atomic.Int32
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				if f.assign.Stage == 1 {
					maps.Add(1)
				}
				return inline(p, f)
			}
		})
		job := fanfold.Job{Program: "words", ID: "key"}
		cl := c.client("ann")
		first := c.submit(cl, job, "b a a\n")
		synctest.Wait()
		cl.Close() // before anything was read
		cl = c.client("ann")
		again := c.submit(cl, job, strings.Repeat("not looked at\n", 1<<16))
		if again.Job() != first.Job() {
			t.Error("another job")
		}
		if out, _, err := readAll(again); out != "a\t2\nb\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		if n := maps.Load(); n != 1 {
			t.Errorf("%d map attempts", n)
		}
		if other := c.submit(c.client("bob"), job, "x\n"); other.Job() == first.Job() {
			t.Error("another identity got ann's job")
		}
		_, err := cl.Submit(t.Context(), client.Submission{Job: fanfold.Job{Program: "lines", ID: "key"}})
		if fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("another job with the same id: got %v", err)
		}
	})
}

func TestJobEndsWhenItsClientLeavesBeforeTheInputsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		in, feed := io.Pipe()
		defer feed.Close()
		r, err := cl.Submit(t.Context(), client.Submission{
			Job: fanfold.Job{Program: "words", Detach: true}, Stdin: in,
		})
		if err != nil {
			t.Fatal(err)
		}
		cl.Close()
		if sum, err := c.client("ann").Wait(t.Context(), r.Job()); sum.State != fanfold.Failed ||
			fanfold.KindOf(err) != fanfold.KindInput {
			t.Errorf("got %+v, %v", sum, err)
		}
	})
}

func TestJobsOfOthersAreOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		r := c.submit(c.client("ann"), fanfold.Job{Program: "words", Detach: true}, "a\n")
		synctest.Wait()
		bob := c.client("bob")
		for what, err := range map[string]error{
			"job":    second(bob.Job(t.Context(), r.Job())),
			"attach": second(bob.Attach(t.Context(), r.Job())),
			"cancel": bob.Cancel(t.Context(), r.Job()),
			"logs":   bob.Logs(t.Context(), r.Job(), nil),
		} {
			if fanfold.KindOf(err) != fanfold.KindNotFound {
				t.Errorf("%s: got %v", what, err)
			}
		}
		if list, err := bob.Jobs(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("jobs: got %v, %v", list, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestDrainWaitsForRunningJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		h := hold(c, func(f *fakeAttempt) bool { return f.assign.Stage == 1 })
		cl := c.client("ann")
		r := c.submit(cl, fanfold.Job{Program: "words"}, "a\n")
		late := <-h.ch
		drained := make(chan error, 2)
		go func() { drained <- cl.Drain(t.Context()) }()
		go func() { drained <- c.server.Drain(t.Context()) }()
		synctest.Wait()
		if _, err := cl.Submit(t.Context(), words("b\n")); fanfold.KindOf(err) != fanfold.KindBusy ||
			!strings.Contains(err.Error(), "draining") {
			t.Errorf("submit: got %v", err)
		}
		if len(drained) != 0 {
			t.Error("it was drained before the job had ended")
		}
		late.answer()
		if out, _, err := readAll(r); out != "a\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		for range 2 {
			if err := <-drained; err != nil {
				t.Error(err)
			}
		}
	})
}
