package scheduler

import (
	"github.com/fanfold/fanfold"
)

// Step decides what follows from one command at a time, changes the state accordingly, and appends
// events and effects to out. Time does not go back: now counts as at least that of the last Tick.
func (s *State) Step(now Time, c *Command, out *Out) {
	x := step{s, max(now, Time(s.wheel.tick<<tickBits)), out}
	x.decide(c)
	if x.accused > 0 {
		x.convict()
	}
	x.dispatch()
	if x.draining > 0 {
		x.tellDrained()
	}
}

// step is one call of Step. Its methods read the state, and change it by emitting events only, so
// that each decision sees the ones before it.
type step struct {
	*State
	now Time
	out *Out
}

// draft gives the next event, to be filled in and emitted. It is journalled if its job, which may
// be nil, is durable.
func (x step) draft(kind EventKind, j *job) *Event {
	e := &x.out.draft
	*e = Event{Kind: kind, At: x.now}
	if j != nil {
		e.Job = j.id
		if j.spec.Durable {
			e.Seq = x.seq + 1
		}
	}
	return e
}

// emit applies the draft, and keeps it if it is to be journalled or watched.
func (x step) emit() {
	e := &x.out.draft
	x.Apply(e, x.out)
	if e.Seq != 0 || x.out.Record {
		x.out.Events = append(x.out.Events, *e)
	}
}

func (x step) decide(c *Command) {
	switch c.Kind {
	case Submit:
		x.submit(c)
	case Report:
		x.report(c)
	case Progress:
		x.progress(c.Attempt, c.Percent)
	case OpenJob:
		x.openJob(c)
	case CloseJob:
		x.closeJob(c.Job)
	case CancelJob:
		if j := x.job(c.Job); j != nil && !j.ended {
			x.endJob(j, verdict(c.Status, Cancelled))
		}
	case FinishJob:
		if j := x.job(c.Job); j != nil && j.finishing && !j.ended {
			x.endJob(j, verdict(c.Status, Failed))
		}
	case CancelTask:
		x.cancelTask(c.Task)
	case LoseOutput:
		x.loseOutput(c.Task)
	case OpenSlot:
		x.openSlot(c)
	case LoseSlot:
		x.loseSlot(c)
	case Suspend:
		x.suspend(c.Attempt)
	case DrainSlot:
		x.drainSlot(c.Slot)
	case Tick:
		x.tick()
	}
}

// verdict is a status that a job may end with, or else another.
func verdict(status, otherwise Status) Status {
	switch status {
	case Succeeded, Failed, TimedOut, Cancelled, Lost:
		return status
	}
	return otherwise
}

func (x step) openJob(c *Command) {
	e := x.draft(JobOpened, nil)
	e.Job, e.Spec, e.Tag = JobID(x.jobs.vacant()), c.Spec, c.Tag
	if c.Spec.Durable {
		e.Seq = x.seq + 1
	}
	x.emit()
}

func (x step) submit(c *Command) {
	j := x.job(c.Job)
	switch {
	case j == nil:
		x.refuse(c, 0, Unknown)
	case j.closed:
		x.refuse(c, j.spec.Client, Unknown)
	case j.held() >= j.spec.QueueMax || x.tasks.live >= heldMax:
		x.refuse(c, j.spec.Client, Busy)
	default:
		e := x.draft(TaskQueued, j)
		e.Task, e.Stage, e.Tag, e.Ref = TaskID(x.tasks.vacant()), fanfold.StageMap, c.Tag, c.Ref
		if j.spec.Open {
			e.Shard, e.Priority, e.Until = c.Shard, min(c.Priority, classes-1), c.Until
			if e.Shard > j.spec.Shards {
				e.Shard = 0
			}
		} else {
			e.Worker = c.Worker
		}
		x.emit()
	}
}

func (x step) refuse(c *Command, client uint32, why Status) {
	e := x.out.effect(Refuse, 0)
	e.Client, e.Job, e.Tag, e.Ref, e.Status = client, c.Job, c.Tag, c.Ref, why
}

func (x step) queue(j *job, k fanfold.Stage, tag uint64, ref Ref) {
	e := x.draft(TaskQueued, j)
	e.Task, e.Stage, e.Tag, e.Ref = TaskID(x.tasks.vacant()), k, tag, ref
	x.emit()
}

func (x step) closeJob(id JobID) {
	j := x.job(id)
	if j == nil || j.closed {
		return
	}
	x.draft(JobClosed, j)
	x.emit()
	x.advance(j)
}

// advance goes on with a job that is closed: to the next stage, or to its end. A stage is only
// looked at when all those before it are complete.
func (x step) advance(j *job) {
	switch {
	case j.ended || j.finishing || !j.closed:
		return
	case j.spec.Open:
		x.finishOpen(j)
		return
	}
	for k := fanfold.StageMap; k <= fanfold.StageGather; k++ {
		if !j.stages[k].open && j.planned(k) > 0 {
			x.openStage(j, k)
		}
		if !j.complete(k) {
			return
		}
	}
	x.draft(JobFinishing, j)
	x.emit()
}

func (x step) openStage(j *job, k fanfold.Stage) {
	n := j.planned(k)
	e := x.draft(StageOpened, j)
	e.Stage, e.N = k, int64(n)
	x.emit()
	for i := uint32(len(j.stages[k].tasks)); i < n; i++ {
		x.queue(j, k, uint64(i), Ref(i))
	}
}

// finishOpen ends an open job after its last task.
func (x step) finishOpen(j *job) {
	if j.held() > 0 {
		return
	}
	why, answered := Succeeded, &j.stages[fanfold.StageMap].answered
	if answered[fanfold.Failed]+answered[fanfold.TimedOut]+answered[fanfold.Lost] > 0 {
		why = Failed
	}
	x.endJob(j, why)
}

// endJob ends a job whether its tasks have ended or not: first those that run, so that they are
// stopped at once; the others are reaped a few at a time, so that a million of them do not hold up
// other jobs.
func (x step) endJob(j *job, why Status) {
	for k := range j.stages {
		running := &j.stages[k].lists[fanfold.Running]
		for running.n > 0 {
			x.end(j, running.head, 0, j.leftover(why), 0, 0)
		}
	}
	x.draft(JobEnded, j).Why = why
	x.emit()
}

// end ends a task: with one of its attempts, or, if that is 0, without.
func (x step) end(j *job, task, attempt uint32, why Status, result Ref, nanos int64) {
	t := x.tasks.at(task)
	e := x.draft(TaskEnded, j)
	e.Task, e.Stage, e.Tag = TaskID(t.id), t.value.stage, t.value.tag
	e.Why, e.Ref, e.N = why, result, nanos
	if attempt != 0 {
		e.Attempt = AttemptID(x.attempts.at(attempt).id)
	}
	x.emit()
}

// settled ends a task and does what follows for its job.
func (x step) settled(task, attempt uint32, why Status, result Ref, nanos int64) {
	j := x.jobOf(x.tasks.get(task))
	x.end(j, task, attempt, why, result, nanos)
	switch {
	case why == Succeeded || j.spec.Open:
		x.advance(j)
	case why == Cancelled || why == Lost:
		x.endJob(j, why)
	default:
		x.endJob(j, Failed)
	}
}

func (x step) cancelTask(id TaskID) {
	t := x.tasks.find(uint64(id))
	if t == nil || t.state.Terminal() || x.jobOf(t).ended {
		return
	}
	x.settled(id.index(), 0, Cancelled, 0, 0)
}

// suspend takes an attempt out of its slot's line: it waits for other tasks.
func (x step) suspend(id AttemptID) {
	a := x.attempts.find(uint64(id))
	if a == nil || a.task == 0 || a.away || a.started == 0 {
		return
	}
	t := x.tasks.at(a.task)
	e := x.draft(Suspended, x.jobOf(&t.value))
	e.Attempt, e.Task, e.Slot = id, TaskID(t.id), a.slot
	x.emit()
}
