package coordinator

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// logTailMax is how much of an attempt's log goes with its failure.
const logTailMax = 4 << 10

// failure is why an attempt or a job failed. It may be incomplete for a moment: the worker is asked
// for what the attempt printed, and how its process ended.
type failure struct {
	job   *job
	err   *fanfold.Error
	gone  *process       // whose Exited is waited for, or nil
	log   uint64         // stream of the LogQuery under way, or 0
	until scheduler.Time // when it is taken as it is
	then  []func()       // what waits for this failure
}

// open reports whether a failure is not complete yet. A nil one is.
func (f *failure) open() bool { return f != nil && (f.gone != nil || f.log != 0) }

// list is the failure for a message.
func (f *failure) list() []protocol.Failure {
	switch {
	case f == nil:
		return nil
	case f.err == errCancelled:
		return cancelled // a million of them may come at once
	}
	return []protocol.Failure{wireFailure(f.err)}
}

// text is the failure for the log.
func (f *failure) text() any {
	if f == nil {
		return nil
	}
	return f.err
}

// fanfoldError makes an error fit for the wire: one that is no *fanfold.Error gets a kind and an
// operation. The result is a copy that the caller may complete.
func fanfoldError(err error, kind fanfold.Kind, op string) *fanfold.Error {
	var known *fanfold.Error
	if errors.As(err, &known) {
		e := *known
		return &e
	}
	return &fanfold.Error{Op: op, Kind: kind, Offset: -1, Err: err}
}

// retry tells about an attempt that failed, and whose task will run again. Only the job's first is
// told.
func (o *owner) retry(e *scheduler.Effect) {
	j := o.running[e.Job]
	o.markDirty(j)
	if j.first == nil && e.Status != scheduler.NoSource {
		j.first = o.investigate(j, e)
		o.resolved(j.first)
	}
	o.results.drop(e.Result)
}

// taskFailed notes the attempt that has failed its task, and with it the job. JobReply follows.
func (o *owner) taskFailed(e *scheduler.Effect) {
	j := o.running[e.Job]
	if j.cause == nil {
		j.cause = o.investigate(j, e)
	}
	o.results.drop(e.Result)
}

// investigate makes the failure of an attempt that has ended.
func (o *owner) investigate(j *job, e *scheduler.Effect) *failure {
	id := fanfold.AttemptID{
		Job: j.id, Stage: e.Stage, Task: fanfold.TaskID(e.Tag), Attempt: e.Number, Epoch: o.cfg.Epoch,
	}
	f := &failure{job: j, until: o.now() + scheduler.Time(o.cfg.Limits.ExitedWait)}
	sl, w := o.slotOf(e.Slot), o.workers[e.Worker]
	if r := o.results.get(e.Result); r != nil && r.failure != nil {
		f.err = r.failure
	} else {
		f.err = o.statusWords(j, e)
		f.err.Attempt = id
		o.blameInput(f.err, j, e)
		if w != nil {
			f.err.Worker = w.name()
		}
	}
	switch {
	case e.Status == scheduler.Crashed && sl != nil:
		f.awaitExit(sl.gone)
	case f.err.Log == "" && w != nil && e.Number > 0 && e.Status != scheduler.Lost:
		f.log = o.askTail(w, id, f)
	}
	if f.open() {
		o.reports = append(o.reports, f)
	}
	return f
}

// statusWords says in words how an attempt ended that could not say so itself.
func (o *owner) statusWords(j *job, e *scheduler.Effect) *fanfold.Error {
	op := "run " + e.Stage.String()
	switch e.Status {
	case scheduler.Crashed:
		if sl := o.slotOf(e.Slot); sl != nil && sl.gone != nil && sl.gone.cut != nil {
			return cutWords(op, sl.gone.cut)
		}
		return fanfold.Errorf(fanfold.KindCrashed, op, "its task process died")
	case scheduler.TimedOut:
		limit := cmp.Or(j.spec.TaskTimeout, j.spec.ProgressTimeout)
		return fanfold.Errorf(fanfold.KindTimeout, op, "no end and no progress within %v",
			time.Duration(limit)*time.Millisecond)
	case scheduler.Lost:
		return fanfold.Errorf(fanfold.KindLost, op, "its worker was lost")
	}
	return fanfold.Errorf(fanfold.KindInternal, op, "the attempt ended as %s", e.Status)
}

// blameInput names what an attempt was reading, where that is one input.
func (o *owner) blameInput(err *fanfold.Error, j *job, e *scheduler.Effect) {
	if e.Stage != fanfold.StageMap || e.Tag >= uint64(len(j.splits)) {
		return
	}
	switch s := &j.splits[e.Tag]; {
	case s.inline != nil:
		err.Input, err.Offset = "-", s.inline.from
	case len(s.ranges) == 1:
		err.Input, err.Offset = s.ranges[0].Name, s.ranges[0].Offset
	}
}

// cutOff is why the coordinator ended a connection, and nil when it just broke.
func cutOff(why error) error {
	var known *fanfold.Error
	if errors.As(why, &known) || errors.Is(why, protocol.ErrStalled) ||
		errors.Is(why, protocol.ErrQueueFull) {
		return why
	}
	return nil
}

// cutWords says why the coordinator has cut off a task process. Whatever the process did, towards
// the job it broke the protocol.
func cutWords(op string, cut error) *fanfold.Error {
	return fanfold.Errorf(fanfold.KindProtocol, op, "its task process was cut off: %w", cut)
}

// awaitExit has a failure be completed by the worker's word on a process that has gone: now, if
// that is there.
func (f *failure) awaitExit(p *process) {
	switch {
	case p == nil: // the journal was waited for
	case p.exited != nil:
		f.exit(p.exited)
	default:
		f.gone = p
	}
}

// exit completes a failure by what the worker says of the process.
func (f *failure) exit(m *protocol.Exited) {
	f.gone = nil
	if m.Words != "" && f.err.Kind == fanfold.KindCrashed {
		f.err.Err = fmt.Errorf("its task process died: %s", m.Words)
	}
	f.err.Log = cmp.Or(f.err.Log, m.Log)
}

// resolveExit completes the failure that waits for an Exited; false: none does.
func (o *owner) resolveExit(sl *slot, m *protocol.Exited) bool {
	for _, f := range o.reports {
		if f.gone != nil && f.gone.slot == sl && samePID(f.gone.pid(), m.PID) {
			f.exit(m)
			o.resolved(f)
			return true
		}
	}
	return false
}

// resolveLate takes the failures as they are whose time is up.
func (o *owner) resolveLate(now scheduler.Time) {
	for len(o.reports) > 0 && (!o.reports[0].open() || o.reports[0].until <= now) {
		f := o.reports[0]
		o.reports = o.reports[1:]
		if f.open() {
			delete(o.streams, f.log)
			f.gone, f.log = nil, 0
			o.resolved(f)
		}
	}
}

// resolved tells about a failure that is complete.
func (o *owner) resolved(f *failure) {
	j := f.job
	if f.open() {
		return
	}
	then := f.then
	f.then = nil
	for _, do := range then {
		do()
	}
	if f == j.first && j.phase < phaseEnding {
		o.tellFailure(j)
	}
	if f == j.cause {
		o.conclude(j)
	}
}

// tail is a LogQuery for the end of an attempt's log.
type tail struct {
	worker  *worker
	failure *failure
}

// askTail asks a worker what an attempt printed last.
func (o *owner) askTail(w *worker, id fanfold.AttemptID, f *failure) uint64 {
	number := o.number()
	o.streams[number] = &tail{w, f}
	o.send(w.peer, &protocol.LogQuery{
		Stream: number, Job: id.Job[:], Attempt: id.String(), Tail: logTailMax,
	})
	return number
}

// tailCame takes a part of the log that was asked for.
func (o *owner) tailCame(number uint64, t *tail, m *protocol.Log) {
	for _, part := range m.Parts {
		t.failure.err.Log += string(part.Data)
	}
	if m.Last {
		delete(o.streams, number)
		t.failure.log = 0
		o.resolved(t.failure)
	}
}
