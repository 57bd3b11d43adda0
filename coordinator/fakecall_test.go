package coordinator

import (
	"bytes"
	"slices"

	"github.com/fanfold/fanfold/protocol"
)

// fakeCall is what a fake process knows of a task of an open job.
type fakeCall struct {
	protocol.Call
	values []string // of a reduce
	brief  *protocol.Brief
}

// handling is what a fake process makes of a call; nil: it says nothing.
type handling func(p *fakeProcess, call *fakeCall) *protocol.Return

// echo answers a call with its own bytes, and a reduce with its values and a plus between them.
func echo(_ *fakeProcess, call *fakeCall) *protocol.Return {
	r := &protocol.Return{Attempt: call.Attempt, Status: protocol.StatusSucceeded, Nanos: 1000}
	r.Data = call.Data
	if call.Op == protocol.OpReduce {
		r.Data = nil
		for i, v := range call.values {
			if i > 0 {
				r.Data = append(r.Data, '+')
			}
			r.Data = append(r.Data, v...)
		}
	}
	return r
}

// takeCall is take for the messages of open jobs.
func (p *fakeProcess) takeCall(m protocol.Message) {
	c := p.agent.c
	switch m.Kind {
	case protocol.KindCall:
		p.called(decoded[protocol.Call](c, m))
	case protocol.KindStop:
		p.answerCall(decoded[protocol.Stop](c, m).Attempt, protocol.StatusStopped)
	case protocol.KindRevoke:
		if p.agent.lazy {
			p.answerCall(decoded[protocol.Revoke](c, m).Attempt, protocol.StatusReturned)
		}
	case protocol.KindSnapshot:
		s := decoded[protocol.Snapshot](c, m)
		s.Data = bytes.Clone(s.Data)
		p.restored = append(p.restored, s)
	case protocol.KindTold:
		t := decoded[protocol.Told](c, m)
		t.Data = bytes.Clone(t.Data)
		if f := p.agent.onTold; f != nil {
			f(p, t)
		}
	case protocol.KindRetire:
		if p.agent.stubborn {
			return
		}
		p.agent.mu.Lock()
		left := slices.Collect(keys(p.calls))
		p.agent.mu.Unlock()
		for _, attempt := range left {
			p.answerCall(attempt, protocol.StatusReturned)
		}
		p.conn.Send(&protocol.Bye{Reason: "retired"})
		c.all.Go(func() {
			p.conn.Shutdown(c.t.Context())
			p.agent.startProcess(p.slot, p.image)
		})
	}
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// called runs a call, when all of it is there.
func (p *fakeProcess) called(m *protocol.Call) {
	a := p.agent
	a.mu.Lock()
	call := p.calls[m.Attempt]
	if call == nil {
		call = &fakeCall{brief: p.briefs[m.Job]}
		p.calls[m.Attempt] = call
	}
	handle := a.handle
	a.mu.Unlock()
	call.Call = *m
	call.Data, call.Key = bytes.Clone(m.Data), bytes.Clone(m.Key)
	if call.brief == nil || len(call.brief.Open) != 1 {
		a.c.t.Errorf("call %d: the brief is %v", m.Attempt, call.brief)
	}
	if m.Op == protocol.OpReduce {
		for rest := m.Data; len(rest) > 0; {
			v, next, err := protocol.NextValue(rest)
			if err != nil {
				a.c.t.Errorf("reduce %d: %v", m.Attempt, err)
				return
			}
			call.values, rest = append(call.values, string(v)), next
		}
		if m.More {
			return
		}
	}
	if handle == nil {
		handle = echo
	}
	if r := handle(p, call); r != nil {
		p.returns(r)
	}
}

// returns answers a call.
func (p *fakeProcess) returns(r *protocol.Return) {
	p.agent.mu.Lock()
	delete(p.calls, r.Attempt)
	p.agent.mu.Unlock()
	for p.conn.Queued() > protocol.QueueMax/2 {
		if p.conn.WaitQueued(p.agent.c.t.Context(), protocol.QueueMax/2) != nil {
			return
		}
	}
	p.conn.Send(r)
	p.conn.Flush()
}

// answerCall ends a call that has not been answered, if the process is not deaf.
func (p *fakeProcess) answerCall(attempt uint64, status uint8) {
	p.agent.mu.Lock()
	has := p.calls[attempt] != nil && !p.deaf
	p.agent.mu.Unlock()
	if has {
		p.returns(&protocol.Return{Attempt: attempt, Status: status})
	}
}

// heldCall is a call that is answered by the test.
type heldCall struct {
	p *fakeProcess
	*fakeCall
}

// answer ends a held call.
func (h heldCall) answer(text string) {
	h.p.returns(&protocol.Return{
		Attempt: h.Attempt, Status: protocol.StatusSucceeded, Data: []byte(text), Nanos: 1000,
	})
}

// holdCalls has the calls handed to the test for which when is true; the others are echoed.
func holdCalls(c *cluster, when func(*fakeCall) bool) chan heldCall {
	ch := make(chan heldCall, 10_000)
	c.agent.set(func(a *fakeAgent) {
		a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
			if when(call) {
				ch <- heldCall{p, call}
				return nil
			}
			return echo(p, call)
		}
	})
	return ch
}

func all(*fakeCall) bool { return true }
