package coordinator

import (
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// gathering is a task that goes to each shard, and whose result is what the program's reducer makes
// of theirs. It ends with the first of them that does not succeed.
type gathering struct {
	stream *stream
	to     asker
	until  scheduler.Time
	tasks  []scheduler.TaskID
	values []scheduler.Ref // by shard
	left   int             // tasks that are not answered
	over   bool            // who has asked was told
}

// fanOut sends a task to all shards.
func (o *owner) fanOut(
	st *stream, m *protocol.Task, to asker, c scheduler.Command,
) *gathering {
	n := int(st.spec.Shards)
	g := &gathering{
		stream: st, to: to, until: c.Until, left: n,
		values: slices.Repeat([]scheduler.Ref{missing}, n),
	}
	if to.who == nil {
		st.remember(to.tag, g)
	}
	number := o.errands.add(g, n)
	ref := o.storeTask(st, oursFlag, to.order, nil, m.Data)
	for i := range n {
		if i > 0 {
			o.arena.share(ref)
			o.account(st, cost(size(ref)))
		}
		c.Shard, c.Ref = uint32(i+1), ref
		g.tasks = append(g.tasks, o.state.NextTask())
		o.errand(st, number, c)
	}
	return g
}

// answer takes the answer of a shard.
func (g *gathering) answer(o *owner, a *answer) {
	g.left--
	switch {
	case g.over:
	case a.state != fanfold.Succeeded:
		g.end(o, a)
	default:
		g.values[a.shard-1] = o.stow(g.stream, a.data)
		if g.left > 0 {
			return
		}
		values := g.values
		g.values, g.over = nil, true
		if g.to.who == nil {
			g.stream.forget(g.to.tag, g)
		}
		o.reduce(g.stream, values, g.until, g.to)
	}
}

// end tells how it ended that was to succeed, and stops what still runs of it.
func (g *gathering) end(o *owner, a *answer) {
	g.over = true
	o.dropAll(g.stream, g.values)
	g.values = nil
	if g.to.who == nil {
		g.stream.forget(g.to.tag, g)
	}
	o.tell(g.to, a)
	for _, id := range g.tasks {
		o.step(scheduler.Command{Kind: scheduler.CancelTask, Task: id})
	}
}

// cancel ends it for the client.
func (g *gathering) cancel(o *owner, _ uint64) {
	if !g.over {
		g.end(o, g.stream.cancelled())
	}
}

// tags are those whom a Partial is for.
func (g *gathering) tags() []uint64 {
	if k, ok := g.to.who.(*known); ok {
		return k.tags()
	}
	return []uint64{g.to.tag}
}
