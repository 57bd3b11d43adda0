package scheduler

import (
	"fmt"

	"github.com/fanfold/fanfold"
)

// sound counts everything again, and says what does not agree with what the State keeps.
func (s *State) sound() error {
	if err := s.soundTasks(); err != nil {
		return err
	}
	if err := s.soundSlots(); err != nil {
		return err
	}
	return s.soundLines()
}

func (s *State) soundTasks() error {
	found := 0
	for i := range s.jobs.all() {
		j := *s.jobs.get(i)
		if j.id.index() != i || j.claim.owner != i {
			return fmt.Errorf("job %d calls itself %d", i, j.id.index())
		}
		for k := range j.stages {
			for state := range j.stages[k].lists {
				l := j.stages[k].lists[state]
				err := s.soundList(&l, func(n uint32) error {
					t := s.tasks.get(n)
					if t.job != i || int(t.stage) != k || int(t.state) != state {
						return fmt.Errorf("task %d is in a wrong list: %+v", n, *t)
					}
					return s.soundTask(t, n)
				})
				if err != nil {
					return err
				}
				found += int(l.n)
			}
			st := &j.stages[k]
			if j.queues != nil && k == int(fanfold.StageMap) {
				n, err := s.soundQueues(i, j)
				if err != nil {
					return err
				}
				found += n
			}
			total := uint32(0)
			for _, l := range st.lists {
				total += l.n
			}
			if !j.spec.Open && !j.ended && int(total) != len(st.tasks) {
				return fmt.Errorf("job %d stage %d: %d tasks in lists, %d in order",
					i, k, total, len(st.tasks))
			}
		}
	}
	if found != s.tasks.live {
		return fmt.Errorf("%d tasks in lists, %d live", found, s.tasks.live)
	}
	return nil
}

// soundQueues counts the tasks of an open job that may go.
func (s *State) soundQueues(i uint32, j *job) (found int, err error) {
	q := j.queues
	each := func(shard uint32, priority int) func(uint32) error {
		return func(n uint32) error {
			t := s.tasks.get(n)
			wrong := t.job != i || t.state != fanfold.Queued || t.shard != shard
			if wrong || shard == 0 && int(t.priority) != priority {
				return fmt.Errorf("task %d is in a wrong queue: %+v", n, *t)
			}
			found++
			return s.soundTask(t, n)
		}
	}
	for p := range q.classes {
		if err := s.soundList(&q.classes[p], each(0, p)); err != nil {
			return 0, err
		}
		if ready := q.ready>>p&1 == 1; ready != (q.classes[p].n > 0) {
			return 0, fmt.Errorf("class %d is ready: %t", p, ready)
		}
	}
	going, linked := uint32(0), 0
	for n := uint32(1); n <= uint32(len(q.list)); n++ {
		sh := q.at(n)
		if err := s.soundList(&sh.queue, each(n, 0)); err != nil {
			return 0, err
		}
		if sh.held && sh.live == 0 {
			return 0, fmt.Errorf("shard %d is held for nothing", n)
		}
		if sh.held || sh.queue.n == 0 {
			continue
		}
		linked++
		going += sh.queue.n
		if err := s.soundHome(j, n); err != nil {
			return 0, err
		}
	}
	for h := range q.homes {
		for n := q.homes[h].head; n != 0; n = q.at(n).next {
			if linked--; q.at(n).home.Index() != h || q.at(n).held || q.at(n).queue.n == 0 {
				return 0, fmt.Errorf("shard %d is in the ring of slot %d: %+v", n, h, *q.at(n))
			}
		}
	}
	if linked != 0 || found != int(q.n) || going != q.going {
		return 0, fmt.Errorf("%d shards with tasks are in no ring; %d tasks wait, %d may go: %+v",
			linked, found, going, *q)
	}
	return found, s.soundLive(j)
}

// soundHome checks the home of a shard that may go: the heaviest slot, but for what keeps it.
func (s *State) soundHome(j *job, n uint32) error {
	var best *slot
	for i := range s.slots.all() {
		sl := *s.slots.get(i)
		if !sl.takes() || s.excluded(j, sl) {
			continue
		}
		if best == nil || weigh(n, sl.key) > weigh(n, best.key) {
			best = sl
		}
	}
	home := s.slot(j.queues.at(n).home)
	switch {
	case home == nil:
		if best != nil {
			return fmt.Errorf("shard %d has no home", n)
		}
	case home.expired || j.spec.Stateful || len(j.strikes)+len(s.strikes) > 0:
	case best == nil || weigh(n, home.key) < weigh(n, best.key):
		return fmt.Errorf("shard %d is on slot %x: %+v", n, home.id, *j.queues.at(n))
	}
	return nil
}

// soundLive counts the attempts of each shard that are on their way.
func (s *State) soundLive(j *job) error {
	live := map[uint32]uint32{}
	for i := range s.attempts.all() {
		if a := s.attempts.get(i); a.job == j.id && a.shard != 0 {
			if live[a.shard]++; a.slot != j.queues.at(a.shard).home {
				return fmt.Errorf("shard %d of slot %x: %+v", a.shard, a.slot, *j.queues.at(a.shard))
			}
		}
	}
	for n := uint32(1); n <= uint32(len(j.queues.list)); n++ {
		if got := j.queues.at(n).live; got != live[n] {
			return fmt.Errorf("shard %d counts %d attempts, %d are there", n, got, live[n])
		}
	}
	return nil
}

func (s *State) soundTask(t *task, n uint32) error {
	attempts := 0
	for k := t.attempt; k != 0; k = s.attempts.get(k).sibling {
		attempts++
		if s.attempts.get(k).task != n {
			return fmt.Errorf("attempt %d is not of task %d", k, n)
		}
	}
	least, most := 0, 0
	switch {
	case t.state == fanfold.Running && s.jobOf(t).spec.Backups:
		least, most = 1, 2
	case t.state == fanfold.Running || t.state == fanfold.Succeeded:
		least, most = 1, 1
	}
	if attempts < least || attempts > most {
		return fmt.Errorf("task %d is %s and has %d attempts", n, t.state, attempts)
	}
	if (t.deadline != 0) != (t.until != 0) {
		return fmt.Errorf("task %d has until %d and timer %d", n, t.until, t.deadline)
	}
	if (t.timer != 0) != (t.state == fanfold.Waiting) {
		return fmt.Errorf("task %d is %s and has timer %d", n, t.state, t.timer)
	}
	return nil
}

func (s *State) soundList(l *list, each func(uint32) error) error {
	n, prev := uint32(0), uint32(0)
	for i := l.head; i != 0; i = s.tasks.at(i).next {
		if s.tasks.at(i).prev != prev || s.tasks.at(i).id == 0 {
			return fmt.Errorf("task %d is linked wrongly", i)
		}
		if err := each(i); err != nil {
			return err
		}
		n, prev = n+1, i
	}
	if n != l.n || prev != l.tail {
		return fmt.Errorf("a list of %d says %d, and its tail is %d, not %d", n, l.n, prev, l.tail)
	}
	return nil
}

func (s *State) soundSlots() error {
	onSlots, stocked, seated, draining := 0, 0, 0, 0
	for i := range s.slots.all() {
		sl := *s.slots.get(i)
		n, backlog, loose := uint32(0), int64(0), uint32(0)
		for k := sl.attempts.head; k != 0; k = s.attempts.at(k).next {
			a := s.attempts.get(k)
			n, backlog = n+1, backlog+int64(a.cost)
			if a.loose {
				loose++
			}
			if a.slot != sl.id || !sl.expired && (a.started != 0) != (k == sl.attempts.head) {
				return fmt.Errorf("attempt %d on slot %d: %+v", k, i, *a)
			}
			if a.task == 0 {
				continue
			}
			t := s.tasks.get(a.task)
			if t.state != fanfold.Running || s.jobOf(t).spec.Image != sl.image {
				return fmt.Errorf("task %d is on slot %d of image %d: %+v", a.task, i, sl.image, *t)
			}
		}
		if n != sl.attempts.n || backlog != sl.backlog || sl.seated != s.hasRoom(sl) ||
			loose != sl.loose {
			return fmt.Errorf("slot %d: found %d attempts, backlog %d: %+v", i, n, backlog, *sl)
		}
		for k := sl.away.head; k != 0; k = s.attempts.at(k).next {
			if a := s.attempts.get(k); !a.away || a.slot != sl.id {
				return fmt.Errorf("attempt %d is beside slot %d: %+v", k, i, *a)
			}
			onSlots++
		}
		onSlots += int(n)
		if n > 1 {
			stocked++
		}
		if sl.draining && !sl.drained {
			draining++
		}
		if sl.seated {
			seated++
		}
	}
	winners := 0
	for i := range s.tasks.all() {
		if s.tasks.get(i).state == fanfold.Succeeded {
			winners++
		}
	}
	if onSlots+winners != s.attempts.live || stocked != s.stocked || seated != int(s.room.n) ||
		draining != s.draining {
		return fmt.Errorf("found %d attempts, %d winners, %d stocked, %d seated; kept %d, %d, %d",
			onSlots, winners, stocked, seated, s.attempts.live, s.stocked, s.room.n)
	}
	idle := true // those in front
	for i := s.room.head; i != 0; i = s.slots.at(i).next {
		is := (*s.slots.get(i)).attempts.n == 0
		if is && !idle {
			return fmt.Errorf("idle slot %d is behind a busy one", i)
		}
		idle = is
	}
	return nil
}

func (s *State) soundLines() error {
	ready := map[ShareID]bool{}
	for i := range s.jobs.all() {
		j := *s.jobs.get(i)
		want := !j.ended && !j.parked && j.hasWork()
		if want != (j.place != 0) {
			return fmt.Errorf("job %d has work: %t; in line: %d", i, want, j.place)
		}
		if watched := j.spec.Backups && j.place == 0 && !j.ended &&
			j.stages[fanfold.StageMap].lists[fanfold.Running].n > 0; watched && j.pace == 0 {
			return fmt.Errorf("job %d is not watched", i)
		}
		if !want && j.parked && j.hasWork() && s.choose(j).to != nil {
			return fmt.Errorf("job %d is parked, but may go: %+v", i, s.choose(j))
		}
		if want {
			ready[j.spec.Share] = true
			l := s.shares[j.spec.Share].lines[j.spec.Priority]
			if l.heap[j.place-1] != &j.claim {
				return fmt.Errorf("job %d is not where it thinks in its line", i)
			}
		}
	}
	if len(ready) != len(s.line.heap) {
		return fmt.Errorf("%d shares have work, %d are in line", len(ready), len(s.line.heap))
	}
	for k, c := range s.line.heap {
		if c.place != k+1 || k > 0 && s.line.less(k, (k-1)/2) {
			return fmt.Errorf("the line of shares is out of order at %d", k)
		}
	}
	return nil
}
