package scheduler

// shards are those of an open job: FIFO queues of tasks, each with a home among the slots.
//
// The home is found by rendezvous (Thaler and Ravishankar, 1998): it is the slot that weighs most
// together with the shard. So when slots come and go, only the shards move that must, about one in
// n. A shard moves when no attempt of it is on its way, that of a stateful job only when its slot
// is gone. One that should move, and one of which an attempt came back although younger ones are on
// their way, is held: nothing of it is sent until all of these have been answered; the younger ones
// are taken back. That, and that what comes back goes in front of what is younger, keeps its order.
type shards struct {
	list  []shard // by number less one
	homes []ring  // by index of slot; [0]: of the shards without a slot
	going uint32  // tasks in the queues of shards that are not held
	low   uint32  // no shard with an index below has a task
}

// shard is one of them. It is in the ring of its home if its queue is not empty and it is not held.
type shard struct {
	queue      list
	home       SlotID // 0: none
	live       uint32 // attempts that their process has not answered
	next, prev uint32 // in the ring
	held       bool   // Invariant: live > 0
	recalled   bool   // held, and attempts that had not started were taken back
}

// ring is a doubly linked list of shards, by number.
type ring struct{ head, tail uint32 }

func newQueues(n uint32) *queues {
	return &queues{shards: shards{list: make([]shard, n), homes: make([]ring, 1)}}
}

func (q *shards) at(n uint32) *shard { return &q.list[n-1] }

// ring is that of a slot.
func (q *shards) ring(home SlotID) *ring {
	for home.Index() >= len(q.homes) {
		q.homes = append(q.homes, ring{})
	}
	return &q.homes[home.Index()]
}

func (q *shards) link(n uint32, front bool) {
	s := q.at(n)
	r := q.ring(s.home)
	if s.prev, s.next = r.tail, 0; front {
		s.prev, s.next = 0, r.head
	}
	if s.prev != 0 {
		q.at(s.prev).next = n
	} else {
		r.head = n
	}
	if s.next != 0 {
		q.at(s.next).prev = n
	} else {
		r.tail = n
	}
}

func (q *shards) unlink(n uint32) {
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

// any is a task of the first shard with tasks, if there is one: it must not depend on the homes,
// which a replay of the journal does not give.
func (q *shards) any() uint32 {
	for q.list[q.low].queue.n == 0 {
		q.low++
	}
	return q.list[q.low].queue.head
}

// next is the first task of the shard whose turn it is on a slot; 0: there is none.
func (q *shards) next(sl *slot) uint32 {
	i := sl.id.Index()
	if i >= len(q.homes) || q.homes[i].head == 0 {
		return 0
	}
	return q.at(q.homes[i].head).queue.head
}

// sent notes an attempt of a shard, all of which get their turn on a slot.
func (q *shards) sent(n uint32) {
	sh := q.at(n)
	sh.live++
	if sh.queue.n > 0 {
		q.unlink(n)
		q.link(n, false)
	}
}

// enterShard puts a task into the queue of its shard: at its end or, when it comes back, in front
// of those that were submitted after it.
func (s *State) enterShard(j *job, i, n uint32, front bool) {
	q := j.queues
	sh := q.at(n)
	if sh.queue.n == 0 && !sh.held {
		s.rehome(j, n)
		s.linkShard(j, n, front)
	}
	q.low = min(q.low, n-1)
	if !sh.held {
		q.going++
	}
	before := uint32(0)
	if front {
		for before = sh.queue.head; before != 0 && s.before(before, i); {
			before = s.tasks.at(before).next
		}
	}
	s.tasks.insert(&sh.queue, i, before)
}

func (s *State) leaveShard(j *job, i, n uint32) {
	q := j.queues
	sh := q.at(n)
	s.tasks.remove(&sh.queue, i)
	if sh.held {
		return
	}
	q.going--
	if sh.queue.n == 0 {
		q.unlink(n)
	}
}

// linkShard puts a shard into the ring of its home; if there is room, its job may go on.
func (s *State) linkShard(j *job, n uint32, front bool) {
	q := j.queues
	q.link(n, front)
	q.going += q.at(n).queue.n
	if !j.parked {
		return
	}
	if sl := s.slot(q.at(n).home); sl != nil && sl.seated {
		s.wake(j)
	}
}

// hold sees to it that nothing more of a shard is sent until nothing of it is on its way.
func (s *State) hold(j *job, n uint32) {
	q := j.queues
	sh := q.at(n)
	if sh.held {
		return
	}
	sh.held = true
	if sh.queue.n > 0 {
		q.unlink(n)
		q.going -= sh.queue.n
	}
	s.settle(j)
}

// answered notes that the process of an attempt has answered, or will not do so any more.
func (s *State) answered(a *attempt) {
	j := s.job(a.job)
	if j == nil {
		return
	}
	sh := j.queues.at(a.shard)
	if sh.live--; sh.live > 0 || !sh.held {
		return
	}
	sh.held, sh.recalled = false, false
	if sh.queue.n > 0 {
		s.rehome(j, a.shard)
		s.linkShard(j, a.shard, true)
		s.settle(j)
	}
}

// rehome gives a shard, which is in no ring, the home that it should have, if it may move. A slot
// whose process is to be killed stays its home until it is gone: who knows what still runs there.
func (s *State) rehome(j *job, n uint32) {
	sh := j.queues.at(n)
	there := s.slot(sh.home)
	if there != nil && (there.expired || j.spec.Stateful || sh.live > 0) {
		return
	}
	sh.home = 0
	var most uint64
	for i := range s.slots.all() {
		sl := *s.slots.get(i)
		if !sl.takes() || s.excluded(j, sl) {
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

// moveShard gives a shard with a home another one: at once, or when nothing of it is on its way.
func (s *State) moveShard(j *job, n uint32) {
	q := j.queues
	sh := q.at(n)
	switch {
	case sh.live > 0:
		s.hold(j, n)
	case sh.queue.n > 0:
		q.unlink(n)
		q.going -= sh.queue.n
		s.rehome(j, n)
		s.linkShard(j, n, false)
	}
}

// attract moves the shards to a new slot that weigh more there than where they are. Those with no
// task are looked at when they get one.
func (s *State) attract(sl *slot) {
	for j := range s.sharded {
		if s.excluded(j, sl) {
			continue
		}
		s.empty(j, 0)
		for n := uint32(1); n <= uint32(len(j.queues.list)) && !j.spec.Stateful; n++ {
			home := s.slot(j.queues.at(n).home)
			if home == nil || home == sl {
				continue
			}
			if weigh(n, sl.key) > weigh(n, home.key) || s.excluded(j, home) {
				s.moveShard(j, n)
			}
		}
	}
}

// scatter moves the shards whose home is gone. Nothing of them is on its way.
func (s *State) scatter(gone SlotID) {
	for j := range s.sharded {
		s.empty(j, gone)
	}
}

// empty moves all shards out of a ring, in their order: that of a slot that is gone, or that of the
// shards without a slot when there is one.
func (s *State) empty(j *job, ring SlotID) {
	q := j.queues
	for q.ring(ring).head != 0 {
		s.moveShard(j, q.ring(ring).head)
	}
}

// sharded ranges over the open jobs with shards.
func (s *State) sharded(yield func(*job) bool) {
	for i := range s.jobs.all() {
		j := *s.jobs.get(i)
		if j.queues != nil && len(j.queues.list) > 0 && !yield(j) {
			return
		}
	}
}

// evict moves the shards of a job away from slots that get nothing more of it; not those of a
// stateful one, which stay until the slot is gone.
func (s *State) evict(j *job, from func(home *slot) bool) {
	for n := uint32(1); n <= uint32(len(j.queues.list)) && !j.spec.Stateful; n++ {
		if home := s.slot(j.queues.at(n).home); home != nil && from(home) {
			s.moveShard(j, n)
		}
	}
}
