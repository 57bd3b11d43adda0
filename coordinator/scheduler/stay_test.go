package scheduler

import (
	"fmt"
	"testing"
)

// switches counts how often slots change to another image.
type switches struct {
	images map[SlotID]uint32
	n      int
}

// took is for a world whose tasks take a millisecond each.
func (s *switches) took(e *Effect) Time {
	image := e.Image
	if before := s.images[e.Slot]; before != 0 && before != image {
		s.n++
	}
	s.images[e.Slot] = image
	return ms
}

// TestBusySlotSeldomChangesImage: when jobs of two images compete for the slots, each gets its part
// of the slot time all the same.
func TestBusySlotSeldomChangesImage(t *testing.T) {
	for _, slots := range []int{1, 3} {
		for _, shares := range []ShareID{1, 2} {
			t.Run(fmt.Sprintf("slots=%d shares=%d", slots, shares), func(t *testing.T) {
				s := switches{images: map[SlotID]uint32{}}
				w := newWorld(t, slots, s.took)
				a := w.open(Spec{Share: 1, Image: 1})
				b := w.open(Spec{Share: shares, Image: 2})
				w.submit(a, 10_000)
				w.submit(b, 10_000)
				for w.now < 2000*ms {
					w.run()
				}
				most := int(2000*ms/DefaultConfig.Stay) * slots
				if s.n > most || slots == 1 && s.n < 2 {
					t.Errorf("slots changed their image %d times, want 2 to %d", s.n, most)
				}
				spread := max(w.used[a], w.used[b]) - min(w.used[a], w.used[b])
				if spread > DefaultConfig.Stay+Time(2*slots)*ms {
					t.Errorf("slot time: got %d and %d ms", w.used[a]/ms, w.used[b]/ms)
				}
			})
		}
	}
}

// TestImageDoesNotHoldUpAnUrgentJob: a slot stays with its image within a priority class only.
func TestImageDoesNotHoldUpAnUrgentJob(t *testing.T) {
	s := switches{images: map[SlotID]uint32{}}
	w := newWorld(t, 1, s.took)
	w.submit(w.open(Spec{Share: 1, Image: 1, Priority: 4}), 100)
	urgent := w.open(Spec{Share: 1, Image: 2})
	w.submit(urgent, 5)
	for range 6 { // one was under way
		w.run()
	}
	if n := w.done[urgent]; n != 5 {
		t.Errorf("%d of 5 urgent tasks went first", n)
	}
}

// TestImageOfLongTasksIsNotKept: what is ahead by more than the limit after one task gives way.
func TestImageOfLongTasksIsNotKept(t *testing.T) {
	took := 2 * DefaultConfig.Stay
	w := newWorld(t, 1, func(*Effect) Time { return took })
	a, b := w.open(Spec{Share: 1, Image: 1}), w.open(Spec{Share: 2, Image: 2})
	w.submit(a, 20)
	w.submit(b, 20)
	for range 20 {
		w.run()
	}
	if w.done[a] != 10 || w.done[b] != 10 {
		t.Errorf("got %d and %d tasks, want 10 of each", w.done[a], w.done[b])
	}
}

// TestNewcomerDoesNotPayForAnImage: a share that comes while another one stays ahead has the same
// right to the slot as one that waits.
func TestNewcomerDoesNotPayForAnImage(t *testing.T) {
	s := switches{images: map[SlotID]uint32{}}
	w := newWorld(t, 1, s.took)
	w.submit(w.open(Spec{Share: 1, Image: 1}), 1000)
	w.submit(w.open(Spec{Share: 2, Image: 2}), 1000)
	for range 50 {
		w.run() // the first stays ahead
	}
	w.submit(w.open(Spec{Share: 3, Image: 2}), 1000)
	first, waiting, late := w.s.shares[1].pass, w.s.shares[2].pass, w.s.shares[3].pass
	if late != waiting || first <= waiting {
		t.Errorf("got passes %d, %d and %d ms, want the last two equal and behind the first",
			Time(first)/ms, Time(waiting)/ms, Time(late)/ms)
	}
}

// TestSlotOfASuspendedAttemptKeepsItsImage: the process that is to end it must stay in use.
func TestSlotOfASuspendedAttemptKeepsItsImage(t *testing.T) {
	w := newWorld(t, 1, func(*Effect) Time { return ms })
	w.submit(w.open(Spec{Share: 1, Image: 1}), 1)
	slot := w.order[0]
	suspended := w.slots[slot][0].Attempt
	w.slots[slot] = nil
	w.step(Command{Kind: Suspend, Attempt: suspended})
	w.submit(w.open(Spec{Share: 2, Image: 2}), 1)
	if len(w.slots[slot]) > 0 {
		t.Error("a task of another image was sent to the slot")
	}
	w.submit(w.open(Spec{Share: 3, Image: 1}), 1)
	if len(w.slots[slot]) != 1 {
		t.Error("a task of its own image was not sent to the slot")
	}
	w.run()
	w.step(Command{Kind: Report, Attempt: suspended, Status: Succeeded})
	if len(w.slots[slot]) != 1 || w.slots[slot][0].Image != 2 {
		t.Errorf("got %+v, want the task of the other image", w.slots[slot])
	}
}
