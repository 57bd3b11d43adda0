package coordinator

import "github.com/fanfold/fanfold/coordinator/scheduler"

// perform does what an effect asks for, now or when the journal has its events.
func (o *owner) perform(e *scheduler.Effect) {
	if e.Seq > o.ledger.durable && o.cfg.Journal != nil {
		o.gate(*e)
		return
	}
	if st := o.opens.get(e.Client); st != nil && (e.Job == st.job.sched || st.job.sched == 0) {
		o.performOpen(st, e)
		return
	}
	switch e.Kind {
	case scheduler.Send:
		o.assigned(e)
	case scheduler.Stop:
		o.stop(e)
	case scheduler.TakeBack:
		o.takeBack(e)
	case scheduler.Kill:
		o.kill(e.Slot)
	case scheduler.Commit:
		o.commit(e)
	case scheduler.Discard:
		o.discard(e)
	case scheduler.Retry:
		o.retry(e)
	case scheduler.Reply:
		o.taskFailed(e)
	case scheduler.Refuse:
		// A closed job whose queue is never full and whose input is open has none.
	case scheduler.StageReady:
		o.markDirty(o.running[e.Job])
	case scheduler.Deliver:
		o.deliver(o.running[e.Job])
	case scheduler.JobReply:
		o.jobEnded(o.running[e.Job], e.Status)
	case scheduler.SlotReady:
		o.slotReady(e)
	case scheduler.Drained:
		o.slotDrained(e)
	case scheduler.JobReady:
		o.jobReady(e)
	}
}

// performOpen is perform for the tasks of an open job.
func (o *owner) performOpen(st *stream, e *scheduler.Effect) {
	switch e.Kind {
	case scheduler.Send:
		o.call(st, e)
	case scheduler.Stop:
		o.stop(e)
	case scheduler.TakeBack:
		o.takeBack(e)
	case scheduler.Kill:
		o.kill(e.Slot)
	case scheduler.Discard:
		o.dropLate(st)
	case scheduler.Retry:
		o.retryCall(st, e)
	case scheduler.Reply:
		o.ended(st, e)
	case scheduler.Refuse:
		o.refused(st, e)
	case scheduler.JobReply:
		o.jobEnded(st.job, e.Status)
	case scheduler.JobReady:
		o.jobReady(e)
	}
}
