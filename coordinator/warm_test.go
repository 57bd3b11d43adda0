package coordinator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// submitImage submits a word count of "a" in a program of its own image; 0 is the workers'.
func (c *cluster) submitImage(cl *client.Client, image byte, job fanfold.Job) *client.Reply {
	c.t.Helper()
	job.Program = "words"
	s := client.Submission{Job: job, Stdin: strings.NewReader("a\n")}
	if image != 0 {
		s.Info, s.Image, s.Path = wordInfo, bytes.Repeat([]byte{image}, 32), fmt.Sprint("/bin/", image)
	}
	r, err := cl.Submit(c.t.Context(), s)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// runImages runs such jobs one after the other, and gives the processes that were used.
func (c *cluster) runImages(cl *client.Client, images ...byte) (pids []uint32) {
	c.t.Helper()
	for _, image := range images {
		r := c.submitImage(cl, image, fanfold.Job{MaxAttempts: 1})
		if out, _, err := readAll(r); out != "a\t1\n" || err != nil {
			c.t.Errorf("image %d: got %q, %v", image, out, err)
		}
		synctest.Wait()
		pids = append(pids, c.agent.process(0).pid)
	}
	return pids
}

// wantKilled checks which processes the worker was to kill.
func (c *cluster) wantKilled(pids ...uint32) {
	c.t.Helper()
	synctest.Wait()
	c.agent.set(func(a *fakeAgent) {
		if !slices.Equal(a.kills, pids) {
			c.t.Errorf("processes %v were to be killed, want %v", a.kills, pids)
		}
	})
}

func TestProcessOfAnotherImageStaysWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		pids := c.runImages(c.client("ann"), 0, 1, 0, 1, 2, 0)
		if want := []uint32{101, 102, 101, 102, 103, 101}; !slices.Equal(pids, want) {
			t.Errorf("the jobs ran in processes %v, want %v", pids, want)
		}
		c.wantKilled()
		if got := strings.Join(c.agent.images, " "); got != "/bin/1  /bin/1 /bin/2 " {
			t.Errorf("Start was sent for %q", got)
		}
	})
}

func TestLeastRecentlyUsedProcessIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		pids := c.runImages(cl, 0, 1, 2, 3, 0, 4)
		c.wantKilled(pids[1])
		if again := c.runImages(cl, 2, 1); again[0] != pids[2] || again[1] == pids[1] {
			t.Errorf("images 2 and 1 run in %v, before in %v", again, pids[1:3])
		}
		c.wantKilled(pids[1], pids[3])
	})
}

func TestWorkerThatKeepsOneProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 0)
		c.processes = 1
		c.agent = c.join("w2", 1)
		pids := c.runImages(c.client("ann"), 0, 1, 0)
		if want := []uint32{101, 102, 103}; !slices.Equal(pids, want) {
			t.Errorf("the jobs ran in processes %v, want %v", pids, want)
		}
		c.wantKilled(101, 102)
	})
}

func TestWarmProcessThatDiesIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		first := c.agent.process(0)
		c.runImages(cl, 1)
		first.conn.Close()
		synctest.Wait()
		if pids := c.runImages(cl, 1, 0, 1); !slices.Equal(pids, []uint32{102, 103, 102}) {
			t.Errorf("the jobs ran in processes %v", pids)
		}
		c.wantNoFailures(cl)
	})
}

// wantNoFailures checks that no attempt has failed.
func (c *cluster) wantNoFailures(cl *client.Client) {
	c.t.Helper()
	list, err := cl.Workers(c.t.Context())
	if err != nil || len(list) == 0 || list[0].Failures != 0 {
		c.t.Errorf("workers: %+v, %v; want no failures", list, err)
	}
}

// TestProcessThatDiesAsItIsTakenBackLosesNothing: a warm process that has died meanwhile takes no
// attempt with it. One that has spoken since is to blame.
func TestProcessThatDiesAsItIsTakenBackLosesNothing(t *testing.T) {
	for _, speaks := range []bool{false, true} {
		t.Run(fmt.Sprintf("speaks=%t", speaks), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 1)
				cl := c.client("ann")
				first := c.agent.process(0)
				c.runImages(cl, 1)
				var died atomic.Int32
				c.agent.set(func(a *fakeAgent) {
					a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
						if p != first || died.Add(1) > 1 {
							return inline(p, f)
						}
						if speaks {
							p.conn.Send(&protocol.Beat{Attempt: f.assign.Attempt})
							p.conn.Flush()
							synctest.Wait()
						}
						c.all.Go(p.kill)
						return nil
					}
				})
				r := c.submitImage(cl, 0, fanfold.Job{MaxAttempts: 1})
				out, _, err := readAll(r)
				if died.Load() != 1 {
					t.Fatalf("vacuous: %d attempts in the process", died.Load())
				}
				if speaks && fanfold.KindOf(err) != fanfold.KindCrashed {
					t.Errorf("got %q, %v, want a crash", out, err)
				}
				if !speaks && (out != "a\t1\n" || err != nil) {
					t.Errorf("got %q, %v", out, err)
				}
			})
		})
	}
}

func TestSlotGoesOnWithAWarmProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		pids := c.runImages(cl, 0, 1)
		c.agent.process(0).conn.Close() // nobody replaces it
		synctest.Wait()
		if again := c.runImages(cl, 0); again[0] != pids[0] {
			t.Errorf("the job ran in process %d, want %d", again[0], pids[0])
		}
		if again := c.runImages(cl, 1); again[0] == pids[1] {
			t.Errorf("the job ran in process %d, which is dead", again[0])
		}
	})
}

func TestProcessBeforeGoesOnWhenAnImageCannotBeStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		pids := c.runImages(cl, 0, 1)
		c.agent.set(func(a *fakeAgent) { a.noImages = true })
		_, err := c.submitImage(cl, 2, fanfold.Job{MaxAttempts: 1}).Wait()
		if err == nil || !strings.Contains(err.Error(), "cannot be started: it is not here") {
			t.Errorf("got %v", err)
		}
		c.agent.set(func(a *fakeAgent) { a.noImages = false })
		if again := c.runImages(cl, 1, 0); again[0] != pids[1] || again[1] != pids[0] {
			t.Errorf("the jobs ran in processes %v, before in %v", again, pids)
		}
	})
}

// TestImageThatDiesBeforeItsHandshake checks that a job whose processes die so has its failure at
// once, with all that is known of it.
func TestImageThatDiesBeforeItsHandshake(t *testing.T) {
	for _, kept := range []uint32{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, Config{}, 0)
			c.processes = kept
			c.agent = c.join("w2", 1)
			cl := c.client("ann")
			c.runImages(cl, 0)
			c.agent.set(func(a *fakeAgent) {
				a.born = func(p *fakeProcess) *protocol.Exited {
					return &protocol.Exited{
						PID: p.pid, Code: 3, Words: "exited with status 3", Log: "no such library\n",
						Image: p.image,
					}
				}
			})
			start := time.Now()
			job := fanfold.Job{MaxAttempts: 1, Deadline: time.Minute}
			_, err := c.submitImage(cl, 1, job).Wait()
			e := failureOf(t, err)
			if !strings.Contains(e.Error(), "exited with status 3, before its handshake") ||
				e.Log != "no such library\n" {
				t.Errorf("got %v, log %q", e, e.Log)
			}
			if took := time.Since(start); took > 0 {
				t.Errorf("it took %v", took)
			}
			job.MaxAttempts = 0
			if _, err := c.submitImage(cl, 1, job).Wait(); fanfold.KindOf(err) != fanfold.KindCrashed {
				t.Errorf("got %v", err)
			}
			c.agent.set(func(a *fakeAgent) { a.born = nil })
			c.runImages(cl, 0, 1)
		})
	}
}

// TestProcessThatWasAwaitedComesLate has the job be cancelled whose image a slot waits for.
func TestProcessThatWasAwaitedComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		pids := c.runImages(cl, 0)
		c.agent.set(func(a *fakeAgent) { a.slow = make(chan struct{}) })
		r := c.submitImage(cl, 1, fanfold.Job{})
		synctest.Wait()
		r.Close()
		synctest.Wait()
		if again := c.runImages(cl, 0); again[0] != pids[0] {
			t.Errorf("the job ran in process %d, want %d", again[0], pids[0])
		}
		close(c.agent.slow)
		synctest.Wait()
		if again := c.runImages(cl, 1, 0); !slices.Equal(again, []uint32{102, 101}) {
			t.Errorf("the jobs ran in processes %v", again)
		}
		c.wantKilled()
	})
}

func TestKillNamesTheProcessInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		pids := c.runImages(cl, 0, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = hang })
		_, err := c.submitImage(cl, 1, fanfold.Job{MaxAttempts: 1, ProgressTimeout: time.Second}).Wait()
		if fanfold.KindOf(err) != fanfold.KindTimeout {
			t.Errorf("got %v", err)
		}
		c.wantKilled(pids[1])
		c.agent.set(func(a *fakeAgent) { a.behave = nil })
		if again := c.runImages(cl, 0); again[0] != pids[0] {
			t.Errorf("the job ran in process %d, want %d", again[0], pids[0])
		}
	})
}

func TestEndOfAWarmProcessDoesNotExplainACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		pids := c.runImages(cl, 0, 1)
		c.agent.set(func(a *fakeAgent) {
			a.onExited = func(int) *protocol.Exited {
				a.control.Send(&protocol.Exited{PID: pids[0], Words: "killed (signal 9)", Log: "other\n"})
				return &protocol.Exited{PID: pids[1], Words: "exited with status 3", Log: "own\n"}
			}
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				p.conn.Send(&protocol.Beat{Attempt: f.assign.Attempt})
				p.conn.Flush()
				synctest.Wait()
				c.all.Go(p.kill)
				return nil
			}
		})
		_, err := c.submitImage(cl, 1, fanfold.Job{MaxAttempts: 1}).Wait()
		e := failureOf(t, err)
		if !strings.Contains(e.Error(), "exited with status 3") || e.Log != "own\n" {
			t.Errorf("got %v, log %q", e, e.Log)
		}
	})
}

func TestFailureNamesWhyAProcessWasCutOff(t *testing.T) {
	tests := []struct {
		name string
		send func(p *fakeProcess, d *protocol.Done)
		want string
	}{
		{"lie", func(p *fakeProcess, d *protocol.Done) {
			d.File, d.Inline = "/etc/passwd", nil
			p.done(d)
		}, `serve task process: Done with an output in "/etc/passwd"`},
		{"message of others", func(p *fakeProcess, d *protocol.Done) {
			p.conn.Send(&protocol.Heartbeat{})
			p.conn.Flush()
		}, "read frame: malformed frame: Heartbeat: the peer may not send it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 1)
				c.agent.set(func(a *fakeAgent) {
					a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
						tt.send(p, inline(p, f))
						c.all.Go(func() {
							<-p.ended
							a.startProcess(0, nil)
						})
						return nil
					}
				})
				r := c.submit(c.client("ann"), fanfold.Job{Program: "words", MaxAttempts: 1}, "a\n")
				_, err := r.Wait()
				e := failureOf(t, err)
				if want := "its task process was cut off: " + tt.want; e.Kind != fanfold.KindProtocol ||
					!strings.Contains(e.Error(), want) {
					t.Errorf("got %v of kind %s, want %s", e, e.Kind, want)
				}
			})
		})
	}
}

func TestBrokenConnectionIsNoCutOff(t *testing.T) {
	lie := errProtocol("a lie")
	tests := []struct {
		name string
		why  error
		cut  bool
	}{
		{"closed", nil, false},
		{"in the middle of a frame", io.ErrUnexpectedEOF, false},
		{"lie", lie, true},
		{"message that is wrong", fmt.Errorf("read Done: %w", lie), true},
		{"not read", protocol.ErrStalled, true},
		{"full", protocol.ErrQueueFull, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := cutOff(tt.why); (got != nil) != tt.cut || tt.cut && !errors.Is(got, tt.why) {
				t.Errorf("got %v", got)
			}
		})
	}
	large := fanfold.Errorf(fanfold.KindTooLarge, "read frame", "5 bytes too many")
	if e := cutWords("run map", large); e.Kind != fanfold.KindProtocol ||
		!strings.Contains(e.Error(), "cut off: read frame: 5 bytes too many") {
		t.Errorf("got %v of kind %s", e, e.Kind)
	}
}
