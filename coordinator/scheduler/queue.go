package scheduler

import (
	"math/bits"

	"github.com/fanfold/fanfold"
)

// queues are the tasks of an open job that wait for a slot: those without a shard by priority, the
// others shard by shard, in the order in which they came.
type queues struct {
	classes [classes]list
	ready   uint8  // bit p: classes[p] is not empty
	n       uint32 // tasks
	shards
}

// empty reports whether no task may go.
func (q *queues) empty() bool { return q.ready == 0 && q.going == 0 }

// any is one of the tasks, or 0.
func (q *queues) any() uint32 {
	switch {
	case q.ready != 0:
		return q.first()
	case q.n != 0:
		return q.shards.any()
	}
	return 0
}

// first is the task without a shard that goes first; 0: there is none.
func (q *queues) first() uint32 {
	if q.ready == 0 {
		return 0
	}
	return q.classes[bits.TrailingZeros8(q.ready)].head
}

// enter puts a task, whose state is set, into the list where it belongs: at its end, or in front.
func (s *State) enter(j *job, i uint32, t *task, front bool) {
	q := j.queues
	if q == nil || t.state != fanfold.Queued {
		if j.near.wanted && t.state == fanfold.Queued {
			s.wake(j) // it was parked for the sake of others
		}
		s.tasks.push(&j.stages[t.stage].lists[t.state], i, front)
		return
	}
	if q.n++; t.shard != 0 {
		s.enterShard(j, i, t.shard, front)
	} else {
		if q.ready == 0 {
			s.wake(j) // it was parked for the sake of its shards only
		}
		s.tasks.push(&q.classes[t.priority], i, front)
		q.ready |= 1 << t.priority
	}
}

// leave takes a task out of its list.
func (s *State) leave(j *job, i uint32, t *task) {
	q := j.queues
	if q == nil || t.state != fanfold.Queued {
		s.tasks.remove(&j.stages[t.stage].lists[t.state], i)
		return
	}
	if q.n--; t.shard != 0 {
		s.leaveShard(j, i, t.shard)
	} else {
		l := &q.classes[t.priority]
		if s.tasks.remove(l, i); l.n == 0 {
			q.ready &^= 1 << t.priority
		}
	}
}

// unended ranges over the lists of a job's tasks that have not ended.
func (j *job) unended(yield func(*list) bool) {
	for k := range j.stages {
		for state := fanfold.Waiting; state < fanfold.Succeeded; state++ {
			if !yield(&j.stages[k].lists[state]) {
				return
			}
		}
	}
	if j.queues == nil {
		return
	}
	for p := range j.queues.classes {
		if !yield(&j.queues.classes[p]) {
			return
		}
	}
	for n := range j.queues.list {
		if !yield(&j.queues.list[n].queue) {
			return
		}
	}
}
