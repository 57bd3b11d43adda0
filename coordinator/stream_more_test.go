package coordinator

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

func TestB11OneWayTasksAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		s := c.stream("echo", protocol.OpenSpec{})
		for tag := range uint64(10) {
			s.task(tag, protocol.Task{Data: []byte("x"), Flags: protocol.TaskOneWay})
		}
		s.end()
		if e := s.ended(); e.Records != 10 {
			t.Errorf("ended: %+v", e)
		}
		list, err := c.client("ann").Stats(t.Context())
		if n := stat(list, "fanfold_tasks_succeeded_total"); err != nil || n != 10 {
			t.Errorf("%d tasks have succeeded, %v", n, err)
		}
	})
}

func TestB15ManyStreamsGetTheirOwnAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 3)
		var all sync.WaitGroup
		for i := range 50 {
			s := c.stream("echo", protocol.OpenSpec{})
			all.Go(func() {
				want := func(tag uint64) string {
					return strings.Repeat(fmt.Sprintf("%d-%d,", i, tag), int(tag*37)%500)
				}
				for tag := range uint64(60) {
					s.text(tag, want(tag))
				}
				for range 60 {
					if r := await[*protocol.Reply](s); string(r.Data) != want(r.Tag) {
						t.Errorf("stream %d: %d bytes for tag %d", i, len(r.Data), r.Tag)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestB5RecyclingUnderLoadLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		ran := map[*fakeProcess]int{}
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				a.mu.Lock()
				defer a.mu.Unlock()
				if ran[p]++; ran[p] > 250 { // it has retired
					return &protocol.Return{Attempt: call.Attempt, Status: protocol.StatusReturned}
				}
				if ran[p] == 250 {
					c.all.Go(func() { p.recycle(call.Attempt) })
					return nil
				}
				return echo(p, call)
			}
		})
		s := c.stream("echo", protocol.OpenSpec{})
		const n = 4000
		for tag := range uint64(n) {
			s.text(tag, fmt.Sprint(tag))
		}
		for tag, r := range s.replies(n) {
			if expect(t, r, fmt.Sprintf("succeeded %q", fmt.Sprint(tag))); r.Attempts == 0 {
				t.Errorf("attempts %d", r.Attempts)
			}
		}
		if len(ran) < 16 {
			t.Errorf("%d processes were started", len(ran))
		}
	})
}

// recycle answers a call, says good-bye and makes way for another process.
func (p *fakeProcess) recycle(attempt uint64) {
	p.returns(&protocol.Return{
		Attempt: attempt, Status: protocol.StatusSucceeded, Data: p.dataOf(attempt),
	})
	p.conn.Send(&protocol.Bye{Reason: "tired"})
	p.conn.Shutdown(p.agent.c.t.Context())
	p.agent.startProcess(p.slot, p.image)
}

func (p *fakeProcess) dataOf(attempt uint64) []byte {
	p.agent.mu.Lock()
	defer p.agent.mu.Unlock()
	return p.calls[attempt].Data
}

func TestCancelTaskEndsItAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, func(call *fakeCall) bool { return string(call.Data) == "slow" })
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "slow")
		<-h
		s.text(2, "queued")
		s.text(3, "fine")
		synctest.Wait()
		s.send(&protocol.CancelTask{Request: 1, Tag: 2})
		expect(t, await[*protocol.Reply](s), `cancelled "" cancelled`)
		s.send(&protocol.CancelTask{Request: 1, Tag: 1})
		got := s.replies(2)
		expect(t, got[1], `cancelled "" cancelled`)
		expect(t, got[3], `succeeded "fine"`)
		s.text(4, "slow")
		s.send(&protocol.CancelTask{Request: 1, Tag: 4}) // one of those that came after the first
		expect(t, await[*protocol.Reply](s), `cancelled "" cancelled`)
		s.end()
		if e := s.ended(); fanfold.State(e.State) != fanfold.Succeeded || e.Records != 1 {
			t.Errorf("ended: %+v", e)
		}
	})
}

func TestCancelOfTheStreamAnswersAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{})
		for tag := range uint64(50) {
			s.text(tag, "x")
		}
		<-h
		synctest.Wait()
		s.send(&protocol.Cancel{Request: 1})
		for _, r := range s.replies(50) {
			expect(t, r, `cancelled "" cancelled`)
		}
		if e := s.ended(); fanfold.State(e.State) != fanfold.Cancelled {
			t.Errorf("ended: %+v", e)
		}
	})
}

func TestIDsJoinAndRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{IDMillis: 60_000})
		s.task(1, protocol.Task{Data: []byte("x"), ID: "a"})
		s.task(2, protocol.Task{Data: []byte("x"), ID: "a"})
		held := <-h
		synctest.Wait()
		held.answer("once")
		for tag, r := range s.replies(2) {
			if expect(t, r, `succeeded "once"`); r.Again != (tag == 2) {
				t.Errorf("tag %d: again %v", tag, r.Again)
			}
		}
		s.task(3, protocol.Task{Data: []byte("x"), ID: "a"})
		if r := await[*protocol.Reply](s); !r.Again || string(r.Data) != "once" {
			t.Errorf("got %+v", r)
		}
		pass(2 * time.Minute)
		s.task(4, protocol.Task{Data: []byte("x"), ID: "a"})
		(<-h).answer("twice")
		if r := await[*protocol.Reply](s); r.Again || string(r.Data) != "twice" {
			t.Errorf("got %+v", r)
		}
		s.task(5, protocol.Task{Data: []byte("x"), ID: "b"})
		s.task(6, protocol.Task{Data: []byte("x"), ID: "b"})
		<-h
		s.send(&protocol.CancelTask{Request: 1, Tag: 5}) // the other one still waits
		expect(t, await[*protocol.Reply](s), `cancelled "" cancelled`)
		s.send(&protocol.CancelTask{Request: 1, Tag: 6})
		expect(t, await[*protocol.Reply](s), `cancelled "" cancelled`)
		s.end()
		if e := s.ended(); e.Records != 4 {
			t.Errorf("ended: %+v", e)
		}
	})
}

func TestPartialsComeBeforeTheirReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				for _, text := range []string{"one", "two"} {
					p.conn.Send(&protocol.Partial{Stream: call.Attempt, Data: []byte(text)})
				}
				p.conn.Send(&protocol.Partial{Stream: call.Attempt, Status: "nearly"})
				return echo(p, call)
			}
		})
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(9, "x")
		var got []string
		for range 3 {
			p := await[*protocol.Partial](s)
			got = append(got, fmt.Sprintf("%d %d %s%s", p.Tag, p.Number, p.Data, p.Status))
		}
		if want := "9 1 one;9 1 two;9 1 nearly"; strings.Join(got, ";") != want {
			t.Errorf("got %q", got)
		}
		expect(t, await[*protocol.Reply](s), `succeeded "x"`)
	})
}

// reduced reads the result of a stream and its end.
func (s *fakeStream) reduced() (string, *protocol.Ended) {
	s.c.t.Helper()
	var b bytes.Buffer
	for {
		switch m := s.read().(type) {
		case *protocol.Result:
			b.Write(m.Data)
		case *protocol.Ended:
			return b.String(), m
		default:
			s.c.t.Fatalf("got %T %+v", m, m)
		}
	}
}

func TestReduceSeesResultsInTheOrderOfTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		h := holdCalls(c, func(call *fakeCall) bool { return string(call.Data) == "0" })
		s := c.stream("echo", protocol.OpenSpec{Reduce: true})
		var want []string
		for tag := range uint64(1000) {
			s.text(tag, fmt.Sprint(tag))
			want = append(want, fmt.Sprint(tag))
		}
		s.end()
		s.replies(999)
		(<-h).answer("0") // the first task is the last to end
		s.replies(1)
		got, e := s.reduced()
		if got != strings.Join(want, "+") || e.Bytes != int64(len(got)) || e.Records != 1000 {
			t.Errorf("got %q, %+v", got, e)
		}
	})
}

func TestAssociativeResultsAreFoldedAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		reduces, most := 0, 0
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				if call.Op == protocol.OpReduce {
					a.mu.Lock()
					reduces, most = reduces+1, max(most, len(call.values))
					a.mu.Unlock()
				}
				return echo(p, call)
			}
		})
		s := c.stream("fold", protocol.OpenSpec{Reduce: true})
		const n = 2000
		for tag := range uint64(n) {
			s.text(tag, "x")
		}
		s.end()
		s.replies(n)
		got, _ := s.reduced()
		if strings.Count(got, "x") != n || reduces < n/foldResults || most > foldResults {
			t.Errorf("%d results in the end, %d reduces of up to %d", strings.Count(got, "x"), reduces, most)
		}
	})
}

func TestLargeReduceTravelsInSeveralCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		var n int
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				if call.Op == protocol.OpHandle {
					return echo(p, call)
				}
				for _, v := range call.values {
					n += len(v)
				}
				r := echo(p, call)
				r.Data = fmt.Append(nil, n)
				return r
			}
		})
		s := c.stream("echo", protocol.OpenSpec{Reduce: true})
		for tag := range uint64(100) {
			s.task(tag, protocol.Task{Data: make([]byte, 100_000)})
		}
		s.end()
		s.replies(100)
		if got, _ := s.reduced(); got != "10000000" {
			t.Errorf("got %q", got)
		}
	})
}

func TestTooManyResultsForAReduceNameTheRemedy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		s := c.stream("echo", protocol.OpenSpec{Reduce: true})
		for tag := range uint64(70) {
			s.task(tag, protocol.Task{Data: make([]byte, 1_000_000)})
		}
		for {
			switch m := s.read().(type) {
			case *protocol.Reply:
			case *protocol.Ended:
				f := m.Failure[0]
				if fanfold.Kind(f.Kind) != fanfold.KindTooLarge || !strings.Contains(f.Hint, "Associative") {
					t.Errorf("got %+v", f)
				}
				return
			}
		}
	})
}

func TestB3LargePayloadsDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		a, b := c.stream("echo", protocol.OpenSpec{}), c.stream("echo", protocol.OpenSpec{})
		payload := func(who, tag uint64) []byte {
			return bytes.Repeat([]byte{byte(who), byte(tag)}, 1<<20)
		}
		var all sync.WaitGroup
		for who, s := range []*fakeStream{a, b} {
			all.Go(func() {
				for tag := range uint64(12) {
					s.task(tag, protocol.Task{Data: payload(uint64(who), tag)})
				}
				for tag, r := range s.replies(12) {
					if !bytes.Equal(r.Data, payload(uint64(who), tag)) {
						t.Errorf("stream %d: tag %d has another's result", who, tag)
					}
				}
			})
		}
		all.Wait()
	})
}
