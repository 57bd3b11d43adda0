package scheduler

import (
	"slices"

	"github.com/fanfold/fanfold"
)

// effect checks one effect of the command against the model, and follows it.
func (m *model) effect(e *Effect) {
	m.seen["effect "+e.Kind.String()]++
	if e.Again {
		delete(m.brought, m.command.Ref)
	} else if e.Result != 0 {
		m.check(m.brought[e.Result], "result %d comes back twice: %+v", e.Result, *e)
		m.brought[e.Result] = false
	}
	switch e.Kind {
	case SlotReady:
		m.check(m.slots[e.Slot] == nil && e.Tag == m.command.Tag, "slot is ready twice: %+v", *e)
		m.slots[e.Slot] = &modelSlot{worker: e.Worker}
	case JobReady:
		m.check(m.jobs[e.Job] == nil && e.Tag == m.command.Tag, "job is ready twice: %+v", *e)
		m.jobs[e.Job] = &modelJob{
			id: e.Job, spec: *m.command.Spec, until: map[uint64]Time{},
			waiting: map[uint32]map[uint64]bool{}, homes: map[uint32]SlotID{},
			open: map[TaskID]bool{},
		}
	case Send:
		m.send(e)
	case Stop:
		a := m.attempts[e.Attempt]
		sl := m.slots[a.slot]
		going := sl == nil || sl.killed // with its slot, which it is told all the same
		m.check((a.live || going) && !a.stopped, "attempt %x is stopped twice", e.Attempt)
		a.stopped, a.beat = true, m.now
		if a.task.drop(a); a.task.winner == nil {
			a.task.ended = true
		} else {
			m.seen["beaten"]++
		}
	case TakeBack:
		a := m.attempts[e.Attempt]
		waits := a.live && !a.away && m.slots[a.slot].attempts[0] != a
		if a.task.shard != 0 {
			m.seen["recalled"]++
			front := m.attempts[m.command.Attempt]
			m.check(m.command.Kind == Report && front.task.shard == a.task.shard,
				"B4: shard %d is taken apart: %+v", a.task.shard, *e)
		}
		m.check(waits && !a.revoked, "taken back twice, or after its start: %+v", *e)
		a.revoked = true
	case Kill:
		m.kill(e)
	case Commit, Discard, Retry:
		m.take(e)
	case Reply:
		m.reply(e)
	case Refuse:
		m.check(m.command.Kind == Submit && !m.accepted, "refused for no reason: %+v", *e)
		m.seen["refused "+e.Status.String()]++
	case StageReady:
		j := m.jobs[e.Job]
		m.check(j.may(e.Stage) && !j.ready[e.Stage], "ready too early or twice: %+v", *e)
		j.ready[e.Stage] = true
	case Deliver:
		j := m.jobs[e.Job]
		m.check(j.may(fanfold.StageGather+1) && !j.finishing, "too early or twice: %+v", *e)
		j.finishing = true
	case JobReply:
		m.jobReply(e)
	case Drained:
		sl := m.slots[e.Slot]
		ok := sl != nil && sl.draining && len(sl.attempts)+len(sl.away) == 0
		m.check(ok && !sl.drained, "drained too early or twice: %+v", *e)
		sl.drained = true
	}
}

func (m *model) send(e *Effect) {
	j, sl := m.jobs[e.Job], m.slots[e.Slot]
	m.check(j != nil && j.ending == None, "an attempt of a job that is not there: %+v", *e)
	m.check(sl != nil && !sl.draining, "an attempt on a slot that drains: %+v", *e)
	m.check(!sl.killed, "an attempt on a slot that is not there: %+v", *e)
	m.check(m.attempts[e.Attempt] == nil, "attempt %x is sent twice", e.Attempt)
	t := m.tasks[e.Task]
	if t == nil {
		t = &modelTask{id: e.Task, job: j, stage: e.Stage, tag: e.Tag, shard: e.Shard}
		m.tasks[e.Task] = t
		j.tasks = append(j.tasks, t)
	}
	m.check(t.job == j && t.stage == e.Stage && t.tag == e.Tag, "the task changed: %+v", *e)
	m.check(t.winner == nil && !t.ended, "no attempt is needed: %+v", *e)
	m.sendBackup(t, e)
	m.sendSharded(t, e)
	m.check(j.may(e.Stage), "X3: stage %s starts before the one before is committed", e.Stage)
	m.check(e.Stage == fanfold.StageMap || j.ready[e.Stage], "an attempt before its StageReady")
	if until := j.until[e.Tag]; until != 0 {
		m.check(until > m.now, "B14: started %d ns behind its deadline: %+v", m.now-until, *e)
	}
	m.check(m.now >= t.again, "%d ns early: %+v", t.again-m.now, *e)
	m.check(e.Number == t.number+1, "number %d follows %d", e.Number, t.number)
	ok := len(j.spec.Labels) == 0 || len(modelLabels[sl.worker].Labels) > 0
	m.check(ok, "the slot lacks a label: %+v", *e)
	if len(j.spec.Labels) > 0 {
		m.seen["labelled"]++
	}
	for _, other := range sl.attempts {
		m.check(other.task.job.spec.Image == j.spec.Image, "two images on slot %x", e.Slot)
	}
	m.check(len(sl.attempts) < int(modelConfig.PrefetchMax), "slot %x has too much", e.Slot)

	m.sends++
	a := &modelAttempt{id: e.Attempt, order: m.sends, task: t, slot: e.Slot, live: true}
	if len(sl.attempts) == 0 {
		a.started, a.beat = max(m.now, 1), m.now
	}
	sl.attempts = append(sl.attempts, a)
	m.attempts[e.Attempt], t.attempts, t.number = a, append(t.attempts, a), e.Number
}

// sendBackup checks an attempt of a task of which another one runs.
func (m *model) sendBackup(t *modelTask, e *Effect) {
	if len(t.attempts) == 0 {
		return
	}
	m.seen["backup"]++
	a, j := t.attempts[0], t.job
	ok := len(t.attempts) == 1 && j.spec.Backups && !j.spec.Open && m.command.Kind == Tick
	m.check(ok, "no second attempt may be: %+v", *e)
	m.check(a.started != 0 && !a.away && a.slot != e.Slot, "it did not run: %+v", *e)
	left := m.now - a.started
	if a.percent > 0 {
		left = left * Time(100-a.percent) / Time(a.percent)
	}
	if j.spec.Progress > 0 {
		left = max(left, m.now-a.beat)
	}
	m.check(left > modelConfig.Backup, "%d ns are not worth it: %+v", left, *e)
	m.check(len(m.slots[e.Slot].attempts) == 0, "on a busy slot: %+v", *e)
	t.backups++
	made := 0
	for _, other := range j.tasks {
		if other.stage == t.stage {
			made += other.backups
		}
	}
	most := max(1, j.planned(t.stage)/int(modelConfig.BackupShare))
	m.check(made <= most, "%d backup attempts of %d tasks", made, j.planned(t.stage))
	if e.Worker == m.slots[a.slot].worker {
		m.seen["backup on the same worker"]++
	}
}

// sendSharded checks that the tasks of a shard go in their order, and to one slot.
func (m *model) sendSharded(t *modelTask, e *Effect) {
	if t.shard == 0 {
		return
	}
	m.seen["sharded"]++
	for tag := range t.job.waiting[t.shard] {
		m.check(tag >= t.tag, "B4: task %d of shard %d goes before %d", t.tag, t.shard, tag)
	}
	delete(t.job.waiting[t.shard], t.tag)
	for _, sl := range m.slots {
		for _, a := range slices.Concat(sl.attempts, sl.away) {
			if a.task.job != t.job || a.task.shard != t.shard {
				continue
			}
			m.check(a.slot == e.Slot, "shard %d is on two slots", t.shard)
			m.check(!a.live || a.task.tag < t.tag,
				"B4: task %d of shard %d goes behind %d", t.tag, t.shard, a.task.tag)
		}
	}
	m.sendHome(t, e)
}

// sendHome checks that a shard of a stateful job stays where it is, and any other one as long as it
// may still run there, although its process is to be killed.
func (m *model) sendHome(t *modelTask, e *Effect) {
	j := t.job
	if home, ok := j.homes[t.shard]; ok && home != e.Slot {
		sl := m.slots[home]
		may := sl == nil || !j.spec.Stateful && !slices.Contains(sl.shards, shardOf{j.id, t.shard})
		m.check(may, "shard %d leaves slot %x", t.shard, home)
		m.seen["moved"]++
	}
	j.homes[t.shard] = e.Slot
}

// kill checks that the first attempt of a slot is late, and follows the end of all.
func (m *model) kill(e *Effect) {
	sl := m.slots[e.Slot]
	m.check(sl != nil && !sl.killed, "killed for no reason: %+v", *e)
	sl.killed = true
	for _, a := range slices.Concat(sl.attempts, sl.away) {
		sl.shards = append(sl.shards, shardOf{a.task.job.id, a.task.shard})
	}
	beside := slices.ContainsFunc(sl.away, func(a *modelAttempt) bool {
		return a.stopped && a.late(m.now)
	})
	m.forsake(sl)
	if len(sl.attempts) == 0 {
		m.check(beside, "killed for no reason: %+v", *e)
		return
	}
	first := sl.attempts[0]
	late := first.late(m.now)
	m.check(late || beside, "killed too early: %+v", *first)
	for _, a := range sl.attempts[1:] {
		if a.live {
			a.task.drop(a)
		}
	}
	sl.attempts = sl.attempts[:1]
	if first.live && first.task.job.ending == None {
		sl.attempts = nil
		why := TimedOut
		if !late {
			why = Lost
			m.seen["killed beside"]++
		}
		m.expectEnd(first, why, 0)
	}
}

// late reports whether a started attempt has taken too long.
func (a *modelAttempt) late(now Time) bool {
	spec := &a.task.job.spec
	if a.stopped {
		return now >= max(a.beat, a.started)+spec.Grace
	}
	return spec.Timeout > 0 && now >= a.started+spec.Timeout ||
		spec.Progress > 0 && now >= a.beat+spec.Progress
}

// take strikes an effect from those that are due.
func (m *model) take(e *Effect) {
	i := slices.IndexFunc(m.due, func(w want) bool {
		if w.either && e.Kind == Discard {
			return w.attempt == e.Attempt && m.command.Ref == e.Result
		}
		return w.kind == e.Kind && w.attempt == e.Attempt && w.again == e.Again &&
			w.status == e.Status && w.result == e.Result
	})
	m.check(i >= 0, "not expected: %+v\nbut: %+v", *e, m.due)
	m.due = slices.Delete(m.due, i, i+1)
	m.seen[e.Kind.String()+" "+e.Status.String()]++
}

func (m *model) reply(e *Effect) {
	j := m.jobs[e.Job]
	m.check(!j.ended, "a reply behind that of its job: %+v", *e)
	m.check(!m.replied[e.Task], "a task ends twice: %+v", *e)
	m.replied[e.Task] = true
	delete(j.open, e.Task)
	until := j.until[e.Tag]
	delete(j.until, e.Tag)
	delete(j.waiting[e.Shard], e.Tag)
	if e.Attempt != 0 || !j.spec.Open {
		m.take(e)
		return
	}
	m.check(e.Status == Cancelled || e.Status == TimedOut, "ended without an attempt: %+v", *e)
	if its := m.command.Kind == CancelTask && m.command.Task == e.Task; e.Status == Cancelled {
		m.check(its || j.ending != None, "cancelled for no reason: %+v", *e)
		if its && m.tasks[e.Task] == nil {
			m.seen["cancelled queued"]++
		}
	}
	if e.Status == TimedOut && until > 0 && m.now >= until {
		m.seen["task deadline"]++
	} else if e.Status == TimedOut {
		m.check(j.spec.Deadline > 0 && m.now >= j.spec.Deadline, "too early: %+v", *e)
	}
	j.held--
	j.bad = j.bad || e.Status != Cancelled
	if t := m.tasks[e.Task]; t != nil {
		m.check(len(t.attempts) == 0, "a task ends while it runs: %+v", *e)
		t.ended = true
	}
}

func (m *model) jobReply(e *Effect) {
	j := m.jobs[e.Job]
	m.check(!j.ended, "a job ends twice: %+v", *e)
	j.ended = true
	m.seen["job "+e.Status.String()]++
	i := slices.IndexFunc(m.due, func(w want) bool { return w.kind == JobReply })
	switch {
	case i >= 0:
		w := m.due[i]
		m.check(w.job == e.Job && w.status == e.Status, "got %+v, want %+v", *e, w)
		m.due = slices.Delete(m.due, i, i+1)
	case j.spec.Open:
		ok := j.held == 0 && j.closed || e.Status == TimedOut
		m.check(ok, "ends with %d tasks: %+v", j.held, *e)
	}
	if i < 0 && j.ending == None {
		late := j.spec.Deadline != 0 && m.now >= j.spec.Deadline
		ok := late && e.Status == TimedOut || j.spec.Open && j.bad == (e.Status == Failed)
		m.check(ok, "a job ends for no reason: %+v", *e)
	}
	j.ending, j.closed = e.Status, true
}

// settled checks what must hold behind a command and all its effects.
func (m *model) settled() {
	m.check(len(m.due) == 0, "did not come: %+v", m.due)
	for id, sl := range m.slots {
		empty := len(sl.attempts)+len(sl.away) == 0
		m.check(!sl.draining || sl.drained || !empty, "slot %x is not told to be drained", id)
	}
	m.check(!m.cancelled || m.replied[m.command.Task], "not cancelled: %+v", m.command)
	if m.command.Kind != Tick {
		return
	}
	for id, sl := range m.slots {
		if len(sl.attempts) > 0 && !sl.killed {
			m.check(!sl.attempts[0].late(m.now-2<<tickBits), "slot %x is not killed", id)
			for _, a := range sl.away {
				m.check(!a.stopped || !a.late(m.now-2<<tickBits), "slot %x is not killed", id)
			}
		}
	}
	for id, j := range m.jobs {
		for tag, until := range j.until {
			late := j.ending == None && tickAfter(until) <= uint64(m.now)>>tickBits
			m.check(!late, "task %d of job %x outlives its deadline", tag, id)
		}
		deadline := j.spec.Deadline
		if j.ending != None || deadline == 0 || tickAfter(deadline) > uint64(m.now)>>tickBits {
			continue
		}
		m.check(j.spec.Open && j.held > 0, "job %x does not end", id)
		j.ending, j.closed = TimedOut, true
	}
}
