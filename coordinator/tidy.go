package coordinator

import (
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// tidyInterval is how often the owner looks for what has been silent or kept for too long.
const tidyInterval = scheduler.Time(time.Second)

// tidy gives up workers that have gone silent, closes idle clients, and drops what was kept long
// enough.
func (o *owner) tidy(now scheduler.Time) {
	limits := &o.cfg.Limits
	for _, w := range o.workers {
		o.watch(w, now)
		o.maybeLeft(w)
		for _, sl := range w.slots {
			o.hurry(sl, now)
		}
	}
	for _, p := range o.peers {
		if p.deaf != 0 && now-p.deaf > scheduler.Time(limits.StalledAfter) {
			o.end(p, protocol.ErrStalled)
		}
		if p.client != nil && p.client.idle() && now-p.heard > scheduler.Time(limits.IdleAfter) {
			o.end(p, fanfold.Errorf(fanfold.KindUnreachable, "serve client",
				"the connection was idle for %v", limits.IdleAfter))
		}
	}
	o.expire(now)
	o.tidyStreams(now)
}

// wasAway allows for time in which this process did not run, as when it was stopped: it has
// listened to nobody, so nobody was silent.
func (o *owner) wasAway(away scheduler.Time) {
	o.log.Warn("did not run for a while", "time", time.Duration(away))
	for _, p := range o.peers {
		p.heard = min(p.heard+away, o.now())
	}
}

// idle reports whether a client waits for nothing.
func (c *consumer) idle() bool { return len(c.requests) == 0 && c.queries == 0 }

// gone takes leave of a peer whose connection has ended. It returns why.
func (o *owner) gone(p *peer, err error) error {
	delete(o.peers, p.id)
	switch {
	case p.closing:
		err = p.why
	case err != nil:
		o.end(p, err)
	}
	p.closing = true
	o.log.Debug("connection ended", "connection", p.id, "role", p.role, "error", err)
	switch {
	case p.worker != nil:
		o.loseWorker(p.worker)
	case p.process != nil:
		o.loseProcess(p.process, err)
	case p.client != nil:
		for _, r := range p.client.requests {
			o.quit(r)
		}
		p.client.requests = map[uint64]*request{}
	}
	return err
}

// drain refuses new jobs from now on, and calls done when the running ones have ended.
func (o *owner) drain(done func()) {
	if !o.draining {
		o.log.Info("draining")
	}
	o.draining = true
	o.drained = append(o.drained, done)
	o.tellDrained()
}

// tellDrained tells those who wait for it that no job runs any more, and that all clients have got
// their replies.
func (o *owner) tellDrained() {
	if !o.draining || o.active() > 0 || o.replying() {
		return
	}
	waiting := o.drained
	o.drained = nil
	for _, done := range waiting {
		done()
	}
}

// replying reports whether a client still waits for an end or a reply.
func (o *owner) replying() bool {
	for _, p := range o.peers {
		if p.client != nil && len(p.client.requests) > 0 {
			return true
		}
	}
	return false
}

// active is the number of jobs that have not ended.
func (o *owner) active() (n int) {
	for _, t := range o.tenants {
		n += len(t.jobs)
	}
	return n
}

// close ends everything. The owner goes on until all who may post to it have gone.
func (o *owner) close() {
	o.closing, o.draining = true, true
	for _, j := range o.jobs {
		o.stopJob(j, scheduler.Cancelled, errClosing)
	}
	for _, p := range o.peers {
		o.dismiss(p, errClosing.Error())
	}
	o.tellDrained()
	o.srv.cancel()
}

// errClosing is the failure of what the end of the coordinator ends.
var errClosing = fanfold.Errorf(fanfold.KindCancelled, "serve", "the coordinator is closing")

// fail ends the Server because it cannot keep its promises any more. Jobs that wait for the journal
// stay as they are: whoever reads it next decides.
func (o *owner) fail(err error) {
	o.broken = true
	o.log.Error("giving up", "error", err)
	o.srv.shut(err)
}
