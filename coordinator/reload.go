package coordinator

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// reload replaces all task processes, those of one slot after those of another, so that the others
// go on working. It loses nothing: a process ends what it has started and gives back the rest.
type reload struct {
	slots []*slot // that are still to come
	slot  *slot   // whose processes are being replaced; nil: none yet
	used  bool    // it had one in use, so it gets another one
	old   []*process
	limit scheduler.Time // what a process may take to end what it has started
	until scheduler.Time // when those are killed that are still there; 0: they are
	done  []func(error)
	next  *reload // that was asked for meanwhile, by all who did; nil: nobody has
}

// reloadersMax is how many may wait for one reload.
const reloadersMax = 1000

// Reload replaces all task processes, slot by slot, and returns when their successors are there, or
// ctx ends: then it goes on by itself. A process that has not ended after limit (0: Limits.Retire)
// is killed, and what it was running runs again. Whoever calls it while another Reload is under way
// has one more follow, one for all of them.
func (s *Server) Reload(ctx context.Context, limit time.Duration) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.work.Done()
	done := make(chan error, 1)
	s.call(func(o *owner) { o.reload(limit, func(err error) { done <- err }) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.ctx.Done():
		return errClosed
	}
}

// queryReload reloads for a client that may ask for it.
func (o *owner) queryReload(p *peer, request uint64) {
	if !mayManage(p) {
		o.refuse(p, request, fanfold.Errorf(fanfold.KindDenied, "reload", "a %s may not reload", p.role))
		return
	}
	p.client.queries++
	o.reload(0, func(err error) {
		p.client.queries--
		if err != nil {
			o.refuse(p, request, err)
			return
		}
		o.send(p, &protocol.Answer{Request: request})
	})
}

// reload replaces all processes, once no other reload is under way, and calls done when it is over.
func (o *owner) reload(limit time.Duration, done func(error)) {
	if limit <= 0 {
		limit = o.cfg.Limits.Retire
	}
	r := &reload{limit: scheduler.Time(limit), done: []func(error){done}}
	switch now := o.reloading; {
	case now == nil:
		o.beginReload(r)
	case now.next == nil:
		now.next = r
	case len(now.next.done) == reloadersMax:
		done(fanfold.Errorf(fanfold.KindBusy, "reload", "%d wait for one already", reloadersMax))
	default:
		now.next.limit = max(now.next.limit, r.limit)
		now.next.done = append(now.next.done, done)
	}
}

func (o *owner) beginReload(r *reload) {
	for _, id := range slices.Sorted(maps.Keys(o.workers)) {
		r.slots = append(r.slots, o.workers[id].slots...)
	}
	o.log.Info("reloading task processes", "slots", len(r.slots))
	o.reloading = r
	o.reloadMore()
}

// endReload tells those who waited for a reload, and begins the next one.
func (o *owner) endReload(r *reload) {
	o.reloading = nil
	o.log.Info("reloaded")
	for _, done := range r.done {
		done(nil)
	}
	if r.next != nil {
		o.beginReload(r.next)
	}
}

// reloadMore goes on with a reload: it is called whenever a process comes or goes, and by time.
func (o *owner) reloadMore() {
	r := o.reloading
	for r != nil && (r.slot == nil || r.replaced()) {
		if len(r.slots) == 0 {
			o.endReload(r)
			return
		}
		r.slot, r.slots = r.slots[0], r.slots[1:]
		r.old, r.used, r.until = r.slot.processes(), r.slot.process != nil, o.now()+r.limit
		for _, p := range r.old {
			p.retiring = true
			o.send(p.peer, &protocol.Retire{Reason: "reload"})
		}
	}
	if r == nil || r.until == 0 || r.until > o.now() {
		return
	}
	r.until = 0
	for _, p := range r.old {
		if !p.gone {
			o.log.Warn("process does not end", "worker", r.slot.worker.name(), "slot", r.slot.index)
			p.killed = true
			o.killProcess(p)
		}
	}
}

// replaced reports whether the old processes of a slot are gone, and the new one is there.
func (r *reload) replaced() bool {
	if r.slot.worker.lost {
		return true
	}
	left := slices.ContainsFunc(r.old, func(p *process) bool { return !p.gone })
	return !left && (r.slot.process != nil || !r.used)
}
