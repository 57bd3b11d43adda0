package scheduler

import "github.com/fanfold/fanfold"

// job is one job in work. It goes some Ticks after it has ended, when its tasks are reaped.
type job struct {
	claim  // to slot time, within its share's class; its owner is the job's index
	id     JobID
	spec   Spec
	stages [fanfold.StageGather + 1]stage // by fanfold.Stage; an open job has StageMap only
	status Status                         // how it ended

	closed    bool // no more inputs
	finishing bool // all tasks are committed, the owner delivers
	ended     bool
	parked    bool // in State.parked
	told      bool // JobReply was given

	timer   uint32 // deadline
	pace    uint32 // timer: when its attempts are looked at
	strikes strikes
	near    nearness
	queues  *queues // of an open job; nil: stages[…].lists[Queued] are
}

// stage is one step of a job.
type stage struct {
	open  bool                   // its tasks may go
	lists [fanfold.Lost + 1]list // its tasks by state
	tasks []uint32               // closed jobs: all of its tasks, in their order
	mean  int64                  // nanoseconds of a task; 0: none was measured

	answered [fanfold.Lost + 1]uint32 // open jobs: tasks that ended and are forgotten
	failures uint32                   // attempts that failed, crashed, timed out or were lost
	backups  uint32                   // attempts made beside another one
}

// hasWork reports whether a task may go now.
func (j *job) hasWork() bool {
	if j.queues != nil {
		return !j.queues.empty()
	}
	return j.queue() != nil
}

// queue is the list of the tasks of a closed job that may go now, or nil.
func (j *job) queue() *list {
	for k := range j.stages {
		if st := &j.stages[k]; st.open && st.lists[fanfold.Queued].n > 0 {
			return &st.lists[fanfold.Queued]
		}
	}
	return nil
}

// queued is the number of tasks of a stage that may go now, or when it opens.
func (j *job) queued(k fanfold.Stage) uint32 {
	if j.queues != nil && k == fanfold.StageMap {
		return j.queues.n
	}
	return j.stages[k].lists[fanfold.Queued].n
}

// held is the number of tasks that have not ended.
func (j *job) held() uint32 {
	if j.queues != nil {
		l := &j.stages[fanfold.StageMap].lists
		return j.queues.n + l[fanfold.Waiting].n + l[fanfold.Running].n
	}
	n := uint32(0)
	for k := range j.stages {
		l := &j.stages[k].lists
		n += l[fanfold.Waiting].n + l[fanfold.Queued].n + l[fanfold.Running].n
	}
	return n
}

// any is the index of one of the tasks that there are, ended or not; 0: there is none.
func (j *job) any() uint32 {
	if j.queues != nil {
		if i := j.queues.any(); i != 0 {
			return i
		}
	}
	for k := range j.stages {
		for _, l := range j.stages[k].lists {
			if l.n > 0 {
				return l.head
			}
		}
	}
	return 0
}

// planned is the number of tasks of a stage that follows the map; 0: the job does not have it.
func (j *job) planned(k fanfold.Stage) uint32 {
	switch k {
	case fanfold.StageReduce:
		return j.spec.Reduces
	case fanfold.StageGather:
		return j.spec.Gathers
	}
	return 0
}

// complete reports whether all tasks of a stage are committed; of the map stage, those so far.
func (j *job) complete(k fanfold.Stage) bool {
	done := j.stages[k].lists[fanfold.Succeeded].n
	if k == fanfold.StageMap {
		return int(done) == len(j.stages[k].tasks)
	}
	return done == j.planned(k)
}

// needs reports whether the committed outputs of a stage are still to be read.
func (j *job) needs(k fanfold.Stage) bool {
	for k++; k <= fanfold.StageGather; k++ {
		if j.planned(k) > 0 {
			return !j.complete(k)
		}
	}
	return true
}

// leftover is how a task ends whose job ended before it.
func (j *job) leftover(why Status) Status {
	if j.spec.Open && why == TimedOut {
		return TimedOut
	}
	return Cancelled
}
