package scheduler

// drainSlot lets a slot end what it has started, and gives it nothing more.
func (x step) drainSlot(id SlotID) {
	sl := x.slot(id)
	if sl == nil || sl.draining {
		return
	}
	e := x.draft(SlotDraining, nil)
	e.Seq, e.Slot, e.Worker = x.seq+1, sl.id, sl.worker // shards are placed by it
	x.emit()
	for k := sl.attempts.tail; k != sl.attempts.head; k = x.attempts.at(k).prev {
		if x.attempts.get(k).loose {
			x.revoke(k)
		}
	}
}

// slotDraining takes a slot from those that may get something. The shards whose home it is move
// when nothing of them is on its way, those of stateful jobs when it is gone.
func (s *State) slotDraining(e *Event) {
	sl := *s.slots.get(uint32(e.Slot.Index()))
	sl.draining, sl.wanted = true, false
	s.draining++
	s.seat(sl)
	for j := range s.sharded {
		s.evict(j, func(home *slot) bool { return home == sl })
	}
	s.unpark(nil)
}

// tellDrained tells of the slots that drain and have nothing left.
func (x step) tellDrained() {
	for i := range x.slots.all() {
		sl := *x.slots.get(i)
		if !sl.draining || sl.drained || sl.attempts.n+sl.away.n > 0 {
			continue
		}
		e := x.draft(SlotDrained, nil)
		e.Seq, e.Slot, e.Worker = x.seq+1, sl.id, sl.worker
		x.emit()
	}
}
