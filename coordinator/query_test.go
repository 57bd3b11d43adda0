package coordinator

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

func TestB8StatsTellTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		h := hold(c, func(f *fakeAttempt) bool { return f.assign.Stage == 1 })
		cl := c.client("ann")
		check := func(when string, want map[string]int64) {
			t.Helper()
			synctest.Wait()
			list, err := cl.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for name, n := range want {
				if got := stat(list, name); got != n {
					t.Errorf("%s: %s is %d, want %d", when, name, got, n)
				}
			}
		}
		check("before", map[string]int64{
			"fanfold_slots": 2, "fanfold_slots_busy": 0, "fanfold_tasks_running": 0,
			"fanfold_jobs_running": 0, "fanfold_workers": 1, "fanfold_connections": 4,
		})
		r := c.submit(cl, fanfold.Job{Program: "words", SplitSize: 1}, "a\nb\nc\n")
		late := []*heldAttempt{<-h.ch, <-h.ch}
		check("while it runs", map[string]int64{
			"fanfold_slots_busy": 2, "fanfold_jobs_running": 1, "fanfold_attempts_done_total": 0,
		})
		for _, one := range append(late, nil)[:2] {
			one.answer()
		}
		(<-h.ch).answer()
		if _, err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		check("after", map[string]int64{
			"fanfold_slots_busy": 0, "fanfold_jobs_running": 0, "fanfold_jobs_succeeded": 1,
			"fanfold_attempts_done_total": 3 + 2 + 1, "fanfold_tasks_running": 0, "fanfold_tasks_queued": 0,
			"fanfold_input_memory_bytes": 0,
		})
	})
}

func TestJobsAndWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		cl := c.client("ann")
		if _, _, err := c.run(cl, fanfold.Job{Program: "words", Name: "mine"}, "a\n"); err != nil {
			t.Fatal(err)
		}
		jobs, err := cl.Jobs(t.Context())
		if err != nil || len(jobs) != 1 {
			t.Fatalf("got %v, %v", jobs, err)
		}
		j := jobs[0]
		if j.Name != "mine" || j.Program != "words" || j.Owner != "ann" ||
			fanfold.State(j.State) != fanfold.Succeeded || len(j.Stages) != 3 || j.Stages[0].Succeeded != 1 {
			t.Errorf("got %+v", j)
		}
		info, err := cl.Job(t.Context(), fanfold.JobID(j.Job))
		if err != nil || len(info.Counters) == 0 || info.BytesAll != 2 {
			t.Errorf("got %+v, %v", info, err)
		}
		workers, err := cl.Workers(t.Context())
		if err != nil || len(workers) != 1 {
			t.Fatalf("got %v, %v", workers, err)
		}
		w := workers[0]
		if w.Name != "w1" || w.Slots != 2 || w.Busy != 0 || len(w.Processes) != 2 ||
			w.Processes[0] == 0 || w.Done != 4 {
			t.Errorf("got %+v", w)
		}
		if _, err := cl.Job(t.Context(), fanfold.JobID{1}); fanfold.KindOf(err) != fanfold.KindNotFound {
			t.Errorf("a job that does not exist: got %v", err)
		}
	})
}

func TestLogsComeFromEveryWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		other := c.join("w2", 1)
		cl := c.client("ann")
		r := c.submit(cl, fanfold.Job{Program: "words"}, "a\n")
		if _, err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("long line of a log\n", 5000)
		c.agent.set(func(a *fakeAgent) { a.logs[r.Job().String()+"/map-0/1"] = long })
		other.set(func(a *fakeAgent) { a.logs[r.Job().String()+"/reduce-0/1"] = "other\n" })
		got := map[string]string{}
		err := cl.Logs(t.Context(), r.Job(), func(p protocol.LogPart) error {
			got[p.Worker] += string(p.Data)
			return nil
		})
		if err != nil || got["w1"] != long || got["w2"] != "other\n" {
			t.Errorf("got %d and %q, %v", len(got["w1"]), got["w2"], err)
		}
	})
}

func TestImageIsSwitched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		hash := bytes.Repeat([]byte{9}, 32)
		other := client.Submission{
			Job: fanfold.Job{Program: "mine"}, Info: wordInfo, Image: hash, Path: "/bin/mine",
			Stdin: strings.NewReader("a b\n"),
		}
		r, err := cl.Submit(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		if out, _, err := readAll(r); out != "a\t1\nb\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		if !bytes.Equal(c.agent.process(0).image, hash) {
			t.Errorf("the process has the image %x", c.agent.process(0).image)
		}
		if out, _, err := c.run(cl, fanfold.Job{Program: "words"}, "x\n"); out != "x\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		synctest.Wait() // the worker need not have read it before the job ended
		c.agent.mu.Lock()
		defer c.agent.mu.Unlock()
		if got := strings.Join(c.agent.images, " "); got != "/bin/mine " {
			t.Errorf("Start was sent for %q, want /bin/mine and the worker's own", got)
		}
	})
}

func TestImageThatCannotBeStartedFailsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) { a.noImages = true })
		cl := c.client("ann")
		r, err := cl.Submit(t.Context(), client.Submission{
			Job: fanfold.Job{Program: "mine"}, Info: wordInfo, Image: bytes.Repeat([]byte{9}, 32),
			Path: "/bin/mine", Stdin: strings.NewReader("a b\n"),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Wait()
		e := failureOf(t, err)
		if e.Kind != fanfold.KindCrashed || !strings.Contains(e.Error(), "not here") {
			t.Errorf("got %v", e)
		}
		if out, _, err := c.run(cl, fanfold.Job{Program: "words"}, "x\n"); out != "x\t1\n" || err != nil {
			t.Errorf("afterwards: got %q, %v", out, err)
		}
	})
}

func TestB5RetiredProcessLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				p.retire(inline(p, f))
				return nil
			}
		})
		var text strings.Builder
		for range 200 {
			text.WriteString("a\n")
		}
		job := fanfold.Job{Program: "words", SplitSize: 1, Reducers: 1}
		out, sum, err := c.run(c.client("ann"), job, text.String())
		if out != "a\t200\n" || err != nil || count(sum, "test", "runs") != 201 {
			t.Errorf("got %q, %v, %v", out, sum.Counters, err)
		}
		c.agent.mu.Lock()
		defer c.agent.mu.Unlock()
		if c.agent.pid < 16 {
			t.Errorf("only %d processes were started", c.agent.pid)
		}
	})
}

func TestProcessThatStaysMakesWayForItsSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		old := c.agent.process(0)
		c.agent.startProcess(0, nil)
		synctest.Wait()
		select {
		case <-old.ended:
			t.Error("the old process was ended at once")
		default:
		}
		pass(8 * time.Second)
		<-old.ended
		if out, _, err := c.run(c.client("ann"), fanfold.Job{Program: "words"}, "a\n"); out != "a\t1\n" {
			t.Errorf("got %q, %v", out, err)
		}
	})
}
