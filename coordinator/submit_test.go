package coordinator

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

func TestB1ReplyReachesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		out, sum, err := c.run(c.client("ann"), fanfold.Job{Program: "words"}, "a b a\nc a\n")
		if err != nil {
			t.Fatal(err)
		}
		if want := "a\t3\nb\t1\nc\t1\n"; out != want {
			t.Errorf("got %q, want %q", out, want)
		}
		if sum.State != fanfold.Succeeded || sum.Bytes != int64(len(out)) || sum.Records != 3 {
			t.Errorf("got %+v", sum)
		}
	})
}

func TestB15ManyJobsEachGetTheirOwnReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 3)
		var all sync.WaitGroup
		for i := range 4 {
			cl := c.client(fmt.Sprint("client", i))
			for k := range 50 {
				all.Go(func() {
					text := strings.Repeat(fmt.Sprintf("w%d-%d x\n", i, k), k+1)
					out, _, err := c.run(cl, fanfold.Job{Program: "words", Reducers: 1 + k%4}, text)
					if err != nil || out != counted(text) {
						t.Errorf("job %d of client %d: got %q, %v", k, i, out, err)
					}
				})
			}
		}
		all.Wait()
	})
}

func TestB3LargeRepliesDoNotMix(t *testing.T) {
	behaviours := map[string]behaviour{"files": inFile, "inline": inline}
	for name, behave := range behaviours {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 2)
				c.agent.set(func(a *fakeAgent) { a.behave = behave })
				cl := c.client("ann")
				var all sync.WaitGroup
				for k := range 4 {
					all.Go(func() {
						line := strings.Repeat(fmt.Sprint(k), 99) + "\n"
						text := strings.Repeat(line, 20_000) // 2 MB
						job := fanfold.Job{Program: "lines", SplitSize: 600_000}
						out, sum, err := c.run(cl, job, text)
						if err != nil || out != text || sum.Bytes != int64(len(text)) {
							t.Errorf("job %d: %d bytes of %d, %v", k, len(out), len(text), err)
						}
					})
				}
				all.Wait()
			})
		})
	}
}

func TestMapOnlyReplyIsInInputOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 3)
		var text bytes.Buffer
		for i := range 1000 {
			fmt.Fprintf(&text, "line %d\n", i)
		}
		job := fanfold.Job{Program: "lines", SplitSize: 100}
		out, _, err := c.run(c.client("ann"), job, text.String())
		if err != nil || out != text.String() {
			t.Errorf("got %d bytes of %d, %v", len(out), text.Len(), err)
		}
	})
}

func TestInputsByPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		c.store.Put("/in/a", []byte("one two\n"))
		c.store.Put("/in/b", []byte("two three\n"))
		c.store.Put("/last", []byte("three\n"))
		r, err := c.client("ann").Submit(t.Context(), client.Submission{
			Job:   fanfold.Job{Program: "lines", Inputs: []string{"/in", "-", "/last"}},
			Stdin: strings.NewReader("from stdin\n"),
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(r)
		if want := "one two\ntwo three\nfrom stdin\nthree\n"; string(out) != want || err != nil {
			t.Errorf("got %q, %v, want %q", out, err, want)
		}
	})
}

func TestX11TenThousandTinyFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		var paths []string
		for i := range 10_000 {
			path := fmt.Sprintf("/tiny/%05d", i)
			c.store.Put(path, []byte("word\n"))
			paths = append(paths, path)
		}
		r, err := c.client("ann").Submit(t.Context(),
			client.Submission{Job: fanfold.Job{Program: "words", Inputs: paths}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(r)
		if string(out) != "word\t10000\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
	})
}

func TestX11NoInputAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		cl := c.client("ann")
		out, sum, err := c.run(cl, fanfold.Job{Program: "words"}, "")
		if err != nil || out != "" || count(sum, "test", "runs") != 2+1+1 {
			t.Errorf("empty stdin: got %q, %v, %v; want one map, two reduces and a gather",
				out, sum.Counters, err)
		}
		r, err := cl.Submit(t.Context(), client.Submission{Job: fanfold.Job{Program: "lines"}})
		if err != nil {
			t.Fatal(err)
		}
		if sum, err := r.Wait(); err != nil || sum.Bytes != 0 || sum.State != fanfold.Succeeded {
			t.Errorf("no input: got %+v, %v", sum, err)
		}
	})
}

// count is a counter of a summary.
func count(s client.Summary, group, name string) int64 {
	for _, c := range s.Counters {
		if c.Group == group && c.Name == name {
			return c.N
		}
	}
	return -1
}

func TestSubmitIsRefused(t *testing.T) {
	tests := []struct {
		name string
		job  fanfold.Job
		kind fanfold.Kind
		text string
		hint string
	}{
		{"unknown program", fanfold.Job{Program: "wrods"}, fanfold.KindUnknown, "wrods", "words"},
		{"name", fanfold.Job{Program: "words", Name: "a/b"}, fanfold.KindUsage, "name", ""},
		{"reducers", fanfold.Job{Program: "words", Reducers: 1 << 17}, fanfold.KindUsage, "reducers", ""},
		{"no command", fanfold.Job{Program: "command", Command: &fanfold.Command{}},
			fanfold.KindUsage, "neither a mapper", ""},
		{"aggregate", fanfold.Job{Program: "command", Command: &fanfold.Command{Aggregate: "coutn"}},
			fanfold.KindUsage, "coutn", "count"},
		{"priority", fanfold.Job{Program: "words", Priority: 9}, fanfold.KindUsage, "priority", ""},
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		cl := c.client("ann")
		for _, test := range tests {
			_, err := cl.Submit(t.Context(), client.Submission{Job: test.job})
			var e *fanfold.Error
			if e, _ = err.(*fanfold.Error); e == nil {
				t.Errorf("%s: got %v", test.name, err)
				continue
			}
			if e.Kind != test.kind || !strings.Contains(e.Error(), test.text) ||
				!strings.Contains(e.Hint, test.hint) {
				t.Errorf("%s: got %s: %v (hint %q)", test.name, e.Kind, e, e.Hint)
			}
		}
		if out, _, err := c.run(cl, fanfold.Job{Program: "words"}, "x\n"); out != "x\t1\n" || err != nil {
			t.Errorf("afterwards: got %q, %v", out, err)
		}
	})
}

func TestInputIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		r, err := c.client("ann").Submit(t.Context(),
			client.Submission{Job: fanfold.Job{Program: "words", Inputs: []string{"/no/such"}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Wait()
		e, _ := err.(*fanfold.Error)
		if e == nil || e.Kind != fanfold.KindNotFound || e.Input != "/no/such" {
			t.Errorf("got %#v", err)
		}
	})
}

func TestR39JobsOfAnIdentityAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{Limits: Limits{JobsMax: 3}}, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = hang })
		ann, bob := c.client("ann"), c.client("bob")
		for range 3 {
			if _, err := ann.Submit(t.Context(), words("a\n")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := ann.Submit(t.Context(), words("a\n")); fanfold.KindOf(err) != fanfold.KindBusy {
			t.Errorf("got %v, want busy", err)
		}
		if _, err := bob.Submit(t.Context(), words("a\n")); err != nil {
			t.Errorf("another identity: got %v", err)
		}
	})
}

// hang is a process that says nothing about an attempt until it is told to stop.
func hang(*fakeProcess, *fakeAttempt) *protocol.Done { return nil }

func words(text string) client.Submission {
	return client.Submission{
		Job: fanfold.Job{Program: "words"}, Stdin: strings.NewReader(text),
	}
}

func TestI5CountersAreOfCommittedAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		var failed atomic.Int32
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, a *fakeAttempt) *protocol.Done {
				if a.assign.Stage == 1 && a.assign.Number == 1 {
					failed.Add(1)
					d := a.failed("no")
					d.Counters = []protocol.Counter{{Group: "test", Name: "runs", N: 1000}}
					return d
				}
				return inline(p, a)
			}
		})
		job := fanfold.Job{Program: "words", SplitSize: 4, Reducers: 1}
		_, sum, err := c.run(c.client("ann"), job, "a b\nc d\ne f\n")
		if err != nil {
			t.Fatal(err)
		}
		if n := failed.Load(); n != 3 {
			t.Fatalf("%d attempts failed, want 3", n)
		}
		want := []int64{3 + 1, 3, 6}
		got := []int64{count(sum, "test", "runs"), count(sum, "fanfold", "map_records_in"),
			count(sum, "fanfold", "map_records_out")}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v in %v", got, want, sum.Counters)
		}
	})
}

// TestI5RecordsArriveOrTheJobFails has a reduce task say that it read a record too many.
func TestI5RecordsArriveOrTheJobFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, a *fakeAttempt) *protocol.Done {
				d := inline(p, a)
				if fanfold.Stage(a.assign.Stage) == fanfold.StageReduce && a.assign.Task == 1 {
					d.In++
				}
				return d
			}
		})
		job := fanfold.Job{Program: "words", Reducers: 2}
		_, sum, err := c.run(c.client("ann"), job, "a b c d\n")
		if fanfold.KindOf(err) != fanfold.KindCorrupt || sum.State != fanfold.Failed {
			t.Errorf("got %v, %v, want a failure because records do not match", sum.State, err)
		}
	})
}
