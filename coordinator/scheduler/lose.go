package scheduler

func (x step) openSlot(c *Command) {
	e := x.draft(SlotOpened, nil)
	e.Seq = x.seq + 1
	e.Slot, e.Worker, e.Image, e.Tag = SlotID(x.slots.vacant()), c.Worker, c.Image, c.Tag
	e.Key, e.Spec = c.Key, c.Spec
	x.emit()
}

// loseSlot gives the tasks of a slot back, the last one first, so that each goes in front of those
// sent after it. Only the first had started: only it can be to blame.
func (x step) loseSlot(c *Command) {
	sl := x.slot(c.Slot)
	if sl == nil {
		return
	}
	why := c.Status
	if why != Crashed && why != Returned {
		why = Lost
	}
	x.forsake(sl)
	x.evacuate(sl)
	if k := sl.attempts.head; k != 0 {
		switch a := x.attempts.get(k); {
		case a.task == 0:
			x.drop(k)
		case why == Returned:
			x.again(k, Returned, 0, 0, 0)
		default:
			x.fail(k, why, 0, int64(x.now-a.started))
		}
	}
	e := x.draft(SlotLost, nil)
	e.Seq, e.Slot, e.Worker, e.Why = x.seq+1, sl.id, sl.worker, why
	x.emit()
}

// forsake ends the attempts of a slot that wait for other tasks: the machine's fault, not theirs.
func (x step) forsake(sl *slot) {
	for k := sl.away.tail; k != 0; k = sl.away.tail {
		if x.attempts.get(k).task == 0 {
			x.drop(k)
		} else {
			x.fail(k, Lost, 0, 0)
		}
	}
}

// evacuate ends the attempts of a slot behind its first one.
func (x step) evacuate(sl *slot) {
	for k := sl.attempts.tail; k != sl.attempts.head; k = sl.attempts.tail {
		if x.attempts.get(k).task == 0 {
			x.drop(k)
		} else {
			x.again(k, Returned, 0, 0, 0)
		}
	}
}
