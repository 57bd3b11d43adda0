package scheduler

// tick decides what time has brought: what is due, tasks to reap, and attempts to take back for
// the slots that have nothing to do.
func (x step) tick() {
	x.draft(Ticked, nil)
	x.emit()
	x.reap() // first: the jobs that end below are still to be looked at
	for owner := x.wheel.due(); owner != 0; owner = x.wheel.due() {
		switch i := owner &^ ownerMask; owner & ownerMask {
		case taskTimer:
			x.wake(i)
		case deadlineTimer:
			x.settled(i, 0, TimedOut, 0, 0)
		case jobTimer:
			x.endJob(*x.jobs.get(i), TimedOut)
		case paceTimer:
			x.look(*x.jobs.get(i))
		case pardonTimer:
			x.draft(Pardoned, nil).Seq = x.seq + 1 // shards are placed by it
			x.emit()
		case slotTimer:
			x.overdue(*x.slots.get(i))
		}
	}
	if x.stocked > 0 && x.idle() && x.first() == nil {
		x.takeBack()
	}
}

func (x step) wake(i uint32) {
	t := x.tasks.at(i)
	e := x.draft(TaskWoken, x.jobOf(&t.value))
	e.Task, e.Stage, e.Tag = TaskID(t.id), t.value.stage, t.value.tag
	x.emit()
}

// overdue ends an attempt that took too long, together with its process: it would not answer. The
// others of the slot go elsewhere.
func (x step) overdue(sl *slot) {
	until := x.due(sl)
	if until == 0 || until > x.now {
		e := x.draft(SlotRearmed, nil)
		e.Slot, e.Until = sl.id, until
		x.emit()
		return
	}
	e := x.draft(SlotExpired, nil)
	e.Seq, e.Slot, e.Worker = x.seq+1, sl.id, sl.worker // shards are placed by it
	x.emit()
	x.forsake(sl)
	x.evacuate(sl)
	k := sl.attempts.head
	if k == 0 {
		return
	}
	a := x.attempts.get(k)
	if a.task == 0 {
		return
	}
	why := Lost // the late one was beside the line
	if end := x.deadline(a); end != 0 && end <= x.now {
		why = TimedOut
	}
	x.fail(k, why, 0, int64(x.now-a.started))
}

// reap forgets what ended jobs have left, up to ReapMax tasks.
func (x step) reap() {
	left := int64(x.cfg.ReapMax)
	for range x.dying.n {
		if left <= 0 {
			return
		}
		before := x.tasks.live
		x.draft(TasksReaped, *x.jobs.get(x.dying.head)).N = left
		x.emit()
		left -= int64(before-x.tasks.live) + 1
	}
}

// takeBack takes half of what waits behind the first attempt of the fullest slot that is slow.
func (x step) takeBack() {
	var worst *slot
	for i := range x.slots.all() {
		sl := *x.slots.get(i)
		at := x.sharable(sl)
		if at != 0 && at <= x.now && (worst == nil || sl.loose > worst.loose) {
			worst = sl
		}
	}
	if worst == nil {
		return
	}
	left := (worst.loose + 1) / 2
	for k := worst.attempts.tail; k != worst.attempts.head && left > 0; k = x.attempts.at(k).prev {
		a := x.attempts.get(k)
		if !a.loose {
			continue
		}
		x.revoke(k)
		left--
	}
}

// revoke takes an attempt back that has not started.
func (x step) revoke(k uint32) {
	a := x.attempts.at(k)
	e := x.draft(Revoked, x.jobOf(x.tasks.get(a.value.task)))
	e.Attempt, e.Slot = AttemptID(a.id), a.value.slot
	x.emit()
}
