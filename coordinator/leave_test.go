package coordinator

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// TestR21DrainingWorkerEndsItsWork checks that a worker that leaves ends what it has started, gets
// nothing more, serves what it has made until the job has ended, and is let go then: no attempt is
// lost, none fails, and none runs twice.
func TestR21DrainingWorkerEndsItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		h := held{ch: make(chan *heldAttempt, 64)}
		hold := func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
			h.ch <- &heldAttempt{p, f}
			return nil
		}
		leaver := c.agent
		leaver.set(func(a *fakeAgent) { a.behave = hold })
		job := fanfold.Job{Program: "words", SplitSize: 4, Reducers: 1}
		r := c.submit(cl, job, "a b\nc a\nd a\ne a\n")
		synctest.Wait()
		if err := leaver.control.Send(&protocol.Bye{Reason: "leaves"}); err != nil {
			t.Fatal(err)
		}
		leaver.control.Flush()
		synctest.Wait()
		if got := workerState(t, cl, "w1"); got != "draining" {
			t.Errorf("got %q, want draining", got)
		}
		started := <-h.ch
		started.p.done(inFile(started.p, started.a))
		synctest.Wait()
		if len(h.ch) > 0 {
			t.Errorf("it got %d attempts more", len(h.ch))
		}
		pass(3 * time.Second)
		if leaver.dismissed() {
			t.Error("it was let go with an output that is wanted")
		}
		c.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
			p.agent.set(func(a *fakeAgent) { maps.Copy(a.files, leaver.files) }) // as if fetched
			return inFile(p, f)
		}
		c.join("w2", 1)
		out, s, err := readAll(r)
		if err != nil || out != counted("a b c a d a e a") || s.State != fanfold.Succeeded {
			t.Errorf("got %q, %v", out, err)
		}
		list, err := cl.Workers(t.Context())
		if err != nil || len(list) != 2 || list[0].Done != 1 || list[0].Failures+list[1].Failures > 0 {
			t.Errorf("workers %+v, %v; want one attempt of the first, and no failure", list, err)
		}
		pass(3 * time.Second)
		if !leaver.dismissed() {
			t.Error("it was not let go")
		}
		leaver.leave()
		pass(time.Second)
		if got := workerState(t, cl, "w1"); got != "" {
			t.Errorf("after its end it is %q", got)
		}
	})
}
