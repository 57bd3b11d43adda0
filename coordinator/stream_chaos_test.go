package coordinator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// chaos is one run of everything at once: what is sent, cancelled, killed and left alone is by
// chance, what must hold is not.
type chaos struct {
	c      *cluster
	r      *rand.Rand
	s      *fakeStream
	open   map[uint64]bool // tasks that are not answered, by tag
	late   map[uint64]bool // those that a former client may have got the answer of
	kills  int
	counts [fanfold.Lost + 1]int
}

// TestChaosAnswersEachTaskOnce has processes die, return, fail and stall, and clients cancel, leave
// and come back. Each task must be answered once, and nothing may be left of any of them.
func TestChaosAnswersEachTaskOnce(t *testing.T) {
	seeds := uint64(40)
	if raced {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runChaos(t, seed) })
		})
	}
}

func runChaos(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	c := newCluster(t, openConfig(Limits{}), 3)
	x := &chaos{c: c, r: r, open: map[uint64]bool{}, late: map[uint64]bool{}}
	c.agent.set(func(a *fakeAgent) { a.handle = x.handle })
	program := []string{"echo", "fold", "state"}[r.IntN(3)]
	x.s = c.stream(program, protocol.OpenSpec{
		Keep: true, Reduce: r.IntN(2) == 0, Shards: uint32(1 + r.IntN(5)), IDMillis: 5000,
	})
	for tag := range uint64(600) {
		x.submit(tag)
		switch n := r.IntN(100); {
		case n < 3:
			x.s.send(&protocol.CancelTask{Request: 1, Tag: uint64(r.IntN(int(tag) + 1))})
		case n < 5:
			pass(time.Duration(r.IntN(300)) * time.Millisecond)
		case n == 5:
			x.comeBack()
		case n == 6:
			p := c.agent.process(r.IntN(3))
			c.all.Go(p.kill)
			x.kills++
		}
	}
	x.s.end()
	for {
		switch m := x.s.read().(type) {
		case *protocol.Reply:
			x.answered(m)
			continue
		case *protocol.Ended:
			if n := uint64(x.counts[fanfold.Succeeded]); m.Records < int64(n) {
				t.Errorf("%d records, %d replies say succeeded", m.Records, n)
			}
		default:
			continue
		}
		break
	}
	if len(x.open) > len(x.late) {
		t.Errorf("%d tasks were not answered", len(x.open))
	}
	synctest.Wait()
	x.s.conn.Close()
	pass(2 * time.Hour)
	x.nothingLeft(t)
}

// submit sends a task of some kind.
func (x *chaos) submit(tag uint64) {
	r := x.r
	m := protocol.Task{Data: fmt.Append(nil, r.IntN(1000))}
	if r.IntN(3) == 0 {
		m.Key = fmt.Append(nil, r.IntN(20))
	}
	if r.IntN(6) == 0 {
		m.ID = fmt.Sprint("id-", r.IntN(10))
	}
	if r.IntN(6) == 0 {
		m.Millis = int64(1 + r.IntN(2000))
	}
	if r.IntN(15) == 0 {
		m.Key, m.Flags = nil, protocol.TaskAll
	}
	x.open[tag] = true
	x.s.task(tag, m)
}

// handle is what fake processes make of calls.
func (x *chaos) handle(p *fakeProcess, call *fakeCall) *protocol.Return {
	n := 0
	for _, b := range call.Data {
		n = n*10 + int(b-'0')
	}
	switch n += int(call.Number); {
	case call.Op == protocol.OpReduce:
		return &protocol.Return{Attempt: call.Attempt, Status: protocol.StatusSucceeded, Nanos: 500}
	case n%50 == 7:
		return failedCall(call, fanfold.KindUser, "no")
	case n%50 == 8:
		return &protocol.Return{Attempt: call.Attempt, Status: protocol.StatusReturned}
	case n%50 == 9: // it takes a while
		x.c.all.Go(func() {
			pass(time.Duration(n) * time.Millisecond)
			p.answerCall(call.Attempt, protocol.StatusSucceeded)
		})
		return nil
	case n%200 == 10:
		x.c.all.Go(p.kill)
		return nil
	case n%50 == 11:
		p.conn.Send(&protocol.Partial{Stream: call.Attempt, Data: call.Data})
	case n%50 == 12 && call.Shard != 0 && call.brief.Info.Stateful:
		p.conn.Send(&protocol.Snapshot{Job: call.Job, Shard: call.Shard, Data: call.Data})
	case n%50 == 13:
		p.conn.Send(&protocol.Ask{Attempt: call.Attempt, Tag: 1, Program: "plain", Data: []byte("1")})
		p.conn.Send(&protocol.Ask{Attempt: call.Attempt, Tag: 2, Program: "none"})
	}
	return echo(p, call)
}

// comeBack has the client leave, and another one take over.
func (x *chaos) comeBack() {
	synctest.Wait()
	for len(x.s.queue) > 0 {
		if m, ok := x.s.read().(*protocol.Reply); ok {
			x.answered(m)
		}
	}
	job := x.s.job
	x.s.conn.Close()
	if x.r.IntN(2) == 0 {
		pass(time.Second)
	}
	for tag := range x.open { // what was sent last may not have arrived, or was answered to nobody
		x.late[tag] = true
	}
	x.s = x.c.login("ann")
	x.s.attachTo(job)
}

// answered notes a reply. One may come again that the former client had, and has not acknowledged.
func (x *chaos) answered(m *protocol.Reply) {
	if !x.open[m.Tag] && !x.late[m.Tag] {
		x.c.t.Errorf("tag %d is answered again: %s", m.Tag, outcomeOf(m))
	}
	delete(x.open, m.Tag)
	x.counts[m.State]++
}

// nothingLeft looks for what was not given back.
func (x *chaos) nothingLeft(t *testing.T) {
	done := make(chan struct{})
	x.c.server.posts <- func(o *owner) {
		defer close(done)
		if o.opens.held != 0 || o.snapshotBytes != 0 || len(o.detached) > 0 {
			t.Errorf("%d bytes are held, %d of snapshots, %d streams are detached",
				o.opens.held, o.snapshotBytes, len(o.detached))
		}
		if len(o.errands.list) != len(o.errands.free) {
			t.Errorf("%d errands, %d are free", len(o.errands.list), len(o.errands.free))
		}
		for i, c := range o.arena.chunks {
			if c.live != 0 {
				t.Errorf("chunk %d has %d pieces", i, c.live)
			}
		}
		if v := o.state.Totals(); v.Jobs+v.Queued+v.Running+v.Waiting > 0 {
			t.Errorf("the scheduler has %+v", v)
		}
	}
	<-done
}
