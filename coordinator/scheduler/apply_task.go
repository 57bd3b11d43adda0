package scheduler

import (
	"math"

	"github.com/fanfold/fanfold"
)

func (s *State) taskQueued(e *Event) {
	i := e.Task.index()
	j := *s.jobs.get(e.Job.index())
	st := &j.stages[e.Stage]
	t := s.tasks.take(uint64(e.Task))
	t.job, t.stage, t.state = e.Job.index(), e.Stage, fanfold.Queued
	t.tag, t.ref = e.Tag, e.Ref
	t.shard, t.priority, t.until = e.Shard, e.Priority, e.Until
	if t.near = e.Worker; t.near != 0 {
		j.near.wanted = true
	}
	s.enter(j, i, t, false)
	if e.Until != 0 {
		t.deadline = s.wheel.set(e.Until, deadlineTimer|i)
	}
	if !j.spec.Open {
		st.tasks = append(st.tasks, i)
	}
	if j.place == 0 {
		s.settle(j)
	}
}

func (s *State) assigned(e *Event, out *Out) {
	i, k := e.Task.index(), e.Attempt.index()
	t := s.tasks.get(i)
	j := s.jobOf(t)
	sl := *s.slots.get(uint32(e.Slot.Index()))
	s.move(j, i, t, fanfold.Running, false)
	a := s.attempts.take(uint64(e.Attempt))
	*a = attempt{
		slot: e.Slot, task: i, sibling: t.attempt, worker: e.Worker, number: e.Number,
		cost: uint32(min(e.N, math.MaxUint32)), durable: j.spec.Durable, client: j.spec.Client,
		job: e.Job, shard: t.shard, loose: t.shard == 0,
	}
	if t.attempt != 0 {
		a.backup = true
		j.stages[t.stage].backups++
		s.backups.Made++
		s.charge(j, int64(a.cost))
	} else {
		s.serve(j, int64(a.cost))
	}
	if j.near.wanted {
		s.placed(j, t, e.Worker)
	}
	t.attempt, t.attempts = k, e.Number
	if t.shard != 0 {
		j.queues.sent(t.shard)
	} else {
		sl.loose++
	}
	s.settle(j)

	if sl.wanted = sl.wanted && sl.attempts.n > 0; sl.wanted {
		sl.patience -= int64(a.cost)
	}
	sl.image, sl.last = e.Image, e.Job
	s.attempts.pushBack(&sl.attempts, k)
	sl.backlog += int64(a.cost)
	switch sl.attempts.n {
	case 1:
		s.begin(sl, e.At)
	case 2:
		s.stocked++
	}
	s.seat(sl)
	s.about(Send, e.Seq, j, i, k, out).Image = e.Image
}

// taskEnded ends a task. Attempt is the one whose end it is, or 0.
func (s *State) taskEnded(e *Event, out *Out) {
	i := e.Task.index()
	t := s.tasks.get(i)
	j := s.jobOf(t)
	st := &j.stages[t.stage]
	by := e.Attempt.index()
	if by != 0 {
		s.cut(t, by)
		s.account(j, st, s.attempts.get(by), e)
	}
	for t.attempt != 0 {
		k := t.attempt
		t.attempt = s.attempts.get(k).sibling
		s.stop(k, e.Seq, e.At, out)
	}
	s.wheel.drop(&t.timer)
	s.answer(j, i, by, e, out)
	if by != 0 {
		s.vacate(by, e.At)
	}
	switch {
	case j.spec.Open:
		st.answered[e.Why.State()]++
		if by != 0 {
			s.forgetAttempt(by)
		}
		s.forget(j, i, t)
		if j.ended && !j.told && j.held() == 0 {
			j.tell(e.Seq, out)
		}
	case e.Why == Succeeded:
		if s.attempts.get(by).backup {
			s.backups.Won++
		}
		t.attempt, t.result = by, e.Ref
		s.move(j, i, t, fanfold.Succeeded, false)
	default:
		if by != 0 {
			s.forgetAttempt(by)
		}
		s.move(j, i, t, e.Why.State(), false)
	}
	s.settle(j)
}

// answer tells the end of a task: every one of an open job, and of a closed job its commit or its
// failure.
func (s *State) answer(j *job, i, by uint32, e *Event, out *Out) {
	kind := Reply
	switch {
	case j.spec.Open:
	case e.Why == Succeeded:
		kind = Commit
	case e.Why == Cancelled:
		return
	}
	f := s.about(kind, e.Seq, j, i, by, out)
	if f.Status, f.Result = e.Why, e.Ref; j.spec.Open || by == 0 {
		f.Number = s.tasks.get(i).attempts
	}
}

// account settles what an attempt has cost, and who is to blame for its end.
func (s *State) account(j *job, st *stage, a *attempt, e *Event) {
	switch e.Why {
	case Succeeded:
		if len(j.strikes) > 0 {
			s.praise(j, a.worker, e.At)
		}
		switch {
		case e.N == 0:
		case st.mean == 0:
			st.mean = e.N
		default:
			st.mean = max(1, st.mean+(e.N-st.mean)/8)
		}
	case Failed, Crashed, TimedOut:
		s.strike(j, a.worker, e.At)
		st.failures++
	case Lost:
		st.failures++
	case Returned:
		s.charge(j, -int64(a.cost))
	}
	if e.N > 0 {
		s.charge(j, e.N-int64(a.cost))
	}
}

// attemptEnded ends an attempt, but not its task.
func (s *State) attemptEnded(e *Event, out *Out) {
	k := e.Attempt.index()
	a := s.attempts.get(k)
	i := a.task
	if i == 0 { // it was told to stop
		s.vacate(k, e.At)
		s.forgetAttempt(k)
		return
	}
	t := s.tasks.get(i)
	j := s.jobOf(t)
	s.account(j, &j.stages[t.stage], a, e)
	switch e.Why {
	case Crashed:
		t.kills++
		t.failed++
	case Failed, TimedOut:
		t.failed++
	case Lost:
		t.lost++
	}
	if e.Why != Returned {
		f := s.about(Retry, e.Seq, j, i, k, out)
		f.Status, f.Result = e.Why, e.Ref
	}
	s.cut(t, k)
	s.vacate(k, e.At)
	s.forgetAttempt(k)
	if t.shard != 0 && j.queues.at(t.shard).live > 0 { // those behind it may be younger
		s.hold(j, t.shard)
	}
	switch {
	case t.attempt != 0: // a sibling goes on
		return
	case e.Until == 0:
		s.move(j, i, t, fanfold.Queued, true)
	default:
		s.move(j, i, t, fanfold.Waiting, false)
		t.timer = s.wheel.set(e.Until, taskTimer|i)
	}
	s.settle(j)
}

func (s *State) taskWoken(e *Event) {
	i := e.Task.index()
	t := s.tasks.get(i)
	j := s.jobOf(t)
	s.wheel.drop(&t.timer)
	s.move(j, i, t, fanfold.Queued, true)
	s.settle(j)
}

// taskReopened takes a commit back: the task is queued again, and later stages have to wait for
// it.
func (s *State) taskReopened(e *Event, out *Out) {
	i := e.Task.index()
	t := s.tasks.get(i)
	j := s.jobOf(t)
	s.about(Discard, e.Seq, j, i, t.attempt, out).Result = t.result
	s.attempts.free(t.attempt)
	t.attempt, t.result = 0, 0
	t.lost++
	j.stages[t.stage].failures++
	for k := t.stage + 1; k <= fanfold.StageGather; k++ {
		j.stages[k].open = false
	}
	j.finishing = false
	s.move(j, i, t, fanfold.Queued, true)
	s.settle(j)
}
