package coordinator

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

func TestB13LateResultAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, func(call *fakeCall) bool { return string(call.Data) == "slow" })
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(7, "slow")
		held := <-h
		held.p.agent.set(func(*fakeAgent) { held.p.deaf = true })
		s.send(&protocol.CancelTask{Request: 1, Tag: 7})
		expect(t, await[*protocol.Reply](s), `cancelled "" cancelled`)
		s.text(7, "next") // the tag means another task now
		held.answer("late")
		expect(t, await[*protocol.Reply](s), `succeeded "next"`)
		list, err := c.client("ann").Stats(t.Context())
		if n := stat(list, "fanfold_tasks_late_total"); err != nil || n != 1 {
			t.Errorf("%d late results, %v", n, err)
		}
	})
}

func TestB25TasksOfAClientThatLeftAreNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{})
		for tag := range uint64(100) {
			s.text(tag, "x")
		}
		(<-h).p.agent.set(func(*fakeAgent) {})
		s.conn.Close()
		synctest.Wait()
		pass(time.Second)
		if n := len(h); n != 0 {
			t.Errorf("%d further tasks were run", n)
		}
		list, err := c.client("ann").Jobs(t.Context())
		if err != nil || len(list) != 1 || fanfold.State(list[0].State) != fanfold.Cancelled {
			t.Fatalf("got %+v, %v", list, err)
		}
		if n := list[0].Tasks[0]; n.Cancelled != 100 {
			t.Errorf("counts: %+v", n)
		}
	})
}

func TestB6TasksOfAKilledProcessRunElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		h := holdCalls(c, func(call *fakeCall) bool { return call.Number < 2 && call.Data[0] == 'x' })
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "x")
		(<-h).p.kill()
		r := await[*protocol.Reply](s)
		if expect(t, r, `succeeded "x"`); r.Attempts != 2 {
			t.Errorf("%d attempts", r.Attempts)
		}
		list, err := c.client("ann").Jobs(t.Context())
		if err != nil || list[0].Tasks[0].Retried != 1 {
			t.Errorf("got %+v, %v", list, err)
		}
	})
}

func TestPoisonTaskIsGivenUpWithItsEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		c.agent.set(func(a *fakeAgent) {
			a.onExited = func(slot int) *protocol.Exited {
				return &protocol.Exited{Slot: uint32(slot), Words: "killed (signal 11)", Log: "oh no\n"}
			}
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				if string(call.Data) == "poison" {
					c.all.Go(p.kill)
					return nil
				}
				return echo(p, call)
			}
		})
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "poison")
		s.text(2, "fine")
		got := s.replies(2)
		expect(t, got[2], `succeeded "fine"`)
		expect(t, got[1], `failed "" crashed`)
		f := got[1].Failure[0]
		if got[1].Attempts != 3 || !strings.Contains(f.Message, "signal 11") || f.Log != "oh no\n" {
			t.Errorf("attempts %d, failure %+v", got[1].Attempts, f)
		}
	})
}

func TestFailedTaskIsTriedAgainAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				return failedCall(call, fanfold.KindUser, "not today")
			}
		})
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "x")
		s.end()
		r := await[*protocol.Reply](s)
		if expect(t, r, `failed "" user`); r.Attempts != 4 || r.Failure[0].Message != "not today" ||
			r.Failure[0].Worker != "w1" || r.Failure[0].Task != 1 {
			t.Errorf("reply: %+v", r)
		}
		e := s.ended()
		if fanfold.State(e.State) != fanfold.Failed || e.Failure[0].Message != "not today" {
			t.Errorf("ended: %+v", e)
		}
	})
}

func TestB30TaskMessagesOfOtherRolesAreRefused(t *testing.T) {
	process := protocol.Hello{Role: uint8(protocol.RoleProcess), Name: "w1", Slots: []uint32{0}}
	tests := []struct {
		name string
		as   protocol.Hello
		send protocol.Body
	}{
		{"client sends Return", protocol.Hello{Role: uint8(protocol.RoleClient)},
			&protocol.Return{Attempt: 1, Status: protocol.StatusSucceeded}},
		{"client sends Ask", protocol.Hello{Role: uint8(protocol.RoleClient)},
			&protocol.Ask{Attempt: 1, Program: "echo"}},
		{"viewer sends Task", protocol.Hello{Role: uint8(protocol.RoleViewer)},
			&protocol.Task{Request: 1}},
		{"process sends Task", process, &protocol.Task{Request: 1}},
		{"process sends CancelTask", process, &protocol.CancelTask{Request: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, openConfig(Limits{}), 2)
				conn := c.enter(test.as)
				defer conn.Close()
				if err := conn.Send(test.send); err != nil {
					t.Fatal(err)
				}
				conn.Flush()
				if f, _ := refusal(conn); f == nil {
					t.Error("the connection ended without a reason")
				}
				s := c.stream("echo", protocol.OpenSpec{})
				s.text(1, "x")
				expect(t, await[*protocol.Reply](s), `succeeded "x"`)
			})
		})
	}
}

func TestB30ProcessThatAnswersWhatItWasNotGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		h := holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "x")
		held := <-h
		liar := c.agent.process(1 - held.p.slot)
		liar.returns(&protocol.Return{
			Attempt: held.Attempt, Status: protocol.StatusSucceeded, Data: []byte("lie"),
		})
		liar.conn.Send(&protocol.Partial{Stream: held.Attempt, Data: []byte("lie")})
		liar.conn.Send(&protocol.Snapshot{Job: held.Job, Shard: 1})
		liar.conn.Flush()
		synctest.Wait()
		held.answer("truth")
		expect(t, await[*protocol.Reply](s), `succeeded "truth"`)
	})
}

func TestB23StreamMayNotBreakItsCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{StreamMax: 1 << 20}), 1)
		h := holdCalls(c, all)
		s, other := c.stream("echo", protocol.OpenSpec{}), c.stream("echo", protocol.OpenSpec{})
		for tag := uint64(0); s.err == nil && tag < 10_000; tag++ { // and nothing is answered
			m := &protocol.Task{Request: 1, Tag: tag, Data: make([]byte, 1000)}
			if s.err = s.conn.WaitQueued(t.Context(), protocol.QueueMax/2); s.err == nil {
				s.err = s.conn.Send(m)
			}
		}
		s.conn.Flush()
		if f, _ := refusal(s.conn); f == nil || f.Kind != fanfold.KindProtocol {
			t.Errorf("got %v", f)
		}
		other.text(1, "x")
		synctest.Wait()
		for len(h) > 0 {
			(<-h).answer("done")
			synctest.Wait()
		}
		expect(t, await[*protocol.Reply](other), `succeeded "done"`)
	})
}

func TestB21BadNumbersAreErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		s := c.stream("echo", protocol.OpenSpec{})
		s.send(&protocol.CancelTask{Request: 1, Tag: 12345}) // never there: no error
		s.send(&protocol.CancelTask{Request: 99, Tag: 1})    // no such request
		s.send(&protocol.Task{Request: 99, Tag: 1})          // likewise: it may have ended
		s.send(&protocol.Attach{Request: 5, Job: make([]byte, 16)})
		f := await[*protocol.Failure](s)
		if f.Request != 5 || fanfold.Kind(f.Kind) != fanfold.KindNotFound {
			t.Errorf("got %+v", f)
		}
		s.text(1<<63+5, "x")
		if r := await[*protocol.Reply](s); r.Tag != 1<<63+5 {
			t.Errorf("tag %d", r.Tag)
		}
		s.send(&protocol.Submit{Request: 1, Job: protocol.JobSpec{Program: "echo"}})
		if f := await[*protocol.Failure](s); fanfold.Kind(f.Kind) != fanfold.KindProtocol {
			t.Errorf("got %+v", f)
		}
	})
}

func TestTaskThatIsTooLongFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		s := c.stream("echo", protocol.OpenSpec{})
		s.task(1, protocol.Task{Data: make([]byte, fanfold.PayloadMax+1)})
		s.task(2, protocol.Task{Data: make([]byte, fanfold.PayloadMax)})
		got := s.replies(2)
		expect(t, got[1], `failed "" too-large`)
		if fanfold.State(got[2].State) != fanfold.Succeeded || len(got[2].Data) != fanfold.PayloadMax {
			t.Errorf("got %d bytes", len(got[2].Data))
		}
	})
}

func TestQueueMaxIsBusyWithAHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{QueueMax: 2})
		for tag := range uint64(3) {
			s.text(tag, "x")
		}
		r := await[*protocol.Reply](s)
		if expect(t, r, `failed "" busy`); r.Tag != 2 || r.Failure[0].Retry == 0 {
			t.Errorf("reply: %+v", r)
		}
		(<-h).answer("a")
		(<-h).answer("b")
		s.replies(2)
		s.end()
		if e := s.ended(); fanfold.State(e.State) != fanfold.Succeeded || e.Records != 2 {
			t.Errorf("ended: %+v", e)
		}
	})
}

func TestStreamsOverTheLimitAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{StreamsMax: 10_000}), 1)
		h := holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{})
		s.task(1, protocol.Task{Data: make([]byte, 10_000)})
		held := <-h
		other := c.login("bob")
		other.send(&protocol.Submit{
			Request: 1, Job: protocol.JobSpec{Program: "echo"}, Open: []protocol.OpenSpec{{}},
		})
		f := await[*protocol.Failure](other)
		if fanfold.Kind(f.Kind) != fanfold.KindBusy || f.Retry == 0 {
			t.Errorf("got %+v", f)
		}
		held.answer("x")
		s.replies(1)
	})
}

func TestB8StatsAreTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		h := holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{})
		cl := c.client("ann")
		numbers := func() string {
			synctest.Wait()
			list, err := cl.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var text []string
			for _, name := range []string{
				"slots_busy", "tasks_queued", "tasks_running", "tasks_succeeded_total",
			} {
				text = append(text, fmt.Sprint(stat(list, "fanfold_"+name)))
			}
			return strings.Join(text, " ")
		}
		if got := numbers(); got != "0 0 0 0" {
			t.Errorf("idle: %s", got)
		}
		for tag := range uint64(5) {
			s.text(tag, "x")
		}
		if got := numbers(); got != "2 3 2 0" {
			t.Errorf("five tasks on two slots: %s", got)
		}
		for range 5 {
			(<-h).answer("y")
			synctest.Wait()
		}
		if got := numbers(); got != "0 0 0 5" {
			t.Errorf("afterwards: %s", got)
		}
	})
}
