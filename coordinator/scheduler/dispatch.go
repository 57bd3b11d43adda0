package scheduler

// choice is what goes next of a job.
type choice struct {
	task uint32
	to   *slot // that has room for it; nil: there is none
	want *slot // that would take a task of the job if it were idle; nil: none is worth waiting for
}

// dispatch hands out work as long as there is some, and a slot for it.
func (x step) dispatch() {
	for x.room.n > 0 {
		j := x.first()
		if j == nil {
			return
		}
		c := x.choose(j)
		switch {
		case c.want != nil:
			x.want(c.want)
		case c.to != nil:
			if c.to.image != j.spec.Image {
				j, c.task = x.instead(j, c.task, c.to)
			}
			x.assign(j, c.task, c.to)
		case x.holds(j):
			return
		default:
			x.draft(JobParked, j).Seq = 0
			x.emit()
		}
	}
}

// want asks for a slot that is busy with another image. Its job goes on with it for as long as it
// may stay.
func (x step) want(sl *slot) {
	e := x.draft(SlotWanted, nil)
	if e.Slot = sl.id; x.stay(sl) != nil {
		e.N = int64(x.cfg.Stay)
	}
	x.emit()
}

// holds reports whether a job whose turn it is, and that any idle slot would serve, waits for one
// without letting others go before it: as long as one is about to be idle.
func (s *State) holds(j *job) bool {
	if j.queues != nil && j.queues.ready == 0 || s.idle() {
		return false
	}
	for i := range s.slots.all() {
		sl := *s.slots.get(i)
		if sl.attempts.n > 0 && sl.away.n == 0 && sl.takes() && !s.excluded(j, sl) {
			return true
		}
	}
	return false
}

// assign starts an attempt of a task on a slot, unless it is too late for that.
func (x step) assign(j *job, i uint32, to *slot) {
	t := x.tasks.at(i)
	if t.value.until != 0 && t.value.until <= x.now {
		x.settled(i, 0, TimedOut, 0, 0)
		return
	}
	e := x.draft(Assigned, j)
	e.Task, e.Stage, e.Tag = TaskID(t.id), t.value.stage, t.value.tag
	e.Attempt, e.Number = AttemptID(x.attempts.vacant()), t.value.attempts+1
	e.Slot, e.Worker, e.Image = to.id, to.worker, j.spec.Image
	if e.N = j.stages[e.Stage].mean; e.N == 0 {
		e.N = int64(x.cfg.Prefetch) // not known: nothing goes behind it
	}
	if n := int64(j.spec.Batch); n > 0 {
		e.N = min(e.N, (int64(x.cfg.Prefetch)+n-1)/n)
	}
	x.emit()
}

// choose finds what goes next of a job: of an open one, the oldest task among the first without a
// shard and those of the shards whose turn it is.
func (s *State) choose(j *job) choice {
	q := j.queues
	switch {
	case q == nil && j.near.wanted:
		return s.chooseNear(j)
	case q == nil:
		c := s.place(j)
		c.task = j.queue().head
		return c
	}
	var c choice
	if q.ready != 0 {
		c = s.place(j)
		c.task = q.first()
	}
	if q.going != 0 {
		s.chooseShard(j, &c)
	}
	return c
}

// chooseShard looks for an older task than that of c among those of the shards.
func (s *State) chooseShard(j *job, c *choice) {
	for i := s.room.head; i != 0; i = s.slots.at(i).next {
		sl := *s.slots.get(i)
		its := j.queues.next(sl)
		if its == 0 || c.to != nil && !s.before(its, c.task) {
			continue
		}
		switch {
		case sl.image == j.spec.Image || sl.mayChange():
			c.task, c.to = its, sl
		case sl.away.n == 0 && !sl.wanted:
			c.want = sl
		}
	}
}

// place is the slot for the next attempt of a job that has no shard: one that has room and the
// job's image, an idle one before the others; else an idle one, if it may change its image. When
// there are idle slots, but for others only, a busy one is wanted; when there are none, see holds.
func (s *State) place(j *job) choice {
	var idle, busy *slot
	for i := s.room.head; i != 0; i = s.slots.at(i).next {
		sl := *s.slots.get(i)
		switch {
		case s.excluded(j, sl):
		case sl.image == j.spec.Image:
			return choice{to: sl}
		case sl.away.n > 0:
		case sl.attempts.n > 0 && !sl.wanted:
			busy = sl
		case sl.attempts.n > 0:
		case idle == nil:
			idle = sl
		}
	}
	if idle == nil && s.idle() {
		return choice{want: busy}
	}
	return choice{to: idle}
}

// taskFor is the task of a job that would go next to a slot; 0: none.
func (s *State) taskFor(j *job, sl *slot) uint32 {
	q := j.queues
	if q == nil {
		return s.nearest(j, sl)
	}
	task := q.first()
	if its := q.next(sl); its != 0 && (task == 0 || s.before(its, task)) {
		task = its
	}
	return task
}

// before reports whether a task is older than another.
func (s *State) before(i, than uint32) bool { return older(s.tasks.at(i).id, s.tasks.at(than).id) }

// instead is the job, with its task, that goes on with a slot although it is another one's turn,
// whose image the slot does not have; without one, that other job.
func (x step) instead(j *job, task uint32, sl *slot) (*job, uint32) {
	if other := x.stay(sl); other != nil && !sl.wanted {
		if its := x.taskFor(other, sl); its != 0 {
			return other, its
		}
	}
	return j, task
}

// stay is the job that goes on with an idle slot although it is another one's turn, whose image the
// slot does not have; nil: none does. It is the job that the slot ran last, as long as it has work
// and is ahead of its turn, and its share of that of shares, by no more than Config.Stay together.
// The class that goes first in its share goes first all the same.
func (s *State) stay(sl *slot) *job {
	j := s.job(sl.last)
	if j == nil || j.place == 0 || s.excluded(j, sl) {
		return nil
	}
	sh := s.shares[j.spec.Share]
	if j.spec.Priority != sh.class() {
		return nil
	}
	ahead := sh.pass - s.line.heap[0].pass + j.pass - sh.lines[j.spec.Priority].heap[0].pass
	if ahead > int64(s.cfg.Stay) {
		return nil
	}
	return j
}
