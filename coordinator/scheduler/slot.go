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
	attempts list   // the first one has started
	backlog  int64  // nanoseconds, sum of the costs of its attempts
	grace    Time   // of the last Stop
	timer    uint32 // not later than the deadline of its first attempt; re-armed when it fires
	seated   bool   // in State.room
	expired  bool   // its process is to be killed
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
	if a.started != 0 && !sl.expired {
		a.expires = later(at, sl.grace)
		s.arm(sl, a.expires)
	}
}

// place is the slot that gets the next attempt of a job, or nil: one that has room and the job's
// image, an idle one before the others; else an idle one.
func (s *State) place(j *job) *slot {
	var idle *slot
	for i := s.room.head; i != 0; i = s.slots.at(i).next {
		sl := *s.slots.get(i)
		switch {
		case s.excluded(j, sl.worker):
		case sl.image == j.spec.Image:
			return sl
		case sl.attempts.n == 0 && idle == nil:
			idle = sl
		}
	}
	return idle
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
		if w == 0 || !s.excluded(j, w) {
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
	if second := s.attempts.get(first.next); second.revoked || second.task == 0 {
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
