package coordinator

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// pulledText is the input of these tests: splits of four bytes make six map tasks.
const pulledText = "a b\nc a\nd a\ne a\nf a\ng a\n"

var (
	pulledJob    = fanfold.Job{Program: "words", SplitSize: 4, Reducers: 2}
	pulledCounts = counted("a b c a d a e a f a g a")
)

// runPulled runs the job of these tests to its right end.
func (c *cluster) runPulled() {
	c.t.Helper()
	out, _, err := c.run(c.client("ann"), pulledJob, pulledText)
	if err != nil || out != pulledCounts {
		c.t.Errorf("got %q, %v; want %q", out, err, pulledCounts)
	}
}

// countMaps counts map attempts.
func countMaps(maps *atomic.Int32) behaviour {
	return func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
		if f.assign.Stage == 1 {
			maps.Add(1)
		}
		return inFile(p, f)
	}
}

// What lies on another host is fetched before the process hears of its attempt; the ticket is for
// it, and the process is given the extract.
func TestSourcesOfOtherHostsArePulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, w2 := newApart(t, 1)
		extracts := atomic.Int32{}
		for _, a := range []*fakeAgent{c.agent, w2} {
			a.set(func(a *fakeAgent) {
				a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
					for i, s := range f.sources {
						if s.Extract {
							extracts.Add(1)
						}
						if i > 0 && s.Task <= f.sources[i-1].Task || s.Dir != "" {
							t.Errorf("source %d is %+v", i, s)
						}
					}
					return inFile(p, f)
				}
			})
		}
		c.runPulled()
		if n := extracts.Load(); n < 6 {
			t.Errorf("%d sources were extracts, want those of one worker at least twice", n)
		}
	})
}

// Workers that see each other's files are told where they are, and pull nothing.
func TestSourcesOfTheSameHostStayFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.behave = inFile
		other := c.join("w2", 1)
		others := atomic.Int32{}
		for _, a := range []*fakeAgent{c.agent, other} {
			a.set(func(a *fakeAgent) {
				a.onPull = func([]protocol.Pull) *protocol.Pulled {
					t.Error("something was pulled")
					return nil
				}
				a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
					for _, s := range f.sources {
						if s.Dir == "/none" && !s.Extract {
							others.Add(1)
							p.agent.set(func(a *fakeAgent) { a.fetchFrom(s) })
						}
					}
					return inFile(p, f)
				}
			})
		}
		c.runPulled()
		if others.Load() == 0 {
			t.Error("no source was another worker's")
		}
	})
}

// A worker that is lost while others pull from it costs its maps and nothing else; nobody has to
// find out by himself.
func TestR14HostLostWhileOthersPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, w2 := newApart(t, 1)
		var maps atomic.Int32
		w1 := c.agent
		held := func(a *fakeAgent) { // says nothing to what it is told to pull
			a.behave = countMaps(&maps)
			a.onPull = func([]protocol.Pull) *protocol.Pulled { return nil }
		}
		w1.set(held)
		w2.set(held)
		r := c.submit(c.client("ann"), pulledJob, pulledText)
		synctest.Wait()
		lost := int32(0)
		w1.set(func(a *fakeAgent) {
			for file := range a.files {
				if strings.Contains(file, "/map-") {
					lost++
				}
			}
			if len(a.pulls) != 1 {
				t.Errorf("%d attempts pull, want 1", len(a.pulls))
			}
		})
		w2.set(func(a *fakeAgent) { a.onPull = nil })
		w1.leave()
		out, _, err := readAll(r)
		if err != nil || out != pulledCounts {
			t.Errorf("got %q, %v", out, err)
		}
		if n := maps.Load(); lost == 0 || n != 6+lost {
			t.Errorf("%d map attempts, want 6 and the %d that were lost", n, lost)
		}
		w2.set(func(a *fakeAgent) {
			if len(a.stopped) != 1 {
				t.Errorf("the Pulls of %d attempts were stopped, want 1", len(a.stopped))
			}
		})
	})
}

// A segment that cannot be fetched, or is damaged wherever it is looked at, is made again, alone.
func TestR19SegmentThatCannotBePulledIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, w2 := newApart(t, 1)
		var maps, failed atomic.Int32
		for _, a := range []*fakeAgent{c.agent, w2} {
			a.set(func(a *fakeAgent) {
				a.behave = countMaps(&maps)
				a.onPull = func(list []protocol.Pull) *protocol.Pulled {
					if failed.Add(1) == 1 {
						return cannotPull(&list[0], fanfold.KindCorrupt)
					}
					return &protocol.Pulled{Attempt: list[0].Attempt}
				}
			})
		}
		c.runPulled()
		if n := maps.Load(); n != 7 || failed.Load() < 2 {
			t.Errorf("%d map attempts after %d answers, want 7", n, failed.Load())
		}
	})
}

// A worker whose own disk fails does not blame the source: its attempt has failed.
func TestR45PullsThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, w2 := newApart(t, 1)
		var maps atomic.Int32
		for _, a := range []*fakeAgent{c.agent, w2} {
			a.set(func(a *fakeAgent) {
				a.behave = countMaps(&maps)
				a.onPull = func(list []protocol.Pull) *protocol.Pulled {
					m := cannotPull(&list[0], fanfold.KindDisk)
					m.Here = true
					return m
				}
			})
		}
		job := pulledJob
		job.MaxAttempts = 2
		_, _, err := c.run(c.client("ann"), job, pulledText)
		e := failureOf(t, err)
		a := e.Attempt
		if e.Kind != fanfold.KindDisk || a.Stage != fanfold.StageReduce || a.Attempt != 2 {
			t.Errorf("got %#v", e)
		}
		if n := maps.Load(); n != 6 {
			t.Errorf("%d map attempts, want 6", n)
		}
	})
}

// A job that is cancelled ends although something of it is being pulled, and the worker is told.
func TestR44CancelWhilePulling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, w2 := newApart(t, 1)
		for _, a := range []*fakeAgent{c.agent, w2} {
			a.set(func(a *fakeAgent) {
				a.onPull = func([]protocol.Pull) *protocol.Pulled { return nil }
			})
		}
		cl := c.client("ann")
		r := c.submit(cl, pulledJob, pulledText)
		synctest.Wait()
		if err := cl.Cancel(t.Context(), r.Job()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Wait(); fanfold.KindOf(err) != fanfold.KindCancelled {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		for _, a := range []*fakeAgent{c.agent, w2} {
			a.set(func(a *fakeAgent) {
				if len(a.stopped) != 1 {
					t.Errorf("%s: the Pulls of %d attempts were stopped, want 1", a.name, len(a.stopped))
				}
				a.onPull = nil
			})
		}
		c.runPulled()
	})
}

// What a worker says of Pulls that are over is not heard; what cannot be true ends its connection.
func TestB9WordsAboutPulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, w2 := newApart(t, 1)
		w2.control.Send(&protocol.Pulled{Attempt: 1 << 50})
		w2.control.Send(&protocol.Beat{Attempt: 1 << 50})
		w2.control.Flush()
		c.runPulled()
		w2.set(func(a *fakeAgent) {
			a.onPull = func(list []protocol.Pull) *protocol.Pulled {
				m := cannotPull(&list[0], fanfold.KindCorrupt)
				m.Lost = 1000
				return m
			}
		})
		c.runPulled()
		<-w2.ended
	})
}

// A worker that nobody can fetch from makes no job wait for ever.
func TestSegmentsOfAWorkerWithoutAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = inFile })
		c.apart, c.behave = true, inFile
		c.join("w2", 1)
		_, _, err := c.run(c.client("ann"), pulledJob, pulledText)
		if fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhoReachesAPortForSegments(t *testing.T) {
	for _, tt := range []struct {
		data, host, from string
		want             bool
	}{
		{"10.0.0.7:9502", "a", "b", true},
		{"host7.example:9502", "a", "b", true},
		{"127.0.0.1:9502", "a", "a", true},
		{"127.0.0.1:9502", "a", "b", false},
		{"[::1]:9502", "a", "b", false},
		{"localhost:9502", "a", "b", false},
		{"", "a", "a", false},
	} {
		from := protocol.Hello{Host: tt.from, Offer: protocol.Offer{Data: tt.data}}
		if got := reaches(&protocol.Hello{Host: tt.host}, &from); got != tt.want {
			t.Errorf("%s reaches %q on %s: got %v", tt.host, tt.data, tt.from, got)
		}
	}
}
