package scheduler

import "github.com/fanfold/fanfold"

// task is one task of a job, in the list of its state. With its id and links it takes 80 bytes:
// that and its payload is what a queued task costs.
type task struct {
	ref      Ref
	tag      uint64
	result   Ref    // Succeeded: what its commit brought
	job      uint32 // index
	attempt  uint32 // the newest one; its siblings follow; Succeeded: the winner
	timer    uint32 // Waiting for a retry: when
	attempts uint16 // made so far
	stage    fanfold.Stage
	state    fanfold.State
	failed   uint8
	lost     uint8
	kills    uint8            // processes that died under it
	priority uint8            // of an open job's
	shard    uint32           // its number; 0: none
	deadline uint32           // timer
	near     fanfold.WorkerID // that had better run it; 0: any
	until    Time             // its deadline; 0: none
}

// attempt is one execution of a task. It is in its slot's list, in the order sent, until its
// process has answered; the winner of a closed job's task then stays, outside any list, as long
// as the task.
type attempt struct {
	started Time   // when it became its slot's first; 0: it is not
	expires Time   // its process is killed then, without progress or an answer to a Stop; 0: never
	slot    SlotID // which may be gone if it is the winner
	task    uint32 // 0: it was told to stop, and no task needs it
	sibling uint32 // an older attempt of the same task
	cost    uint32 // nanoseconds charged in advance
	worker  fanfold.WorkerID
	number  uint16
	durable bool   // its job is
	percent uint8  // of its work that it has done; 0: not known
	client  uint32 // of its job
	job     JobID  // which may be gone if it was told to stop
	shard   uint32 // of its task
	away    bool   // it waits for other tasks, in slot.away
	loose   bool   // it may be taken back, unless it has started
	backup  bool   // it was made beside another one
}

// move puts a task into the list of a state. Nothing else changes the state of a task.
func (s *State) move(j *job, i uint32, t *task, to fanfold.State, front bool) {
	s.leave(j, i, t)
	t.state = to
	s.enter(j, i, t, front)
}

// forget frees a task, its timer and, if it has a winner, that.
func (s *State) forget(j *job, i uint32, t *task) {
	s.wheel.drop(&t.timer)
	s.wheel.drop(&t.deadline)
	if t.attempt != 0 {
		s.attempts.free(t.attempt)
	}
	s.leave(j, i, t)
	s.tasks.free(i)
}

// forgetAttempt frees an attempt that is in no list.
func (s *State) forgetAttempt(i uint32) {
	if a := s.attempts.get(i); a.shard != 0 {
		s.answered(a)
	}
	s.attempts.free(i)
}

// cut takes an attempt out of the attempts of its task.
func (s *State) cut(t *task, i uint32) {
	link := &t.attempt
	for *link != i {
		link = &s.attempts.get(*link).sibling
	}
	a := s.attempts.get(i)
	*link, a.sibling = a.sibling, 0
}

func (s *State) jobOf(t *task) *job { return *s.jobs.get(t.job) }

// about gives an effect that names a task and, if it is not 0, an attempt.
func (s *State) about(
	kind EffectKind, seq uint64, j *job, i, attempt uint32, out *Out,
) *Effect {
	e := out.effect(kind, seq)
	t := s.tasks.at(i)
	e.Client, e.Job = j.spec.Client, j.id
	e.Task, e.Stage, e.Tag, e.Ref = TaskID(t.id), t.value.stage, t.value.tag, t.value.ref
	e.Shard, e.Until = t.value.shard, t.value.until
	if attempt != 0 {
		a := s.attempts.at(attempt)
		e.Attempt, e.Slot = AttemptID(a.id), a.value.slot
		e.Worker, e.Number = a.value.worker, a.value.number
	}
	return e
}
