package scheduler

import "github.com/fanfold/fanfold"

// Backup attempts. When a closed job has nothing left to hand out and slots are idle, the attempt
// that is expected to take longest gets a rival on another worker, or, where there is only one, on
// another slot; the first that commits wins, and the other is stopped. How long an attempt has yet
// to run is estimated from what it has done (Zaharia et al., 2008), and never below the time that
// it has been silent. No attempt has more than one rival, and one task in Config.BackupShare of a
// stage gets one.

// Backups counts the attempts made beside another one, and how many of them won.
type Backups struct{ Made, Won uint64 }

// Backups is the count over all jobs since the start.
func (s *State) Backups() Backups { return s.backups }

// watch has a job looked at after a while, or before.
func (s *State) watch(j *job, at, wait Time) {
	if at = later(at, wait); j.pace == 0 || s.wheel.timers[j.pace].due > tickAfter(at) {
		s.wheel.drop(&j.pace)
		j.pace = s.wheel.set(at, paceTimer|j.owner)
	}
}

// paced sets when a job is looked at again. If it was parked for tasks that are near elsewhere, it
// has waited long enough.
func (s *State) paced(e *Event) {
	j := *s.jobs.get(e.Job.index())
	if s.wheel.drop(&j.pace); e.Until != 0 {
		s.watch(j, e.Until, 0)
	}
	if j.near.over(e.At, s.cfg.Near) {
		j.near.hasty = true
		s.wake(j)
	}
}

// look backs up the slow attempts of a job, as far as slots are idle that nobody else wants, and
// looks again later as long as some run. A job with tasks in line is watched when they are gone.
func (x step) look(j *job) {
	if x.first() == nil {
		for k := range j.stages {
			x.backUp(j, &j.stages[k])
		}
	}
	until := Time(0)
	// In line, it is watched again when it leaves.
	if j.place == 0 && j.held() > 0 && (j.spec.Backups || j.parked) {
		until = later(x.now, x.cfg.Pace)
	}
	x.draft(JobPaced, j).Until = until
	x.out.draft.Seq = 0
	x.emit()
}

// backUp gives rivals to attempts of a stage, the slowest first. As long as no task of the stage
// has ended, nothing is known of how long one takes.
func (x step) backUp(j *job, st *stage) {
	most := max(1, uint32(len(st.tasks))/x.cfg.BackupShare)
	for j.spec.Backups && st.open && st.mean > 0 && st.backups < most && x.idle() {
		task, to := x.slowest(j, st)
		if to == nil {
			return
		}
		x.assign(j, task, to)
	}
}

// slowest is the task that is expected to gain most by a backup attempt, and a slot for that; nil:
// none gains enough.
func (x step) slowest(j *job, st *stage) (task uint32, to *slot) {
	most := st.mean + max(st.mean/2, int64(x.cfg.Backup))
	running := &st.lists[fanfold.Running]
	for i := running.head; i != 0; i = x.tasks.at(i).next {
		a := x.attempts.get(x.tasks.get(i).attempt)
		if a.sibling != 0 || a.started == 0 || a.away {
			continue
		}
		if left := a.left(x.now, j.spec.Progress); left > most {
			if sl := x.rival(j, a); sl != nil {
				task, to, most = i, sl, left
			}
		}
	}
	return task, to
}

// left estimates how long a started attempt has yet to run. Of what nothing is known but that it
// runs, it is as long again.
func (a *attempt) left(now, limit Time) int64 {
	left := int64(now - a.started)
	if a.percent > 0 {
		left = left / int64(a.percent) * int64(100-a.percent)
	}
	if limit > 0 {
		left = max(left, int64(now-(a.expires-limit)))
	}
	return left
}

// rival is an idle slot for another attempt beside a: of another worker, if there is one.
func (s *State) rival(j *job, a *attempt) *slot {
	var same *slot
	for i := s.room.head; i != 0; i = s.slots.at(i).next {
		sl := *s.slots.get(i)
		if sl.attempts.n > 0 {
			break // so are the others
		}
		switch {
		case s.excluded(j, sl) || sl.image != j.spec.Image && !sl.mayChange():
		case sl.worker != a.worker:
			return sl
		default:
			same = sl
		}
	}
	if same == nil || s.others(j, a.worker) {
		return nil
	}
	return same
}
