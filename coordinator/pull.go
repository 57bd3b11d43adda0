package coordinator

import (
	"crypto/rand"
	"fmt"
	"net"
	"path"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// Sources that lie on other hosts are fetched before the process of a slot hears of its attempt:
// its worker is sent a Pull for each, and answers once, with Pulled. Then the process gets the
// Source messages, as if the extracts had been here all the time. Only the first order of a slot
// fetches.

// newSecret makes a token or a key.
func newSecret() []byte {
	b := make([]byte, protocol.TokenLen)
	rand.Read(b) // it never fails
	return b
}

// remote reports whether an output is in a file that a worker does not see.
func remote(w *worker, r *result) bool {
	return r.output.File != "" && r.worker != w &&
		r.worker.peer.hello.Offer.HostID != w.peer.hello.Offer.HostID
}

// preparePulls finds what an order has to fetch.
func (o *owner) preparePulls(w *worker, d *order) {
	for _, r := range d.sources {
		if remote(w, r) {
			d.pulls = append(d.pulls, r)
		}
	}
	if len(d.pulls) > 0 {
		// One that is made again meanwhile has another extract: what was pulled is what is named.
		d.sources = slices.Clone(d.sources)
	}
}

// fetches reports whether the process has heard nothing of an order, because it is being fetched.
func (d *order) fetches() bool { return len(d.pulls) > 0 || d.pulling }

// extract is where the copy of a source is below the directory of the order's worker: beside the
// attempts of the source's stage, so that it goes with them at the latest.
func (d *order) extract(r *result) string {
	attempt := path.Dir(r.output.File) // below the job: see fanfold.AttemptID.Dir
	return fmt.Sprintf("%s/%s-from-%d/%s.%s-%d", path.Dir(attempt), r.stage, r.worker.id,
		path.Base(attempt), d.attempt.stage, d.attempt.index)
}

// pull tells the worker what to fetch for an order. It returns true when all is there.
func (o *owner) pull(sl *slot, d *order) bool {
	for len(d.pulls) > 0 {
		r := d.pulls[0]
		from := &r.worker.peer.hello
		ticket := d.tickets[r.worker]
		if ticket == nil && !reaches(&sl.worker.peer.hello, from) {
			o.failJob(d.attempt.job, unreachable(r.worker, sl.worker))
			return false
		}
		if !o.room(sl.worker.peer) {
			return false // pump goes on
		}
		if ticket == nil { // one is for all outputs of the stage on that worker
			if d.tickets == nil {
				d.tickets = map[*worker][]byte{}
			}
			ticket = protocol.Ticket(r.worker.segmentKey, r.output.File, d.part)
			d.tickets[r.worker] = ticket
		}
		m := protocol.Pull{
			Attempt: uint64(d.attempt.id), Task: r.index, Address: from.Offer.Data,
			Worker: from.Name, Path: r.output.File, Part: d.part, To: d.extract(r),
			Ticket: ticket, Last: len(d.pulls) == 1,
		}
		if j := d.attempt.job; d.attempt.stage == fanfold.StageReduce && j.stages.ranges {
			keys := protocol.Range{}
			keys.From, keys.Below = j.keys(d.attempt.index)
			m.Keys = []protocol.Range{keys}
		}
		o.send(sl.worker.peer, &m)
		d.pulls, d.pulling = d.pulls[1:], true
	}
	return !d.pulling
}

// reaches reports whether a worker can hope to fetch from another one: an address on loopback is
// for its own host.
func reaches(worker, from *protocol.Hello) bool {
	host, _, err := net.SplitHostPort(from.Offer.Data)
	ip := net.ParseIP(host)
	here := host == "localhost" || ip != nil && ip.IsLoopback()
	return err == nil && (!here || worker.Host == from.Host)
}

// unreachable is the failure of a job whose segments nobody can fetch.
func unreachable(from, to *worker) *fanfold.Error {
	e := fanfold.Errorf(fanfold.KindUnreachable, "fetch segment",
		"worker %s has segments for %s, and no address where to fetch them", from.name(), to.name())
	e.Hint = "start " + from.name() + " with --tls-dir, and --data-listen at an address of its host"
	return e
}

// pulled takes a worker's word on what it was told to fetch. An attempt that is gone needs none.
func (o *owner) pulled(w *worker, m *protocol.Pulled) error {
	sl := w.fetching(m.Attempt)
	if sl == nil {
		return nil
	}
	d := &sl.orders[0]
	if len(m.Failure) == 0 {
		d.pulling = false
		o.dispatch(sl)
		return nil
	}
	a, why := d.attempt, m.Failure[0].Err()
	why.Attempt, why.Worker = a.name(o.cfg.Epoch), w.name()
	if m.Here {
		r := &result{stage: a.stage, index: a.index, worker: w, failure: why}
		o.results.put(r)
		w.failures++
		c := scheduler.Command{Status: scheduler.Failed, Ref: r.ref}
		if hopeless(why) {
			c.Status = scheduler.Hopeless
		}
		o.answerFor(sl, a.id, c)
		o.dispatch(sl)
		return nil
	}
	i := slices.IndexFunc(d.sources, func(r *result) bool { return r.index == m.Lost })
	if i < 0 {
		return errProtocol("Pulled names the task %d, which is no source", m.Lost)
	}
	lost := d.sources[i]
	o.log.Warn("fetch segment", "job", a.job.id, "attempt", a.name(o.cfg.Epoch), "to", w.name(),
		"from", lost.worker.name(), "error", why)
	o.answerFor(sl, a.id, scheduler.Command{Status: scheduler.NoSource, Task: lost.task})
	o.dispatch(sl)
	return nil
}

// fetching is the slot whose first order fetches for an attempt; nil: none does.
func (w *worker) fetching(attempt uint64) *slot {
	i := slices.IndexFunc(w.slots, func(sl *slot) bool {
		return len(sl.orders) > 0 && sl.orders[0].fetches() &&
			uint64(sl.orders[0].attempt.id) == attempt
	})
	if i < 0 {
		return nil
	}
	return w.slots[i]
}

// stopPull ends what the first order of a slot fetches, and answers for the process.
func (o *owner) stopPull(sl *slot, c scheduler.Command) {
	id := sl.orders[0].attempt.id
	o.send(sl.worker.peer, &protocol.Stop{Attempt: uint64(id)})
	o.answerFor(sl, id, c)
	o.dispatch(sl)
}

// missPulls ends all fetches of an output that has gone: it need not be found out there.
func (o *owner) missPulls(lost *result) {
	for _, w := range o.workers {
		for _, sl := range w.slots {
			if len(sl.orders) > 0 && sl.orders[0].fetches() && slices.Contains(sl.orders[0].sources, lost) {
				o.stopPull(sl, scheduler.Command{Status: scheduler.NoSource, Task: lost.task})
			}
		}
	}
}
