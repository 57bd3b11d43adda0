package coordinator

import (
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
)

// investigateCall makes the failure of an attempt of an open job, or of a task that has none.
// Unlike those of closed jobs it has no log of its own: what it says for itself must do, or how its
// process has ended.
func (o *owner) investigateCall(st *stream, e *scheduler.Effect, w *worker) *failure {
	j := st.job
	if e.Attempt == 0 && e.Status == scheduler.Cancelled {
		return &failure{job: j, err: errCancelled} // a million of them may come at once
	}
	if w != nil && e.Status != scheduler.Cancelled && e.Status != scheduler.Lost {
		w.failures++
	}
	f := &failure{job: j, until: o.now() + scheduler.Time(o.cfg.Limits.ExitedWait)}
	if m := o.returning; m != nil && m.Attempt == uint64(e.Attempt) && len(m.Failure) > 0 {
		f.err = m.Failure[0].Err()
	} else {
		f.err = o.callWords(st, e)
	}
	if w != nil {
		f.err.Worker = w.name()
	}
	f.err.Attempt = fanfold.AttemptID{
		Job: j.id, Stage: e.Stage, Task: fanfold.TaskID(e.Tag), Attempt: e.Number, Epoch: o.cfg.Epoch,
	}
	if sl := o.slotOf(e.Slot); e.Status == scheduler.Crashed && sl != nil {
		if f.awaitExit(sl.gone); f.open() {
			o.reports = append(o.reports, f)
		}
	}
	return f
}

// callWords says in words how a task or an attempt ended that could not say so itself.
func (o *owner) callWords(st *stream, e *scheduler.Effect) *fanfold.Error {
	const op = "run task"
	switch {
	case e.Status == scheduler.TimedOut && e.Until != 0 && e.Until <= o.now():
		return fanfold.Errorf(fanfold.KindDeadline, op, "its deadline has passed")
	case e.Status == scheduler.TimedOut && e.Attempt == 0:
		return fanfold.Errorf(fanfold.KindDeadline, op, "the deadline of its job has passed")
	case e.Status == scheduler.Cancelled:
		return fanfold.Errorf(fanfold.KindCancelled, op, "cancelled")
	case e.Status == scheduler.Failed:
		return fanfold.Errorf(fanfold.KindInternal, op, "the attempt failed and did not say why")
	}
	return o.statusWords(st.job, e)
}

// retryCall notes an attempt that failed, and whose task will run again.
func (o *owner) retryCall(st *stream, e *scheduler.Effect) {
	st.counts.retried++
	o.counts.retried++
	f := o.investigateCall(st, e, o.workerOf(e))
	if j := st.job; j.first == nil {
		j.first = f
		o.resolved(f)
	}
}
