package scheduler

import (
	"math"

	"github.com/fanfold/fanfold"
)

// slot runs its attempts one after the other, in the order sent.
type slot struct {
	id       SlotID
	worker   fanfold.WorkerID
	image    uint32 // of its attempts, or of the last one
	last     JobID  // of the last one; 0: none yet
	attempts list   // the first one has started
	backlog  int64  // nanoseconds, sum of the costs of its attempts
	grace    Time   // of the last Stop
	timer    uint32 // not later than the deadline of its first attempt; re-armed when it fires
	seated   bool   // in State.room
	expired  bool   // its process is to be killed
	key      uint64 // that shards are placed by
	away     list   // attempts that wait for other tasks, beside the line
}

// room reports whether a slot may get one more: by measured time, never by number alone, so that
// nothing waits behind a long task, and hundreds behind a short one.
func (s *State) hasRoom(sl *slot) bool {
	n := sl.attempts.n
	return !sl.expired &&
		(n == 0 || n < s.cfg.PrefetchMax && sl.backlog < int64(s.cfg.Prefetch))
}

// seat puts a slot where it belongs among those with room: idle ones in front.
func (s *State) seat(sl *slot) {
	i := uint32(sl.id.Index())
	if sl.seated {
		s.slots.remove(&s.room, i)
	}
	if sl.seated = s.hasRoom(sl); !sl.seated {
		return
	}
	if sl.attempts.n == 0 {
		s.slots.pushFront(&s.room, i)
	} else {
		s.slots.pushBack(&s.room, i)
	}
	if s.parked.n > 0 {
		s.unpark(sl.worker)
	}
}

// begin notes that a slot's first attempt is another one.
func (s *State) begin(sl *slot, at Time) {
	if sl.attempts.head == 0 || sl.expired {
		return
	}
	a := s.attempts.get(sl.attempts.head)
	a.started, a.expires = later(at, 0), 0
	if a.task == 0 {
		a.expires = later(at, sl.grace)
	} else if limit := s.specOf(a).Progress; limit > 0 {
		a.expires = later(at, limit)
	}
	s.arm(sl, s.deadline(a))
}

// arm sets a slot's timer, unless it fires early enough anyway.
func (s *State) arm(sl *slot, at Time) {
	if at == 0 || sl.timer != 0 && s.wheel.timers[sl.timer].due <= tickAfter(at) {
		return
	}
	s.wheel.drop(&sl.timer)
	sl.timer = s.wheel.set(at, slotTimer|uint32(sl.id.Index()))
}

// deadline is when a started attempt has taken too long; 0: never.
func (s *State) deadline(a *attempt) Time {
	if a.task == 0 {
		return a.expires
	}
	limit := s.specOf(a).Timeout
	if limit == 0 {
		return a.expires
	}
	end := later(a.started, limit)
	if a.expires != 0 {
		end = min(end, a.expires)
	}
	return end
}

// vacate takes an attempt off its slot, which may get another one.
func (s *State) vacate(i uint32, at Time) {
	a := s.attempts.get(i)
	sl := *s.slots.get(uint32(a.slot.Index()))
	if a.away {
		s.attempts.remove(&sl.away, i)
		s.seat(sl) // jobs of other images may have waited for that
		return
	}
	first := sl.attempts.head == i
	s.attempts.remove(&sl.attempts, i)
	if sl.backlog -= int64(a.cost); sl.attempts.n == 1 {
		s.stocked--
	}
	if first {
		s.begin(sl, at)
	}
	s.seat(sl)
}

// stop asks the process of an attempt that no task needs to end it. The slot stays taken.
func (s *State) stop(i uint32, seq uint64, at Time, out *Out) {
	a := s.attempts.get(i)
	s.about(Stop, seq, a.task, i, out)
	sl := *s.slots.get(uint32(a.slot.Index()))
	sl.grace = s.specOf(a).Grace
	a.task, a.sibling = 0, 0
	if a.started != 0 && !a.away && !sl.expired {
		a.expires = later(at, sl.grace)
		s.arm(sl, a.expires)
	}
}

// mayChange reports whether a slot may get an attempt of another image: no process of the present
// one has anything to do.
func (sl *slot) mayChange() bool { return sl.attempts.n == 0 && sl.away.n == 0 }

// place is the slot that gets the next attempt of a job, or nil: one that has room and the job's
// image, an idle one before the others; else an idle one, if it may change its image.
func (s *State) place(j *job) *slot {
	var idle *slot
	for i := s.room.head; i != 0; i = s.slots.at(i).next {
		sl := *s.slots.get(i)
		switch {
		case s.excluded(j, sl.worker):
		case sl.image == j.spec.Image:
			return sl
		case sl.mayChange() && idle == nil:
			idle = sl
		}
	}
	return idle
}

// stay is the job that goes on with an idle slot although it is another one's turn, whose image the
// slot does not have; nil: none does. It is the job that the slot ran last, as long as it has work
// and is ahead of its turn, and its share of that of shares, by no more than Config.Stay together.
// The class that goes first in its share goes first all the same.
func (s *State) stay(sl *slot) *job {
	j := s.job(sl.last)
	if j == nil || j.place == 0 || s.excluded(j, sl.worker) {
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

// excluded reports whether a worker gets no attempts of a job, having failed too many of them; but
// the last worker is never excluded.
func (s *State) excluded(j *job, w fanfold.WorkerID) bool {
	if !j.struck(w, s.cfg.StrikesMax) {
		return false
	}
	for i := range s.slots.all() {
		if sl := *s.slots.get(i); !sl.expired && !j.struck(sl.worker, s.cfg.StrikesMax) {
			return true
		}
	}
	return false
}

// unpark puts the jobs back in line that a worker's slots may take, or all when a worker may have
// become the last one: then w is 0. Others stay, so that nobody waits for their turn meanwhile.
func (s *State) unpark(w fanfold.WorkerID) {
	for i := s.parked.head; i != 0; {
		j := *s.jobs.get(i)
		next := s.jobs.at(i).next
		// A shard whose home is there may have got that before the job's failures there.
		if w == 0 || j.queues != nil && j.queues.sharded > 0 || !s.excluded(j, w) {
			s.jobs.remove(&s.parked, i)
			j.parked = false
			s.settle(j)
		}
		i = next
	}
}

// idle reports whether there is a slot without an attempt that may get one.
func (s *State) idle() bool {
	return s.room.head != 0 && (*s.slots.get(s.room.head)).attempts.n == 0
}

// sharable is when a slot's attempts that have not started may be taken back; 0: there are none.
func (s *State) sharable(sl *slot) Time {
	if sl.attempts.n < 2 || sl.expired {
		return 0
	}
	first := s.attempts.at(sl.attempts.head)
	if second := s.attempts.get(first.next); second.revoked || second.task == 0 ||
		s.tasks.get(second.task).shard != 0 {
		return 0
	}
	return later(first.value.started, s.cfg.TakeBack)
}

func (s *State) specOf(a *attempt) *Spec { return &s.jobOf(s.tasks.get(a.task)).spec }

// later is a time after another. It does not wrap around, and it is not 0, which means never.
func later(at, span Time) Time {
	if span > math.MaxInt64-at {
		return math.MaxInt64
	}
	return max(1, at+span)
}
