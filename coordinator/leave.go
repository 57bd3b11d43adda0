package coordinator

import (
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// leaving is a worker that drains: it ends what it has started, gets nothing more, and serves what
// it has made as long as somebody may want it.
type leaving struct {
	busy map[scheduler.SlotID]bool // slots that have something left
	done []func()                  // called when the worker is gone
}

// drainWorker has a worker leave. Its slots that have no process now get nothing either, and end
// with it.
func (o *owner) drainWorker(w *worker) {
	if w.leaving != nil {
		return
	}
	o.log.Info("worker drains", "worker", w.name())
	w.leaving = &leaving{busy: map[scheduler.SlotID]bool{}}
	for _, sl := range w.slots {
		if sl.id != 0 {
			w.leaving.busy[sl.id] = true
			o.step(scheduler.Command{Kind: scheduler.DrainSlot, Slot: sl.id})
		}
	}
	o.maybeLeft(w)
}

// slotDrained takes note of a slot on which nothing is left.
func (o *owner) slotDrained(e *scheduler.Effect) {
	if w := o.workers[e.Worker]; w != nil && w.leaving != nil {
		delete(w.leaving.busy, e.Slot)
	}
}

// maybeLeft lets a worker go that has drained, and of whose files none is wanted. It is asked for
// when the worker begins to drain, and by tidy.
func (o *owner) maybeLeft(w *worker) {
	if w.leaving == nil || w.leaves || len(w.leaving.busy) > 0 || o.wanted(w) {
		return
	}
	w.leaves = true
	o.send(w.peer, &protocol.Bye{Reason: "it has drained", Last: true})
}

// wanted reports whether an output on a worker's disk may still be read.
func (o *owner) wanted(w *worker) bool {
	for _, j := range o.jobs {
		for stage, list := range j.outputs {
			for _, r := range list {
				if r != nil && r.worker == w && !r.lost && r.output.File != "" &&
					!j.inFolder(fanfold.Stage(stage)) {
					return true
				}
			}
		}
	}
	return false
}

// queryDrainWorker drains a worker for a client that may ask for it, and answers when it is gone.
func (o *owner) queryDrainWorker(p *peer, m *protocol.Query) {
	w := o.byName[m.Worker]
	switch {
	case !mayManage(p):
		o.refuse(p, m.Request, fanfold.Errorf(fanfold.KindDenied, "drain", "a %s may not drain", p.role))
		return
	case w == nil:
		o.refuse(p, m.Request, fanfold.Errorf(fanfold.KindNotFound, "drain",
			"no worker is named %q", m.Worker))
		return
	case w.peer.attached:
		e := fanfold.Errorf(fanfold.KindUnsupported, "drain",
			"%s is part of the coordinator", m.Worker)
		e.Hint = "drain the coordinator, or start it with --slots 0"
		o.refuse(p, m.Request, e)
		return
	}
	p.client.queries++
	o.drainWorker(w)
	w.leaving.done = append(w.leaving.done, func() {
		p.client.queries--
		o.send(p, &protocol.Answer{Request: m.Request})
	})
}

// mayManage reports whether a peer may have processes and workers replaced: whoever is this user on
// this host, and elsewhere admins.
func mayManage(p *peer) bool {
	return p.role == protocol.RoleAdmin || p.role == protocol.RoleClient && p.identity.UID >= 0
}
