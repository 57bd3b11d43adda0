package scheduler

import "github.com/fanfold/fanfold"

// Delay scheduling (Zaharia et al., 2010). A task of a closed job may be near to a worker, because
// its input is there. A slot gets the first of the next NearMax tasks that is near to it, or else
// one that is near to nobody. If there is neither, the job leaves the slot to others; but when it
// has done so for Config.Near without a task that ran where it is near, its tasks go anywhere until
// one does.

// nearness is what a job knows of the workers that its tasks are near to.
type nearness struct {
	wanted bool // there are such tasks
	hasty  bool // they go anywhere
	since  Time // it left a slot to others; 0: it did not
}

// over reports whether a job has waited long enough.
func (n *nearness) over(now, wait Time) bool {
	return n.since != 0 && !n.hasty && now >= later(n.since, wait)
}

// passed notes that a job was parked. If that is for its tasks' sake, it is so for a while only.
func (s *State) passed(j *job, at Time) {
	if n := &j.near; n.wanted && !n.hasty {
		if n.since == 0 {
			n.since = later(at, 0)
		}
		s.watch(j, n.since, s.cfg.Near)
	}
}

// placed notes where a task of a job runs.
func (s *State) placed(j *job, t *task, on fanfold.WorkerID) {
	if t.near == on {
		j.near.hasty, j.near.since = false, 0
	}
}

// chooseNear finds what goes next of a job with tasks that are near to a worker.
func (s *State) chooseNear(j *job) choice {
	for i := s.room.head; i != 0; i = s.slots.at(i).next {
		sl := *s.slots.get(i)
		if s.excluded(j, sl) || sl.image != j.spec.Image && !sl.mayChange() {
			continue
		}
		if task := s.nearest(j, sl); task != 0 {
			return choice{task: task, to: sl}
		}
	}
	return choice{want: s.place(j).want}
}

// nearest is the task of a closed job that goes next to a slot; 0: it had better wait.
func (s *State) nearest(j *job, sl *slot) uint32 {
	head := j.queue().head
	if !j.near.wanted {
		return head
	}
	free, n := uint32(0), uint32(0)
	if j.near.hasty {
		free = head
	}
	for i := head; i != 0 && n < s.cfg.NearMax; i, n = s.tasks.at(i).next, n+1 {
		switch near := s.tasks.get(i).near; {
		case near == sl.worker:
			return i
		case near == 0 && free == 0:
			free = i
		}
	}
	return free
}
