package coordinator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// workerState is the state of a worker as people see it; "": it is not there.
func workerState(t *testing.T, cl *client.Client, name string) string {
	t.Helper()
	list, err := cl.Workers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if list[i].Name == name {
			return list[i].State
		}
	}
	return ""
}

// TestR22SilentWorkerIsSuspectAndThenLost checks when a worker that says nothing is given up, what
// becomes of its work, and that nothing counts that it says afterwards.
func TestR22SilentWorkerIsSuspectAndThenLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		silence := c.agent
		silence.set(func(a *fakeAgent) {
			a.silent, a.behave = true, func(*fakeProcess, *fakeAttempt) *protocol.Done { return nil }
		})
		r := c.submit(cl, fanfold.Job{Program: "words"}, "b a b\n")
		synctest.Wait()
		old := silence.process(0)
		began := time.Now()
		for _, step := range []struct {
			at   time.Duration
			want string
		}{{4 * time.Second, "ready"}, {7 * time.Second, "suspect"}, {12 * time.Second, ""}} {
			pass(step.at - time.Since(began))
			if got := workerState(t, cl, "w1"); got != step.want {
				t.Errorf("after %v: %q, want %q", step.at, got, step.want)
			}
		}
		late := &protocol.Done{Attempt: 1, Status: protocol.StatusSucceeded}
		_ = old.conn.Send(late) // it may be closed
		old.conn.Flush()
		c.join("w2", 1)
		out, s, err := readAll(r)
		if out != "a\t1\nb\t2\n" || err != nil || s.State != fanfold.Succeeded {
			t.Errorf("got %q, %v, %v", out, s.State, err)
		}
	})
}

// TestR22SuspicionPasses checks that a worker that is heard of again in time has lost nothing.
func TestR22SuspicionPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		c.agent.set(func(a *fakeAgent) { a.silent = true })
		pass(8 * time.Second)
		if got := workerState(t, cl, "w1"); got != "suspect" {
			t.Errorf("got %q, want suspect", got)
		}
		c.agent.set(func(a *fakeAgent) { a.silent = false })
		pass(4 * time.Second)
		if got := workerState(t, cl, "w1"); got != "ready" {
			t.Errorf("got %q, want ready", got)
		}
		if out, _, err := c.run(cl, fanfold.Job{Program: "words"}, "a\n"); out != "a\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
	})
}

// TestX14NameIsOneWorkers checks that a second worker does not take the name of one that is there,
// but that an agent whose connection broke takes its own.
func TestX14NameIsOneWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		hello := protocol.Hello{Role: uint8(protocol.RoleWorker), Name: "w1", PID: 2}
		_, _, err := protocol.Connect(t.Context(), c.attach("agent"), hello, nil)
		if fanfold.KindOf(err) != fanfold.KindExists {
			t.Errorf("another agent: got %v", err)
		}
		again := c.join("w1", 1) // with the PID of before
		if <-c.agent.ended; again.welcome.Worker <= c.agent.welcome.Worker {
			t.Errorf("the same agent is worker %d, and was %d", again.welcome.Worker, c.agent.welcome.Worker)
		}
		out, _, err := c.run(c.client("ann"), fanfold.Job{Program: "words"}, "a\n")
		if out != "a\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
	})
}
