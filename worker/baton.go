package worker

import "slices"

// take gives the baton to the hand that reads, if no other has it.
func (in *inbox) take() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.baton {
		return false
	}
	in.baton, in.reading, in.busy = true, false, in.now()
	return true
}

// lose notes that the connection has ended. The hand that has read gets the baton, if no other has
// it.
func (in *inbox) lose() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.over, in.reading = true, false
	had := in.baton
	in.baton = true
	return !had
}

// takeOver has another hand read, if the one that has the baton has had it for so long.
func (in *inbox) takeOver(h *hand, nanos int64) (yes, later bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.baton || in.reading || in.over {
		return false, false
	}
	if in.now()-in.busy < nanos {
		return false, true
	}
	in.reading = true
	in.hands = append(in.hands, h)
	return true, false
}

// yield gives the baton of a hand that waits to one that has waited. True says that there is none:
// another hand is to be started with it.
func (in *inbox) yield() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.resuming) == 0 {
		return true
	}
	in.pass()
	return false
}

// pass gives the baton to the first hand that has waited; in.mu is held.
func (in *inbox) pass() {
	in.resuming[0].turn <- struct{}{}
	in.resuming = slices.Delete(in.resuming, 0, 1)
	in.busy = in.now()
}

// resume gives the baton back to a hand that has waited. False says that it must wait for its turn.
func (in *inbox) resume(h *hand) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.baton {
		in.resuming = append(in.resuming, h)
		return false
	}
	in.baton, in.busy = true, in.now()
	return true
}

// join adds a hand, which is to have the baton.
func (in *inbox) join(h *hand) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.baton, in.busy = true, in.now()
	in.hands = append(in.hands, h)
}

// leave takes a hand out, and reports whether it was the last.
func (in *inbox) leave(h *hand, ends bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.over = in.over || ends
	in.hands = slices.DeleteFunc(in.hands, func(other *hand) bool { return other == h })
	in.spare = h
	return len(in.hands) == 0
}

// spareHand gives the hand that has ended last, with the memory that it has grown, or nil.
func (in *inbox) spareHand() *hand {
	in.mu.Lock()
	defer in.mu.Unlock()
	h := in.spare
	in.spare = nil
	return h
}
