package coordinator

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// lineText makes a text of so many bytes in lines of 100.
func lineText(bytes int) string {
	return strings.Repeat(strings.Repeat("x", 99)+"\n", bytes/100)
}

func TestB23SlowReaderDelaysNobody(t *testing.T) {
	for name, behave := range map[string]behaviour{"inline": inline, "files": inFile} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 1)
				c.agent.set(func(a *fakeAgent) { a.behave = behave })
				cl := c.client("ann")
				text := lineText(3_000_000)
				slow := c.submit(cl, fanfold.Job{Program: "lines", SplitSize: 500_000}, text)
				synctest.Wait() // its reply is there, as far as the credit goes
				for _, who := range []*client.Client{cl, c.client("bob")} {
					if out, _, err := c.run(who, fanfold.Job{Program: "words"}, "a\n"); out != "a\t1\n" {
						t.Errorf("got %q, %v", out, err)
					}
				}
				pass(time.Minute) // who gives no credit is waiting, not stalled
				if out, _, err := readAll(slow); out != text || err != nil {
					t.Errorf("the slow reader got %d bytes of %d, %v", len(out), len(text), err)
				}
			})
		})
	}
}

func TestR40ReaderThatGivesCreditAndReadsNothingIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		conn := c.enter(protocol.Hello{Role: uint8(protocol.RoleClient)})
		defer conn.Close()
		text := lineText(1_000_000)
		send := func(m protocol.Body) {
			if err := conn.WaitQueued(t.Context(), protocol.QueueMax/2); err != nil {
				t.Fatal(err)
			}
			if err := conn.Send(m); err != nil {
				t.Fatal(err)
			}
			conn.Flush()
		}
		send(&protocol.Submit{Request: 1, Credit: 1 << 40, Job: protocol.JobSpec{Program: "lines"}})
		var b protocol.Batch
		for credit := int64(protocol.InputWindow); len(text) > 0; {
			n := min(int64(len(text)), credit, protocol.BlockMax)
			if n > 0 {
				send(&protocol.Input{Stream: 1, Data: []byte(text[:n]), More: true})
				text, credit = text[n:], credit-n
				continue
			}
			if err := conn.Read(&b); err != nil {
				t.Fatal(err)
			}
			for m := range b.All() {
				if m.Kind == protocol.KindCredit {
					credit += decoded[protocol.Credit](c, m).Bytes
				}
			}
		}
		send(&protocol.InputEnd{Request: 1})
		pass(11 * time.Second)
		list, err := c.client("ann").Stats(t.Context())
		if err != nil || stat(list, "fanfold_jobs_running") != 0 {
			t.Errorf("the job still runs: %v, %v", list, err)
		}
	})
}

func stat(list []protocol.Stat, name string) int64 {
	for _, s := range list {
		if s.Name == name {
			return s.Value
		}
	}
	return -1
}

func TestInlineInputAboveTheLimitIsSpooled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{Limits: Limits{InlineMax: 1 << 20}}, 1)
		h := hold(c, func(f *fakeAttempt) bool { return f.assign.Task == 0 && f.assign.Number == 1 })
		cl := c.client("ann")
		text := lineText(10_000_000)
		r := c.submit(cl, fanfold.Job{Program: "lines"}, text)
		late := <-h.ch
		synctest.Wait()
		list, err := cl.Stats(t.Context())
		if n := stat(list, "fanfold_input_memory_bytes"); err != nil || n <= 0 || n > 4<<20 {
			t.Errorf("%d bytes of input are in memory, %v", n, err)
		}
		if left, _ := os.ReadDir(c.server.cfg.SpoolDir); len(left) != 0 {
			t.Errorf("the spool has a name: %v", left)
		}
		late.p.done(late.a.failed("once more")) // so it is read again
		if out, _, err := readAll(r); out != text || err != nil {
			t.Errorf("got %d bytes of %d, %v", len(out), len(text), err)
		}
		synctest.Wait()
		if list, err := cl.Stats(t.Context()); stat(list, "fanfold_input_memory_bytes") != 0 {
			t.Errorf("left in memory: %v, %v", list, err)
		}
	})
}

func TestX11LongLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		text := "short\n" + strings.Repeat("long", 800_000) + "\nno line end"
		out, _, err := c.run(c.client("ann"), fanfold.Job{Program: "lines", SplitSize: 1000}, text)
		if out != text || err != nil {
			t.Errorf("got %d bytes of %d, %v", len(out), len(text), err)
		}
	})
}

func TestReplyGoesOnWhenItsWorkerIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = inFile })
		text := lineText(3_000_000)
		r := c.submit(c.client("ann"), fanfold.Job{Program: "lines"}, text)
		start := make([]byte, 1000)
		if _, err := io.ReadFull(r, start); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.agent.leave()
		synctest.Wait()
		c.behave = inFile
		other := c.join("w2", 1)
		rest, _, err := readAll(r)
		if string(start)+rest != text || err != nil {
			t.Errorf("got %d bytes of %d, %v", len(start)+len(rest), len(text), err)
		}
		if other.reads == 0 {
			t.Error("nothing was read from the other worker: the test is vacuous")
		}
	})
}

func TestReplyThatComesOutDifferentIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = inFile })
		r := c.submit(c.client("ann"), fanfold.Job{Program: "lines"}, lineText(3_000_000))
		synctest.Wait()
		c.agent.leave()
		synctest.Wait()
		c.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
			f.input = bytes.ToUpper(f.input)
			return inFile(p, f)
		}
		c.join("w2", 1)
		if _, _, err := readAll(r); fanfold.KindOf(err) != fanfold.KindChanged {
			t.Errorf("got %v", err)
		}
	})
}

func TestR19UnreadableOutputIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		var first string
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				d := inFile(p, f)
				a.mu.Lock()
				defer a.mu.Unlock()
				if first == "" {
					first = d.File
					a.broken[d.File] = true
				}
				return d
			}
		})
		out, _, err := c.run(c.client("ann"), fanfold.Job{Program: "lines"}, "a\nb\n")
		if out != "a\nb\n" || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
	})
}

func TestSourcesAreBackPressured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				if f.assign.Stage != 1 {
					return inline(p, f)
				}
				var parts [][]byte // 400 maps, each with 10 KB for each of 4 reduces
				for r := range f.brief.Partitions {
					line := fmt.Appendf(nil, "%d\t1\n", r)
					parts = append(parts, bytes.Repeat(line, 10_000/len(line)))
				}
				d := f.succeeded(parts, 1)
				d.Inline = parts
				return d
			}
		})
		job := fanfold.Job{Program: "words", SplitSize: 1, Reducers: 4}
		out, _, err := c.run(c.client("ann"), job, strings.Repeat("a\n", 400))
		if want := "0\t1000000\n1\t1000000\n2\t1000000\n3\t1000000\n"; out != want || err != nil {
			t.Errorf("got %q, %v", out, err)
		}
	})
}

func TestManyClientsReadLargeRepliesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		c.agent.set(func(a *fakeAgent) { a.behave = inFile })
		text := lineText(2_000_000)
		r := c.submit(c.client("ann"), fanfold.Job{Program: "lines", Detach: true}, text)
		if _, err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		one := c.client("ann")
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				r, err := one.Attach(t.Context(), r.Job())
				if err != nil {
					t.Error(err)
					return
				}
				if out, _, err := readAll(r); out != text || err != nil {
					t.Errorf("got %d bytes of %d, %v", len(out), len(text), err)
				}
			})
		}
		all.Wait()
	})
}

// TestReplyGoesOnWhileItsQueueDrains reads replies at once under more credit than the outbound
// queue takes, so that room for more comes at every point of sending.
func TestReplyGoesOnWhileItsQueueDrains(t *testing.T) {
	for name, behave := range map[string]behaviour{"inline": inline, "files": inFile} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 2)
				c.agent.set(func(a *fakeAgent) { a.behave = behave })
				text := lineText(6_000_000)
				job := fanfold.Job{Program: "lines", Detach: true}
				r := c.submit(c.client("ann"), job, text)
				if _, err := r.Wait(); err != nil {
					t.Fatal(err)
				}
				conn := c.enter(protocol.Hello{Role: uint8(protocol.RoleClient)})
				defer conn.Close()
				stuck := time.AfterFunc(time.Hour, func() { conn.Close() })
				defer stuck.Stop()
				id := r.Job()
				for request := range uint64(20) {
					err := conn.Send(&protocol.Attach{
						Request: request + 1, Job: id[:], Credit: 1 << 40,
					})
					if err != nil {
						t.Fatal(err)
					}
					conn.Flush()
					if got, err := readReply(conn); got != len(text) || err != nil {
						t.Fatalf("reply %d: got %d bytes of %d, %v", request, got, len(text), err)
					}
				}
			})
		})
	}
}

// readReply counts the bytes of a reply until its end.
func readReply(conn *protocol.Conn) (bytes int, err error) {
	var b protocol.Batch
	for {
		if err := conn.Read(&b); err != nil {
			return bytes, err
		}
		for m := range b.All() {
			switch m.Kind {
			case protocol.KindResult:
				var r protocol.Result
				if err := protocol.Decode(m, &r); err != nil {
					return bytes, err
				}
				bytes += len(r.Data)
			case protocol.KindEnded:
				return bytes, nil
			}
		}
	}
}

func TestReaderThatGivesUpIsForgotten(t *testing.T) {
	for name, behave := range map[string]behaviour{"inline": inline, "files": inFile} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{Limits: Limits{KeepMax: 1}}, 1)
				c.agent.set(func(a *fakeAgent) { a.behave = behave })
				cl := c.client("ann")
				job := fanfold.Job{Program: "lines", SplitSize: 500_000, Detach: true}
				r := c.submit(cl, job, lineText(2_500_000)) // it is dropped when nobody reads it
				start := make([]byte, 600_000)
				if _, err := io.ReadFull(r, start); err != nil {
					t.Fatal(err)
				}
				r.Close()
				if out, _, err := c.run(cl, fanfold.Job{Program: "words"}, "a\n"); out != "a\t1\n" {
					t.Errorf("got %q, %v", out, err)
				}
				c.wantForgotten(r.Job())
			})
		})
	}
}

// TestInlineOutputsAreBounded has maps whose outputs are together larger than what a job may bring
// inline: from there on they are told to leave files.
func TestInlineOutputsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		const maps = 16
		part := bytes.Repeat([]byte("x"), fanfold.InlineAttemptMax)
		var filed atomic.Int32
		c.agent.set(func(a *fakeAgent) {
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				d := f.succeeded(nil, 0)
				switch {
				case f.assign.Stage != uint8(fanfold.StageMap):
					d.In = int64(filed.Load()) // a line each
					d.Inline = [][]byte{[]byte("done\n")}
					d.CRC = crc32.Checksum(d.Inline[0], castagnoli)
				case f.assign.NoInline:
					filed.Add(1)
					return inFile(p, f)
				default:
					d.Inline = [][]byte{part}
				}
				return d
			}
		})
		job := fanfold.Job{Program: "words", SplitSize: 2, Reducers: 1}
		r := c.submit(c.client("ann"), job, strings.Repeat("a\n", maps))
		if _, err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		// The attempt that brings too much may have others assigned behind it.
		most := maps - fanfold.InlineJobMax/fanfold.InlineAttemptMax - 1
		if n := int(filed.Load()); n > most || n < most/2 {
			t.Errorf("%d outputs of %d went to files, want about %d", n, maps, most)
		}
	})
}
