package coordinator

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// submit submits a job for inline text.
func (c *cluster) submit(cl *client.Client, job fanfold.Job, text string) *client.Reply {
	c.t.Helper()
	r, err := cl.Submit(c.t.Context(), client.Submission{Job: job, Stdin: strings.NewReader(text)})
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// failing fails every map attempt up to a number, and runs the others.
func failing(upTo uint16) behaviour {
	return func(p *fakeProcess, a *fakeAttempt) *protocol.Done {
		if a.assign.Stage == 1 && a.assign.Number <= upTo {
			return a.failed("it does not like the input")
		}
		return inline(p, a)
	}
}

// failureOf is the failure in an error, which must be one.
func failureOf(t *testing.T, err error) *fanfold.Error {
	t.Helper()
	e, ok := err.(*fanfold.Error)
	if !ok {
		t.Fatalf("got %v, want a failure", err)
	}
	return e
}

func TestR04UserErrorFailsTheJobAfterFourAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		var attempts atomic.Int32
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				attempts.Add(1)
				a.set(func(*fakeAgent) { a.logs[f.id().String()] = "last words\n" })
				return f.failed("it does not like the input")
			}
		})
		r := c.submit(c.client("ann"), fanfold.Job{Program: "words"}, "a\n")
		_, err := r.Wait()
		e := failureOf(t, err)
		if n := attempts.Load(); n != 4 {
			t.Errorf("%d attempts, want 4", n)
		}
		if e.Kind != fanfold.KindUser || !strings.Contains(e.Error(), "does not like") ||
			e.Attempt.Attempt != 4 || e.Attempt.Stage != fanfold.StageMap || e.Worker != "w1" ||
			e.Log != "last words\n" {
			t.Errorf("got %#v", e)
		}
	})
}

func TestFirstFailureIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		var said atomic.Bool
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				if said.Swap(true) {
					return nil // the second attempt hangs
				}
				return f.failed("no")
			}
		})
		r := c.submit(c.client("ann"), fanfold.Job{Program: "words"}, "a\n")
		e := firstFailure(r)
		if e == nil || e.Kind != fanfold.KindUser || e.Attempt.Attempt != 1 {
			t.Errorf("got %#v", e)
		}
		r.Close()
	})
}

func TestR01CrashIsRetriedAndToldInWords(t *testing.T) {
	tests := []struct {
		name string
		say  *protocol.Exited
		want string
		log  string
	}{
		{"with words", &protocol.Exited{Words: "killed (signal 9)", Log: "ouch\n"},
			"killed (signal 9)", "ouch\n"},
		{"without", nil, "its task process died", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 1)
				second := make(chan *heldAttempt, 1)
				c.agent.set(func(a *fakeAgent) {
					a.onExited = func(int) *protocol.Exited { return test.say }
					a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
						if f.assign.Stage > 1 {
							return inline(p, f)
						}
						if f.assign.Number == 1 {
							c.all.Go(p.kill)
						} else {
							second <- &heldAttempt{p, f}
						}
						return nil
					}
				})
				r := c.submit(c.client("ann"), fanfold.Job{Program: "words"}, "a b\n")
				first := firstFailure(r)
				if first == nil || first.Kind != fanfold.KindCrashed ||
					!strings.Contains(first.Error(), test.want) || first.Log != test.log {
					t.Errorf("got %#v", first)
				}
				(<-second).answer()
				if out, _, err := readAll(r); out != "a\t1\nb\t1\n" || err != nil {
					t.Errorf("got %q, %v", out, err)
				}
			})
		})
	}
}

// firstFailure waits for the failure that a job tells of before its end; nil: it tells of none.
func firstFailure(r *client.Reply) *fanfold.Error {
	for p := range r.Progress() {
		if p.Failure != nil {
			return p.Failure
		}
	}
	return nil
}

func TestX7PoisonFailsAfterThreeKills(t *testing.T) {
	tests := map[string]*protocol.Exited{
		"with words": {Words: "exited with status 3", Log: "bye\n"}, "without": nil,
	}
	for name, say := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 1)
				var kills atomic.Int32
				c.agent.set(func(a *fakeAgent) {
					a.onExited = func(int) *protocol.Exited { return say }
					a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
						kills.Add(1)
						c.all.Go(p.kill)
						return nil
					}
				})
				c.store.Put("/in", []byte("a\n"))
				cl := c.client("ann")
				r, err := cl.Submit(t.Context(), client.Submission{
					Job: fanfold.Job{Program: "words", Inputs: []string{"/in"}},
				})
				if err != nil {
					t.Fatal(err)
				}
				_, err = r.Wait()
				e := failureOf(t, err)
				if n := kills.Load(); n != 3 {
					t.Errorf("%d kills, want 3", n)
				}
				if e.Kind != fanfold.KindCrashed || e.Input != "/in" || e.Offset != 0 || e.Worker != "w1" {
					t.Errorf("got %#v", e)
				}
				if say != nil && (!strings.Contains(e.Error(), say.Words) || e.Log != say.Log) {
					t.Errorf("got %v, log %q", e, e.Log)
				}
			})
		})
	}
}

// held collects attempts that are answered later.
type held struct {
	ch     chan *heldAttempt
	behave behaviour // of the others
}

type heldAttempt struct {
	p *fakeProcess
	a *fakeAttempt
}

func (h *heldAttempt) answer() { h.p.done(inline(h.p, h.a)) }

func hold(c *cluster, when func(*fakeAttempt) bool) *held {
	h := &held{ch: make(chan *heldAttempt, 64), behave: inline}
	c.agent.set(func(a *fakeAgent) {
		a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
			if when(f) {
				h.ch <- &heldAttempt{p, f}
				return nil
			}
			return h.behave(p, f)
		}
	})
	return h
}

func TestX1SupersededAttemptReportsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		h := hold(c, func(f *fakeAttempt) bool { return f.assign.Stage == 1 && f.assign.Number == 1 })
		job := fanfold.Job{Program: "words", ProgressTimeout: 5 * time.Second}
		r := c.submit(c.client("ann"), job, "a b\n")
		late := <-h.ch
		// The attempt makes no progress: its process is to be killed, but is not; the task runs again.
		c.agent.set(func(a *fakeAgent) { a.silent = true })
		out := make(chan string, 1)
		go func() {
			text, _, _ := readAll(r)
			out <- text
		}()
		pass(6 * time.Second)
		late.answer()
		late.answer()
		if got := <-out; got != "a\t1\nb\t1\n" {
			t.Errorf("got %q", got)
		}
		if late.p.verdicts() != "discard discard" {
			t.Errorf("the late attempt was told %q", late.p.verdicts())
		}
	})
}

func TestX2DuplicateReportsChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				d := inline(p, f)
				p.done(d)
				p.done(d)
				return d
			}
		})
		job := fanfold.Job{Program: "words", SplitSize: 4, Reducers: 2}
		out, sum, err := c.run(c.client("ann"), job, "a b\nc a\nd a\n")
		if err != nil || out != counted("a b c a d a") || count(sum, "test", "runs") != 3+2+1 {
			t.Errorf("got %q, %v, %v", out, sum.Counters, err)
		}
	})
}

func TestX3NoReduceBeforeTheLastMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 3)
		var reduces atomic.Int32
		h := hold(c, func(f *fakeAttempt) bool {
			if f.assign.Stage == 2 {
				reduces.Add(1)
			}
			return f.assign.Stage == 1 && f.assign.Task == 1
		})
		job := fanfold.Job{Program: "words", SplitSize: 4}
		r := c.submit(c.client("ann"), job, "a b\nc a\nd a\n")
		late := <-h.ch
		synctest.Wait()
		if n := reduces.Load(); n != 0 {
			t.Errorf("%d reduce tasks were started before all maps were committed", n)
		}
		late.answer()
		if out, _, err := readAll(r); out != counted("a b c a d a") || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
		if reduces.Load() != 3 {
			t.Errorf("%d reduce tasks, want 3", reduces.Load())
		}
	})
}

func TestB13LateResultAnswersNoLaterRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		h := hold(c, func(f *fakeAttempt) bool { return string(f.input) == "old\n" })
		cl := c.client("ann")
		old := c.submit(cl, fanfold.Job{Program: "words"}, "old\n")
		late := <-h.ch
		next := c.submit(cl, fanfold.Job{Program: "words"}, "new\n")
		old.Close()
		late.answer()
		if out, _, err := readAll(next); out != "new\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
	})
}

func TestR14LostSourceIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		var maps, reported atomic.Int32
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				if f.assign.Stage == 1 {
					maps.Add(1)
				}
				if f.assign.Stage == 2 && reported.Add(1) == 1 {
					return &protocol.Done{
						Attempt: f.assign.Attempt, Status: protocol.StatusNoSource, Lost: 1,
					}
				}
				return inFile(p, f)
			}
		})
		job := fanfold.Job{Program: "words", SplitSize: 4, Reducers: 1}
		out, sum, err := c.run(c.client("ann"), job, "a b\nc a\nd a\n")
		if err != nil || out != counted("a b c a d a") {
			t.Errorf("got %q, %v", out, err)
		}
		if n := maps.Load(); n != 4 || count(sum, "test", "runs") != 3+1 {
			t.Errorf("%d map attempts, want 4; counters %v", n, sum.Counters)
		}
	})
}

func TestR13WorkerLostRunsItsMapsElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = inFile })
		other := c.join("w2", 1)
		h := held{ch: make(chan *heldAttempt, 64)}
		other.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				if f.assign.Stage == 1 && f.assign.Task == 3 {
					h.ch <- &heldAttempt{p, f}
					return nil
				}
				return inFile(p, f)
			}
		})
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				if f.assign.Stage == 1 && f.assign.Task == 3 {
					h.ch <- &heldAttempt{p, f}
					return nil
				}
				return inFile(p, f)
			}
		})
		job := fanfold.Job{Program: "words", SplitSize: 4, Reducers: 1}
		r := c.submit(c.client("ann"), job, "a b\nc a\nd a\ne a\n")
		late := <-h.ch
		synctest.Wait() // the other maps are committed
		gone := c.agent
		if late.p.agent == gone {
			gone = other
		}
		gone.leave()
		synctest.Wait()
		late.p.done(inFile(late.p, late.a))
		out, _, err := readAll(r)
		if err != nil || out != counted("a b c a d a e a") {
			t.Errorf("got %q, %v", out, err)
		}
	})
}

// pass lets time pass on the bubble's clock.
func pass(d time.Duration) { <-time.After(d) }

// readAll reads a reply to its end.
func readAll(r *client.Reply) (string, client.Summary, error) {
	var text strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			break
		}
	}
	s, err := r.Wait()
	return text.String(), s, err
}

func TestR06NoProgressIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = hang })
		job := fanfold.Job{Program: "words", ProgressTimeout: 3 * time.Second, MaxAttempts: 2}
		r := c.submit(c.client("ann"), job, "a\n")
		_, err := r.Wait()
		if e := failureOf(t, err); e.Kind != fanfold.KindTimeout || e.Attempt.Attempt != 2 {
			t.Errorf("got %#v", e)
		}
	})
}

func TestR44DeadlineEndsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = hang })
		start := time.Now()
		r := c.submit(c.client("ann"), fanfold.Job{Program: "words", Deadline: 7 * time.Second}, "a\n")
		sum, err := r.Wait()
		if e := failureOf(t, err); e.Kind != fanfold.KindDeadline || sum.State != fanfold.TimedOut {
			t.Errorf("got %v, %#v", sum.State, e)
		}
		if took := time.Since(start); took < 7*time.Second || took > 9*time.Second {
			t.Errorf("it took %v of the bubble's clock", took)
		}
	})
}

func TestR24SilentWorkerIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		c.agent.set(func(a *fakeAgent) { a.silent, a.behave = true, hang })
		r := c.submit(cl, fanfold.Job{Program: "words"}, "a\n")
		synctest.Wait()
		pass(12 * time.Second)
		if list, err := cl.Workers(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("workers: %v, %v, want none", list, err)
		}
		c.join("w2", 1)
		if out, _, err := readAll(r); out != "a\t1\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
	})
}

func TestR04HopelessFailureIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		var attempts atomic.Int32
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				attempts.Add(1)
				d := f.failed("parameter pattern is no pattern")
				d.Failure[0].Kind = uint32(fanfold.KindUsage)
				return d
			}
		})
		_, err := c.submit(c.client("ann"), fanfold.Job{Program: "words"}, "a\n").Wait()
		if e := failureOf(t, err); e.Kind != fanfold.KindUsage {
			t.Errorf("got kind %v, want %v", e.Kind, fanfold.KindUsage)
		}
		if n := attempts.Load(); n != 1 {
			t.Errorf("%d attempts, want 1", n)
		}
	})
}
