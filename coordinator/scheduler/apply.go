package scheduler

import "github.com/fanfold/fanfold"

// Apply changes the state by one event and appends its effects to out. Nothing else changes the
// state. In a replay the owner calls it with the events of the journal and drops the effects.
func (s *State) Apply(e *Event, out *Out) {
	s.seq = max(s.seq, e.Seq)
	switch e.Kind {
	case TaskQueued:
		s.taskQueued(e)
	case Assigned:
		s.assigned(e, out)
	case TaskEnded:
		s.taskEnded(e, out)
	case AttemptEnded:
		s.attemptEnded(e, out)
	case TaskWoken:
		s.taskWoken(e)
	case TaskReopened:
		s.taskReopened(e, out)
	case JobOpened:
		s.jobOpened(e, out)
	case JobClosed:
		(*s.jobs.get(e.Job.index())).closed = true
	case StageOpened:
		s.stageOpened(e, out)
	case JobFinishing:
		j := *s.jobs.get(e.Job.index())
		j.finishing = true
		j.effect(Deliver, e.Seq, out)
	case JobEnded:
		s.jobEnded(e, out)
	case TasksReaped:
		s.tasksReaped(e, out)
	case JobParked:
		j := *s.jobs.get(e.Job.index())
		j.parked = true
		s.jobs.pushBack(&s.parked, e.Job.index())
		s.settle(j)
		s.passed(j, e.At)
	case JobPaced:
		s.paced(e)
	case WorkerExcluded:
		s.workerExcluded(e)
	case Pardoned:
		s.pardoned(e)
	case Ticked:
		s.wheel.advance(e.At)
	default:
		s.applySlot(e, out)
	}
}

// applySlot is Apply for the events of slots.
func (s *State) applySlot(e *Event, out *Out) {
	switch e.Kind {
	case SlotOpened:
		s.slotOpened(e, out)
	case SlotLost:
		s.slotLost(e)
	case SlotExpired:
		sl := *s.slots.get(uint32(e.Slot.Index()))
		sl.expired, sl.wanted = true, false
		s.wheel.drop(&sl.timer)
		s.seat(sl)
		s.unpark(nil)
		k := out.effect(Kill, 0)
		k.Slot, k.Worker = sl.id, sl.worker
	case SlotRearmed:
		sl := *s.slots.get(uint32(e.Slot.Index()))
		s.wheel.drop(&sl.timer)
		s.arm(sl, e.Until)
	case Revoked:
		a := s.attempts.get(e.Attempt.index())
		j := s.jobOf(s.tasks.get(a.task))
		if (*s.slots.get(uint32(e.Slot.Index()))).pin(a); a.shard != 0 {
			j.queues.at(a.shard).recalled = true
		}
		s.about(TakeBack, e.Seq, j, a.task, e.Attempt.index(), out)
	case Suspended:
		s.suspended(e)
	case SlotDraining:
		s.slotDraining(e)
	case SlotDrained:
		sl := *s.slots.get(uint32(e.Slot.Index()))
		sl.drained = true
		s.draining--
		f := out.effect(Drained, e.Seq)
		f.Slot, f.Worker = sl.id, sl.worker
	case SlotWanted:
		sl := *s.slots.get(uint32(e.Slot.Index()))
		sl.wanted, sl.patience = true, e.N
		s.seat(sl)
	case Progressed:
		a := s.attempts.get(e.Attempt.index())
		if a.expires != 0 {
			a.expires = later(e.At, s.specOf(a).Progress)
		}
		if e.N > 0 {
			a.percent = uint8(e.N)
		}
	}
}

func (s *State) slotOpened(e *Event, out *Out) {
	sl := &slot{id: e.Slot, worker: e.Worker, image: e.Image, key: e.Key}
	if e.Spec != nil {
		sl.labels = e.Spec.Labels
	}
	*s.slots.take(uint64(e.Slot)) = sl
	s.attract(sl)
	s.seat(sl)
	f := out.effect(SlotReady, 0)
	f.Slot, f.Worker, f.Tag = e.Slot, e.Worker, e.Tag
}

// slotLost forgets a slot, whose attempts have ended before.
func (s *State) slotLost(e *Event) {
	i := uint32(e.Slot.Index())
	sl := *s.slots.get(i)
	if sl.draining && !sl.drained {
		s.draining--
	}
	sl.expired = true
	s.seat(sl)
	s.wheel.drop(&sl.timer)
	s.slots.free(i)
	s.scatter(e.Slot)
	s.unpark(nil)
}

func (s *State) jobOpened(e *Event, out *Out) {
	i := e.Job.index()
	j := &job{id: e.Job, spec: *e.Spec, claim: claim{owner: i, weight: 1}}
	j.claim.job = j
	p := &j.spec
	p.Weight = max(p.Weight, 1)
	p.Priority = min(p.Priority, classes-1)
	p.Backups = p.Backups && !p.Open
	if p.QueueMax == 0 {
		p.QueueMax = fanfold.TasksMax
	}
	if p.MaxAttempts == 0 {
		p.MaxAttempts = fanfold.DefaultMaxAttempts
	}
	j.stages[fanfold.StageMap].open = true
	if p.Open {
		j.queues = newQueues(p.Shards)
	}
	*s.jobs.take(uint64(e.Job)) = j
	s.share(p.Share).weight = int64(p.Weight)
	if p.Deadline != 0 {
		j.timer = s.wheel.set(p.Deadline, jobTimer|i)
	}
	j.effect(JobReady, e.Seq, out).Tag = e.Tag
}

// stageOpened lets the tasks of a stage go. They are queued by events of their own, if they were
// not before.
func (s *State) stageOpened(e *Event, out *Out) {
	j := *s.jobs.get(e.Job.index())
	j.stages[e.Stage].open = true
	f := j.effect(StageReady, e.Seq, out)
	f.Stage, f.N = e.Stage, uint32(e.N)
	s.settle(j)
}

func (s *State) jobEnded(e *Event, out *Out) {
	i := e.Job.index()
	j := *s.jobs.get(i)
	s.wheel.drop(&j.timer)
	s.wheel.drop(&j.pace)
	j.ended, j.closed, j.status = true, true, e.Why
	if j.parked {
		s.jobs.remove(&s.parked, i)
		j.parked = false
	}
	s.jobs.pushBack(&s.dying, i)
	s.settle(j)
	if !j.spec.Open || j.held() == 0 {
		j.tell(e.Seq, out)
	}
}

// tasksReaped forgets up to N tasks of an ended job, and the job after its last one. An open job
// whose last tasks are answered only now stays until the next time, to be looked at.
func (s *State) tasksReaped(e *Event, out *Out) {
	j := *s.jobs.get(e.Job.index())
	for k := range j.stages {
		j.stages[k].tasks = nil
	}
	for n := e.N; n > 0; n-- {
		i := j.any()
		if i == 0 {
			break
		}
		t := s.tasks.get(i)
		if j.spec.Open {
			status := j.leftover(j.status)
			f := s.about(Reply, e.Seq, j, i, 0, out)
			f.Status, f.Number = status, t.attempts
			j.stages[t.stage].answered[status.State()]++
		}
		s.forget(j, i, t)
	}
	if j.any() != 0 {
		return
	}
	s.jobs.remove(&s.dying, e.Job.index())
	if !j.told {
		j.tell(e.Seq, out)
		s.jobs.pushBack(&s.dying, e.Job.index())
		return
	}
	s.jobs.free(e.Job.index())
}

// tell gives the effect that says how a job has ended.
func (j *job) tell(seq uint64, out *Out) {
	j.told = true
	j.effect(JobReply, seq, out).Status = j.status
}

// effect gives a new effect about a job, to be filled in.
func (j *job) effect(kind EffectKind, seq uint64, out *Out) *Effect {
	e := out.effect(kind, seq)
	e.Client, e.Job = j.spec.Client, j.id
	return e
}

// suspended puts an attempt beside the line of its slot.
func (s *State) suspended(e *Event) {
	k := e.Attempt.index()
	s.vacate(k, e.At)
	a := s.attempts.get(k)
	a.away, a.expires = true, 0
	sl := *s.slots.get(uint32(a.slot.Index()))
	s.attempts.pushBack(&sl.away, k)
}
