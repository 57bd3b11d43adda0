package scheduler

import (
	"math"
	"slices"

	"github.com/fanfold/fanfold"
)

// Exclusion. Who is to blame for a failure, the job or the worker, shows in time only. Failures of
// a worker count job by job, and in a row: a success of the worker for the job clears them. With
// StrikesMax of them the worker gets nothing more of the job, which may be the job's own fault. It
// is the worker's if then another one succeeds for the job; a worker that jobs have found guilty
// BlamesMax times gets nothing of any job. Either exclusion ends after a while; the next one
// takes one strike, and is twice as long. The last worker that is left is never excluded.

// strike counts what a worker did wrong: failures in a row of a job's, or in State the times that
// jobs have blamed it.
type strike struct {
	worker fanfold.WorkerID
	n      uint8
	times  uint8 // that it was excluded
	open   bool  // it is excluded from a job, and nobody has succeeded for that since
	last   Time
	until  Time // it is excluded; 0: it is not
}

// strikes are those of all workers that have some.
type strikes []strike

// of finds a worker's; nil: it has none.
func (l strikes) of(w fanfold.WorkerID) *strike {
	for i := range l {
		if l[i].worker == w {
			return &l[i]
		}
	}
	return nil
}

// add counts one more, and gives it.
func (l *strikes) add(w fanfold.WorkerID, at Time) *strike {
	k := l.of(w)
	if k == nil {
		*l = append(*l, strike{worker: w})
		k = &(*l)[len(*l)-1]
	}
	k.n, k.last = min(k.n, math.MaxUint8-1)+1, at
	return k
}

func (l strikes) excludes(w fanfold.WorkerID) bool {
	k := l.of(w)
	return k != nil && k.until != 0
}

// forgetAfter is how long a strike without an exclusion is remembered.
const forgetAfter = 3600 * Time(1e9)

// due is when something ends of a strike.
func (k *strike) due() Time {
	if k.until != 0 {
		return k.until
	}
	return later(k.last, forgetAfter)
}

// pardon ends the exclusions whose time is over, leaving one strike to the next, and forgets what
// is long ago. It reports whether a worker is back, and when it should be called again; 0: never.
func (l *strikes) pardon(now Time, most uint8) (back bool, next Time) {
	*l = slices.DeleteFunc(*l, func(k strike) bool { return k.until == 0 && k.due() <= now })
	for i := range *l {
		k := &(*l)[i]
		if k.until != 0 && k.until <= now {
			k.n, k.open, k.last, k.until, back = most-1, false, now, 0, true
		}
		if due := k.due(); next == 0 || due < next {
			next = due
		}
	}
	return back, next
}

// excluded reports whether a slot gets no attempts of a job, for want of a label or because its
// worker is excluded; but the last worker never is.
func (s *State) excluded(j *job, sl *slot) bool {
	return len(j.spec.Labels) > 0 && !sl.serves(j) ||
		len(j.strikes)+len(s.strikes) > 0 && s.shunned(j, sl.worker) && s.others(j, sl.worker)
}

// serves reports whether a slot has the labels that a job requires.
func (sl *slot) serves(j *job) bool {
	for _, label := range j.spec.Labels {
		if !slices.Contains(sl.labels, label) {
			return false
		}
	}
	return true
}

// shunned is excluded for a worker that is not the last one.
func (s *State) shunned(j *job, w fanfold.WorkerID) bool {
	return j.strikes.excludes(w) || s.strikes.excludes(w)
}

// others reports whether another worker than w may get attempts of a job.
func (s *State) others(j *job, w fanfold.WorkerID) bool {
	for i := range s.slots.all() {
		sl := *s.slots.get(i)
		if sl.takes() && sl.worker != w && sl.serves(j) && !s.shunned(j, sl.worker) {
			return true
		}
	}
	return false
}

// strike notes a worker's failure.
func (s *State) strike(j *job, w fanfold.WorkerID, at Time) {
	if k := j.strikes.add(w, at); k.n >= s.cfg.StrikesMax && k.until == 0 {
		k.open = true
		s.exclude(k, s.term(k, at))
		s.shun(j, w)
	}
}

// praise notes that a worker has succeeded for a job with strikes. That shows whose fault they are.
func (s *State) praise(j *job, w fanfold.WorkerID, at Time) {
	for i := range j.strikes {
		switch k := &j.strikes[i]; {
		case k.worker == w && k.until == 0:
			k.n = 0
		case k.worker != w && k.open:
			k.open = false
			s.blame(k.worker, at)
		}
	}
}

// blame notes that a job has found a worker guilty.
func (s *State) blame(w fanfold.WorkerID, at Time) {
	if k := s.strikes.add(w, at); k.n >= s.cfg.BlamesMax && k.until == 0 {
		s.accused++
	}
}

// convict excludes the workers from all jobs that were blamed often enough. That is an event of its
// own, because it moves shards, and may follow from jobs that are not journalled.
func (x step) convict() {
	for i := range x.strikes {
		if k := &x.strikes[i]; k.n >= x.cfg.BlamesMax && k.until == 0 {
			e := x.draft(WorkerExcluded, nil)
			e.Seq, e.Worker, e.Until = x.seq+1, k.worker, x.term(k, x.now)
			x.emit()
		}
	}
}

// workerExcluded excludes a worker from all jobs.
func (s *State) workerExcluded(e *Event) {
	k := s.strikes.of(e.Worker)
	if k == nil { // the journal has not all that was done wrong
		k = s.strikes.add(e.Worker, e.At)
	}
	s.accused = 0
	s.exclude(k, e.Until)
	for i := range s.jobs.all() {
		s.shun(*s.jobs.get(i), e.Worker)
	}
}

// exclude sets until when a worker is.
func (s *State) exclude(k *strike, until Time) {
	k.times, k.until = min(k.times, math.MaxUint8-1)+1, until
	s.remind(until)
}

// term is until when a worker is to be excluded.
func (s *State) term(k *strike, at Time) Time {
	wait := s.cfg.Exclude
	for range k.times {
		wait = min(2*wait, s.cfg.ExcludeMax)
	}
	return later(at, wait)
}

// remind sees to it that pardons are thought of in time.
func (s *State) remind(at Time) {
	if s.pardon == 0 || s.wheel.timers[s.pardon].due > tickAfter(at) {
		s.wheel.drop(&s.pardon)
		s.pardon = s.wheel.set(at, pardonTimer)
	}
}

// shun takes the shards of a job away from a worker that is excluded. If that was the last one that
// was not excluded, now none is.
func (s *State) shun(j *job, w fanfold.WorkerID) {
	s.wake(j)
	if j.queues != nil {
		s.evict(j, func(home *slot) bool { return home.worker == w })
	}
}

// pardoned ends the exclusions whose time is over.
func (s *State) pardoned(e *Event) {
	s.wheel.drop(&s.pardon)
	all, next := s.strikes.pardon(e.At, s.cfg.BlamesMax)
	for i := range s.jobs.all() {
		j := *s.jobs.get(i)
		back, due := j.strikes.pardon(e.At, s.cfg.StrikesMax)
		if back || all {
			s.wake(j)
		}
		if due != 0 && (next == 0 || due < next) {
			next = due
		}
	}
	if next != 0 {
		s.remind(next)
	}
}

// Exclusion tells when a worker gets attempts again that is excluded from all jobs, 0 if it is not,
// and how many jobs exclude it.
func (s *State) Exclusion(w fanfold.WorkerID) (until Time, jobs uint32) {
	if k := s.strikes.of(w); k != nil {
		until = k.until
	}
	for i := range s.jobs.all() {
		if j := *s.jobs.get(i); !j.ended && j.strikes.excludes(w) {
			jobs++
		}
	}
	return until, jobs
}
