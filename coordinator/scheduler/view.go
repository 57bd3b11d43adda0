package scheduler

import (
	"iter"

	"github.com/fanfold/fanfold"
)

// The views read the state and never change it. They are for the owner's goroutine, between Steps.

// JobView is what is known of a job.
type JobView struct {
	Spec   *Spec // with its defaults; not to be changed, and valid as long as the job is there
	State  fanfold.State
	Closed bool // no more inputs will come: the totals are final
	Stages [fanfold.StageGather + 1]StageView
}

// StageView counts the tasks of one stage by what they do now.
type StageView struct {
	Total     uint32 // so far; a planned stage counts its tasks before they are made
	Waiting   uint32 // for a retry
	Queued    uint32
	Running   uint32 // sent to a slot, started or not
	Succeeded uint32
	Failures  uint32 // attempts that failed or were lost, and outputs that were lost
	Backups   uint32 // attempts made beside another one
}

// SlotView is what is known of a slot.
type SlotView struct {
	Worker  fanfold.WorkerID
	Image   uint32 // of what it runs, or ran last
	Busy    uint32 // attempts on it, the first of which runs
	Expired bool   // an effect Kill was given
}

// Totals counts what there is, over all jobs and slots.
type Totals struct {
	Jobs    uint32 // that have not ended
	Waiting uint32 // tasks, as in StageView
	Queued  uint32
	Running uint32
	Slots   uint32
	Busy    uint32 // slots with at least one attempt
}

// Output is a committed output of a task of a closed job.
type Output struct {
	Task    TaskID
	Tag     uint64
	Ref     Ref // payload of the task
	Result  Ref // what the commit brought
	Attempt AttemptID
	Number  uint16
	Worker  fanfold.WorkerID // that has it
}

// Job is the view of a job; false if it is not there.
func (s *State) Job(id JobID) (JobView, bool) {
	j := s.job(id)
	if j == nil {
		return JobView{}, false
	}
	v := JobView{Spec: &j.spec, State: fanfold.Queued, Closed: j.closed}
	for k := range j.stages {
		v.Stages[k] = j.view(fanfold.Stage(k))
		if v.Stages[k].Running+v.Stages[k].Succeeded > 0 {
			v.State = fanfold.Running
		}
	}
	if j.ended {
		v.State = j.status.State()
	}
	return v, true
}

func (j *job) view(k fanfold.Stage) StageView {
	st := &j.stages[k]
	v := StageView{
		Waiting:   st.lists[fanfold.Waiting].n,
		Queued:    j.queued(k),
		Running:   st.lists[fanfold.Running].n,
		Succeeded: st.lists[fanfold.Succeeded].n + st.answered[fanfold.Succeeded],
		Failures:  st.failures,
		Backups:   st.backups,
	}
	v.Total = v.Queued - st.lists[fanfold.Queued].n
	for state := range st.lists {
		v.Total += st.lists[state].n + st.answered[state]
	}
	v.Total = max(v.Total, j.planned(k))
	return v
}

// Jobs ranges over the jobs that are there, ended ones that were not yet reaped included.
func (s *State) Jobs() iter.Seq[JobID] {
	return func(yield func(JobID) bool) {
		for i := range s.jobs.all() {
			if !yield((*s.jobs.get(i)).id) {
				return
			}
		}
	}
}

// Slot is the view of a slot; false if it is not there.
func (s *State) Slot(id SlotID) (SlotView, bool) {
	sl := s.slot(id)
	if sl == nil {
		return SlotView{}, false
	}
	return SlotView{sl.worker, sl.image, sl.attempts.n, sl.expired}, true
}

// Totals is the sum of all views; it takes time in proportion to the number of jobs and slots.
func (s *State) Totals() Totals {
	v := Totals{Slots: uint32(s.slots.live)}
	for i := range s.jobs.all() {
		j := *s.jobs.get(i)
		if !j.ended {
			v.Jobs++
		}
		for k := range j.stages {
			lists := &j.stages[k].lists
			v.Waiting += lists[fanfold.Waiting].n
			v.Queued += j.queued(fanfold.Stage(k))
			v.Running += lists[fanfold.Running].n
		}
	}
	for i := range s.slots.all() {
		if (*s.slots.get(i)).attempts.n > 0 {
			v.Busy++
		}
	}
	return v
}

// Committed ranges over the committed outputs of a stage of a closed job, in the order of its
// tasks; a task that is not committed is left out. The state must not be changed meanwhile.
func (s *State) Committed(id JobID, k fanfold.Stage) iter.Seq[Output] {
	return func(yield func(Output) bool) {
		j := s.job(id)
		if j == nil || int(k) >= len(j.stages) {
			return
		}
		for _, i := range j.stages[k].tasks {
			if t := s.tasks.get(i); t.state != fanfold.Succeeded {
				continue
			}
			if !yield(s.output(i)) {
				return
			}
		}
	}
}

func (s *State) output(i uint32) Output {
	t := s.tasks.at(i)
	a := s.attempts.at(t.value.attempt)
	return Output{
		Task: TaskID(t.id), Tag: t.value.tag, Ref: t.value.ref, Result: t.value.result,
		Attempt: AttemptID(a.id), Number: a.value.number, Worker: a.value.worker,
	}
}

// TaskAt is the task with an index within a stage of a closed job; 0 if there is none.
func (s *State) TaskAt(id JobID, k fanfold.Stage, index fanfold.TaskID) TaskID {
	j := s.job(id)
	if j == nil || int(k) >= len(j.stages) || uint64(index) >= uint64(len(j.stages[k].tasks)) {
		return 0
	}
	return TaskID(s.tasks.at(j.stages[k].tasks[index]).id)
}
