package coordinator

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// askAll has fake processes ask for another task where program names one, and answer what they were
// told.
func askAll(c *cluster, program func(call *fakeCall) string) {
	c.agent.set(func(a *fakeAgent) {
		a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
			if name := program(call); name != "" {
				p.conn.Send(&protocol.Ask{
					Attempt: call.Attempt, Tag: 5, Program: name, Data: append(call.Data, '!'),
				})
				return nil
			}
			return echo(p, call)
		}
		a.onTold = func(p *fakeProcess, m *protocol.Told) {
			r := &protocol.Return{Attempt: m.Attempt, Status: protocol.StatusSucceeded, Nanos: 1000}
			if r.Data = append(m.Data, '?'); fanfold.State(m.State) != fanfold.Succeeded {
				r.Status, r.Failure, r.Data = protocol.StatusFailed, m.Failure, nil
			}
			p.returns(r)
		}
	})
}

func TestB10TaskCallsATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		askAll(c, func(call *fakeCall) string {
			if call.brief.Spec.Program == "echo" {
				return "plain"
			}
			return ""
		})
		s := c.stream("echo", protocol.OpenSpec{})
		const n = 50 // on one slot: without Suspend the first would wait for ever
		for tag := range uint64(n) {
			s.text(tag, fmt.Sprint(tag))
		}
		s.end()
		for tag, r := range s.replies(n) {
			expect(t, r, fmt.Sprintf("succeeded %q", fmt.Sprintf("%d!?", tag)))
		}
		if e := s.ended(); e.Records != n {
			t.Errorf("ended: %+v", e)
		}
		jobs, err := c.client("ann").Jobs(t.Context())
		if err != nil || len(jobs) != 1 {
			t.Errorf("jobs: %+v, %v", jobs, err)
		}
	})
}

func TestB10CallsAreDeepToALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		askAll(c, func(call *fakeCall) string { return []string{"echo", "plain"}[len(call.Data)%2] })
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "")
		r := await[*protocol.Reply](s)
		if expect(t, r, `failed "" usage`); r.Failure[0].Message == "" {
			t.Errorf("reply: %+v", r)
		}
	})
}

func TestCallOfAProgramThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		askAll(c, func(call *fakeCall) string { return string(call.Data) })
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "plane")
		s.text(2, "lines")
		got := s.replies(2)
		expect(t, got[1], `failed "" unknown-program`)
		if got[1].Failure[0].Hint != "did you mean plain?" {
			t.Errorf("reply: %+v", got[1])
		}
		expect(t, got[2], `failed "" usage`)
	})
}

func TestCallsEndWithTheirStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		asked := make(chan struct{}, 9)
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				if call.brief.Spec.Program == "echo" {
					p.conn.Send(&protocol.Ask{Attempt: call.Attempt, Tag: 1, Program: "plain"})
					return nil
				}
				asked <- struct{}{}
				return nil
			}
		})
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "x")
		<-asked
		s.send(&protocol.Cancel{Request: 1})
		s.replies(1)
		s.ended()
		synctest.Wait()
		list, _ := c.client("ann").Stats(t.Context())
		if n := stat(list, "fanfold_streams"); n != 0 {
			t.Errorf("%d streams are left", n)
		}
		if n := stat(list, "fanfold_stream_cost_bytes"); n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	})
}
