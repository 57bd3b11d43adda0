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
	draining bool   // it gets nothing more
	drained  bool   // draining, and the effect Drained was given
	wanted   bool   // for another image: it goes on for its patience, and then until it is idle
	patience int64  // nanoseconds of further tasks
	key      uint64 // that shards are placed by
	labels   []Label
	away     list   // attempts that wait for other tasks, beside the line
	loose    uint32 // attempts that may be taken back, or might before they started
}

// hasRoom reports whether a slot may get one more: by measured time, never by number alone, so that
// nothing waits behind a long task, and hundreds behind a short one.
func (s *State) hasRoom(sl *slot) bool {
	n := sl.attempts.n
	return sl.takes() &&
		(n == 0 || n < s.cfg.PrefetchMax && sl.backlog < int64(s.cfg.Prefetch) &&
			(!sl.wanted || sl.patience > 0))
}

// takes reports whether a slot may ever get a further attempt.
func (sl *slot) takes() bool { return !sl.expired && !sl.draining }

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
		s.unpark(sl)
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
		s.arm(sl, a.expires)
		return
	}
	spec := s.specOf(a)
	if spec.Progress > 0 {
		a.expires = later(at, spec.Progress)
	}
	s.arm(sl, a.end(spec.Timeout))
}

// due is when the first attempt of a slot has taken too long, or one beside its line that was told
// to stop; 0: never.
func (s *State) due(sl *slot) Time {
	until := Time(0)
	if k := sl.attempts.head; k != 0 {
		until = s.deadline(s.attempts.get(k))
	}
	for k := sl.away.head; k != 0; k = s.attempts.at(k).next {
		if at := s.attempts.get(k).expires; at != 0 && (until == 0 || at < until) {
			until = at
		}
	}
	return until
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
	return a.end(s.specOf(a).Timeout)
}

// end is deadline for a limit of the time that an attempt may take; 0: none.
func (a *attempt) end(limit Time) Time {
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
	sl.pin(a)
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
	j := s.jobOf(s.tasks.get(a.task))
	s.about(Stop, seq, j, a.task, i, out)
	sl := *s.slots.get(uint32(a.slot.Index()))
	sl.grace = j.spec.Grace
	a.task, a.sibling = 0, 0
	sl.pin(a)
	if a.started != 0 && !sl.expired {
		a.expires = later(at, sl.grace)
		s.arm(sl, a.expires)
	}
}

// mayChange reports whether a slot may get an attempt of another image: no process of the present
// one has anything to do.
func (sl *slot) mayChange() bool { return sl.attempts.n == 0 && sl.away.n == 0 }

// unpark puts the jobs back in line that a slot with room may take or, when there is none, all: a
// worker may have become the last one. Others stay, so that nobody waits for their turn meanwhile.
func (s *State) unpark(sl *slot) {
	for i := s.parked.head; i != 0; {
		next := s.jobs.at(i).next
		if j := *s.jobs.get(i); sl == nil || s.suits(j, sl) {
			s.wake(j)
		}
		i = next
	}
}

// wake puts a job back in line that is parked.
func (s *State) wake(j *job) {
	if j.parked {
		s.jobs.remove(&s.parked, j.claim.owner)
		j.parked = false
		s.settle(j)
	}
}

// suits reports whether a slot with room may take something of a job, now or when it is idle.
func (s *State) suits(j *job, sl *slot) bool {
	if sl.image != j.spec.Image && (sl.away.n > 0 || sl.wanted && sl.attempts.n > 0) {
		return false
	}
	q := j.queues
	return q != nil && q.next(sl) != 0 || (q == nil || q.ready != 0) && !s.excluded(j, sl)
}

// pin notes that an attempt is not to be taken back, again.
func (sl *slot) pin(a *attempt) {
	if a.loose {
		a.loose = false
		sl.loose--
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
	first := s.attempts.get(sl.attempts.head)
	if sl.loose == 0 || sl.loose == 1 && first.loose {
		return 0
	}
	return later(first.started, s.cfg.TakeBack)
}

func (s *State) specOf(a *attempt) *Spec { return &s.jobOf(s.tasks.get(a.task)).spec }

// later is a time after another. It does not wrap around, and it is not 0, which means never.
func later(at, span Time) Time {
	if span > math.MaxInt64-at {
		return math.MaxInt64
	}
	return max(1, at+span)
}
