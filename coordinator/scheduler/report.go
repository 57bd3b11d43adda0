package scheduler

import "github.com/fanfold/fanfold"

// report decides what a process says about an attempt. What is not an attempt's first report, or
// comes after its task has ended otherwise, changes nothing.
func (x step) report(c *Command) {
	a := x.attempts.find(uint64(c.Attempt))
	if a == nil || c.Slot != 0 && a.slot != c.Slot {
		e := x.out.effect(Discard, 0)
		e.Attempt, e.Result = c.Attempt, c.Ref
		return
	}
	k := c.Attempt.index()
	if a.task == 0 {
		x.stopped(k, c.Ref)
		return
	}
	t := x.tasks.get(a.task)
	if t.state == fanfold.Succeeded {
		e := x.about(Commit, 0, x.jobOf(t), a.task, k, x.out)
		if a.durable {
			e.Seq = x.seq
		}
		e.Status, e.Result, e.Again = Succeeded, t.result, true
		return
	}
	nanos := min(max(c.Nanos, 0), nanosMax)
	if c.Status == Succeeded {
		x.settled(a.task, k, Succeeded, c.Ref, nanos)
		return
	}
	job, shard, on := a.job, a.shard, a.slot
	switch c.Status {
	case Returned:
		x.again(k, Returned, 0, 0, 0)
	case NoSource:
		x.noSource(k, c, nanos)
	case Hopeless:
		x.settled(a.task, k, Failed, c.Ref, nanos)
	case Crashed, TimedOut, Lost:
		x.fail(k, c.Status, c.Ref, nanos)
	default:
		x.fail(k, Failed, c.Ref, nanos)
	}
	if shard != 0 {
		x.recall(job, shard, on)
	}
}

// recall takes back the attempts of a shard that have not started, if it is held: one before them
// may have come back, and would have to go first.
func (x step) recall(job JobID, shard uint32, on SlotID) {
	j := x.job(job)
	if j == nil {
		return
	}
	if sh := j.queues.at(shard); !sh.held || sh.recalled {
		return
	}
	sl := x.slot(on)
	for k := sl.attempts.tail; k != sl.attempts.head; k = x.attempts.at(k).prev {
		if a := x.attempts.get(k); a.task != 0 && a.job == job && a.shard == shard {
			x.revoke(k)
		}
	}
}

// stopped ends an attempt that was told to stop. Its end is journalled if its start was, because
// the journal must say when its index is free again.
func (x step) stopped(k uint32, brought Ref) {
	a := x.attempts.at(k)
	d := x.out.effect(Discard, 0)
	d.Attempt, d.Slot, d.Worker = AttemptID(a.id), a.value.slot, a.value.worker
	d.Number, d.Result, d.Client = a.value.number, brought, a.value.client
	x.drop(k)
}

// drop ends an attempt that was told to stop, without an answer to its process.
func (x step) drop(k uint32) {
	a := x.attempts.at(k)
	e := x.draft(AttemptEnded, nil)
	e.Attempt, e.Why = AttemptID(a.id), Cancelled
	if a.value.durable {
		e.Seq = x.seq + 1
	}
	x.emit()
}

// again ends an attempt whose task will run again: at once, or when it is woken.
func (x step) again(k uint32, why Status, brought Ref, nanos int64, until Time) {
	a := x.attempts.at(k)
	t := x.tasks.at(a.value.task)
	e := x.draft(AttemptEnded, x.jobOf(&t.value))
	e.Attempt, e.Task, e.Stage, e.Tag = AttemptID(a.id), TaskID(t.id), t.value.stage, t.value.tag
	e.Number, e.Slot, e.Worker = a.value.number, a.value.slot, a.value.worker
	e.Why, e.Ref, e.N, e.Until = why, brought, nanos, until
	x.emit()
}

// fail ends an attempt that did not succeed, and its task if that was its last chance.
func (x step) fail(k uint32, why Status, brought Ref, nanos int64) {
	i := x.attempts.get(k).task
	t := x.tasks.get(i)
	j := x.jobOf(t)
	last, wait := t.failed+1 >= j.spec.MaxAttempts, x.cfg.backoff(t.failed)
	switch why {
	case Lost:
		last, wait = t.lost+1 >= x.cfg.LostMax, 0
	case Crashed:
		last = last || t.kills+1 >= x.cfg.KillsMax
		if t.failed == 0 {
			wait = 0 // mostly not the task's fault
		}
	}
	if t.shard != 0 { // what is behind it must not overtake it, and may have run if it failed
		last, wait = last || why == Failed || why == TimedOut, 0
	}
	alone := t.attempt == k && x.attempts.get(k).sibling == 0
	switch {
	case last && alone:
		x.settled(i, k, why, brought, nanos)
	case wait == 0:
		x.again(k, why, brought, nanos, 0)
	default:
		x.again(k, why, brought, nanos, later(x.now, wait))
	}
}

// noSource decides on an attempt that could not read the output of a task of an earlier stage.
// That task runs again, unless what could not be read was a commit before its present one.
func (x step) noSource(k uint32, c *Command, nanos int64) {
	a := x.attempts.get(k)
	t := x.tasks.get(a.task)
	source := x.tasks.find(uint64(c.Task))
	if source == nil || source.job != t.job || source.stage >= t.stage {
		x.fail(k, Failed, c.Ref, nanos)
		return
	}
	reader := x.attempts.at(k).id
	x.again(k, NoSource, c.Ref, nanos, 0)
	if source.state != fanfold.Succeeded {
		return
	}
	if older(x.attempts.at(source.attempt).id, reader) {
		x.reopen(c.Task)
	}
}

// loseOutput decides on a committed output that is gone.
func (x step) loseOutput(id TaskID) {
	t := x.tasks.find(uint64(id))
	if t != nil && t.state == fanfold.Succeeded && x.jobOf(t).needs(t.stage) {
		x.reopen(id)
	}
}

// reopen runs a committed task again, if it was not lost too often.
func (x step) reopen(id TaskID) {
	t := x.tasks.get(id.index())
	j := x.jobOf(t)
	if j.ended {
		return
	}
	e := x.draft(TaskReopened, j)
	e.Task, e.Stage, e.Tag = id, t.stage, t.tag
	x.emit()
	if t.lost >= x.cfg.LostMax {
		x.settled(id.index(), 0, Lost, 0, 0)
	}
}

func (x step) progress(id AttemptID, percent uint8) {
	a := x.attempts.find(uint64(id))
	if a == nil || a.task == 0 || a.expires == 0 && percent == 0 {
		return
	}
	if t := x.tasks.get(a.task); t.state == fanfold.Succeeded {
		return
	}
	e := x.draft(Progressed, nil)
	e.Attempt, e.N = id, int64(min(percent, 100))
	x.emit()
}
