package scheduler

import "iter"

// AttemptView is what is known of an attempt whose task has not ended.
type AttemptView struct {
	Client uint32
	Job    JobID
	Task   TaskID
	Slot   SlotID
	Tag    uint64
	Ref    Ref
	Number uint16
	Shard  uint32
	Until  Time
}

// Attempt is the view of an attempt; false if it is not there, or its task has ended.
func (s *State) Attempt(id AttemptID) (AttemptView, bool) {
	a := s.attempts.find(uint64(id))
	if a == nil || a.task == 0 {
		return AttemptView{}, false
	}
	t := s.tasks.at(a.task)
	j := s.jobOf(&t.value)
	return AttemptView{
		Client: j.spec.Client, Job: j.id, Task: TaskID(t.id), Slot: a.slot,
		Tag: t.value.tag, Ref: t.value.ref, Number: a.number,
		Shard: t.value.shard, Until: t.value.until,
	}, true
}

// TaskView is what is known of a task.
type TaskView struct {
	Task TaskID
	Tag  uint64
	Ref  Ref
}

// NextTask is the id that the next task will have which is submitted.
func (s *State) NextTask() TaskID { return TaskID(s.tasks.vacant()) }

// TasksOf ranges over the tasks of a job that have not ended. The state must not be changed
// meanwhile.
func (s *State) TasksOf(id JobID) iter.Seq[TaskView] {
	return func(yield func(TaskView) bool) {
		j := s.job(id)
		if j == nil {
			return
		}
		for l := range j.unended {
			for i := l.head; i != 0; i = s.tasks.at(i).next {
				t := s.tasks.at(i)
				if !yield(TaskView{TaskID(t.id), t.value.tag, t.value.ref}) {
					return
				}
			}
		}
	}
}
