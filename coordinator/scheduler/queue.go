package scheduler

import (
	"math/bits"

	"github.com/fanfold/fanfold"
)

// queues are the tasks of an open job that may go: those without a shard by priority, the others in
// the order in which they came, shard by shard.
//
// Each shard has a home among the slots, by rendezvous (Thaler and Ravishankar, 1998): the slot
// with the greatest mix of both. So when slots come and go, only the shards move that must. A shard
// keeps its home as long as an attempt of it is under way there and, if the job is stateful, as
// long as the slot is there.
type queues struct {
	classes [classes]list
	ready   uint8   // bit p: classes[p] is not empty
	shards  []shard // by number less one
	homes   []ring  // by index of slot; [0]: of the shards without a slot
	sharded uint32  // tasks in the queues of shards
}

// shard is a FIFO queue of tasks.
type shard struct {
	queue      list
	home       SlotID // 0: none
	live       uint32 // attempts under way
	next, prev uint32 // in the ring of its home, where it is if its queue is not empty
}

// ring is a doubly linked list of shards, by number.
type ring struct{ head, tail uint32 }

func newQueues(shards uint32) *queues {
	return &queues{shards: make([]shard, shards), homes: make([]ring, 1)}
}

func (q *queues) at(number uint32) *shard { return &q.shards[number-1] }

// ring is that of a slot.
func (q *queues) ring(home SlotID) *ring {
	for home.Index() >= len(q.homes) {
		q.homes = append(q.homes, ring{})
	}
	return &q.homes[home.Index()]
}

func (q *queues) link(n uint32) {
	s := q.at(n)
	r := q.ring(s.home)
	if s.prev, s.next = r.tail, 0; r.tail != 0 {
		q.at(r.tail).next = n
	} else {
		r.head = n
	}
	r.tail = n
}

func (q *queues) unlink(n uint32) {
	s := q.at(n)
	r := q.ring(s.home)
	if s.prev != 0 {
		q.at(s.prev).next = s.next
	} else {
		r.head = s.next
	}
	if s.next != 0 {
		q.at(s.next).prev = s.prev
	} else {
		r.tail = s.prev
	}
	s.next, s.prev = 0, 0
}

// empty reports whether no task may go.
func (q *queues) empty() bool { return q.ready == 0 && q.sharded == 0 }

// count is the number of tasks that may go.
func (q *queues) count() uint32 {
	n := q.sharded
	for p := range q.classes {
		n += q.classes[p].n
	}
	return n
}

// any is one of these tasks, or 0.
func (q *queues) any() uint32 {
	if q.ready != 0 {
		return q.classes[bits.TrailingZeros8(q.ready)].head
	}
	for i := range q.shards {
		if head := q.shards[i].queue.head; head != 0 {
			return head
		}
	}
	return 0
}

// enter puts a task, whose state is set, into the list where it belongs: at its end, or in front.
func (s *State) enter(j *job, i uint32, front bool) {
	t := s.tasks.get(i)
	q := j.queues
	if q != nil && j.parked { // there may be a slot for this one
		s.jobs.remove(&s.parked, j.claim.owner)
		j.parked = false
	}
	switch {
	case q == nil || t.state != fanfold.Queued:
		s.tasks.push(&j.stages[t.stage].lists[t.state], i, front)
	case t.shard == 0:
		s.tasks.push(&q.classes[t.priority], i, front)
		q.ready |= 1 << t.priority
	default:
		s.enterShard(j, i, front)
	}
}

// leave takes a task out of its list.
func (s *State) leave(j *job, i uint32) {
	t := s.tasks.get(i)
	q := j.queues
	switch {
	case q == nil || t.state != fanfold.Queued:
		s.tasks.remove(&j.stages[t.stage].lists[t.state], i)
	case t.shard == 0:
		l := &q.classes[t.priority]
		if s.tasks.remove(l, i); l.n == 0 {
			q.ready &^= 1 << t.priority
		}
	default:
		sh := q.at(t.shard)
		q.sharded--
		if s.tasks.remove(&sh.queue, i); sh.queue.n == 0 {
			q.unlink(t.shard)
		}
	}
}

// enterShard puts a task into its shard's queue. One that comes back goes in front of those that
// were submitted after it: attempts come back in any order.
func (s *State) enterShard(j *job, i uint32, front bool) {
	t := s.tasks.at(i)
	q := j.queues
	sh := q.at(t.value.shard)
	if sh.queue.n == 0 {
		s.rehome(j, t.value.shard)
		q.link(t.value.shard)
	}
	q.sharded++
	if !front {
		s.tasks.pushBack(&sh.queue, i)
		return
	}
	before := sh.queue.head
	for before != 0 && older(s.tasks.at(before).id, t.id) {
		before = s.tasks.at(before).next
	}
	s.tasks.insert(&sh.queue, i, before)
}

// rehome gives a shard, which is in no ring, the home that it should have, if it may move.
func (s *State) rehome(j *job, n uint32) {
	sh := j.queues.at(n)
	there := s.slot(sh.home)
	if there != nil && !there.expired && (j.spec.Stateful || sh.live > 0) {
		return
	}
	sh.home = 0
	var most uint64
	for i := range s.slots.all() {
		sl := *s.slots.get(i)
		if sl.expired || s.excluded(j, sl.worker) {
			continue
		}
		if w := weigh(n, sl.key); sh.home == 0 || w > most {
			sh.home, most = sl.id, w
		}
	}
}

// weigh mixes a shard's number with a slot's key, so that each slot is the heaviest for as many
// shards as any other: the finalizer of MurmurHash3 (Appleby, 2011).
func weigh(shard uint32, key uint64) uint64 {
	h := key ^ uint64(shard)*0x9E3779B97F4A7C15
	h = (h ^ h>>33) * 0xFF51AFD7ED558CCD
	h = (h ^ h>>33) * 0xC4CEB9FE1A85EC53
	return h ^ h>>33
}

// resettle looks at the homes of all shards with tasks that wait, because slots have come or gone.
func (s *State) resettle() {
	for i := range s.jobs.all() {
		j := *s.jobs.get(i)
		q := j.queues
		if q == nil || q.sharded == 0 || j.ended {
			continue
		}
		for n := uint32(1); n <= uint32(len(q.shards)); n++ {
			if q.at(n).queue.n > 0 {
				q.unlink(n)
				s.rehome(j, n)
				q.link(n)
			}
		}
	}
}

// pick is the task of an open job that goes next, and the slot for it: the oldest of those that may
// go now. Without a slot, blocked says that other slots have room, but not for what waits.
func (s *State) pick(j *job) (task uint32, to *slot, blocked bool) {
	q := j.queues
	if q.ready != 0 {
		if to = s.place(j); to != nil {
			task = q.first()
		}
	}
	if q.sharded == 0 {
		return task, to, false
	}
	for i := s.room.head; i != 0; i = s.slots.at(i).next {
		sl := *s.slots.get(i)
		if sl.image != j.spec.Image && !sl.mayChange() {
			continue
		}
		if its := s.sharded(q, sl); its != 0 && (task == 0 || s.before(its, task)) {
			task, to = its, sl
		}
	}
	return task, to, task == 0
}

// taskFor is the task of a job that would go next to a slot; 0: none.
func (s *State) taskFor(j *job, sl *slot) uint32 {
	q := j.queues
	if q == nil {
		return j.queue().head
	}
	task := q.first()
	if its := s.sharded(q, sl); its != 0 && (task == 0 || s.before(its, task)) {
		task = its
	}
	return task
}

// first is the task without a shard that goes first; 0: there is none.
func (q *queues) first() uint32 {
	if q.ready == 0 {
		return 0
	}
	return q.classes[bits.TrailingZeros8(q.ready)].head
}

// sharded is the first task of the shard whose turn it is on a slot; 0: there is none.
func (s *State) sharded(q *queues, sl *slot) uint32 {
	i := sl.id.Index()
	if i >= len(q.homes) {
		return 0
	}
	n := q.homes[i].head
	if n == 0 || q.at(n).home != sl.id {
		return 0
	}
	return q.at(n).queue.head
}

// before reports whether a task is older than another.
func (s *State) before(i, than uint32) bool { return older(s.tasks.at(i).id, s.tasks.at(than).id) }

// turn puts the shard of a task that was sent at the end of its home's ring: all shards of a slot
// get their turn.
func (q *queues) turn(n uint32) {
	if q.at(n).queue.n > 0 {
		q.unlink(n)
		q.link(n)
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
	for n := range j.queues.shards {
		if !yield(&j.queues.shards[n].queue) {
			return
		}
	}
}
