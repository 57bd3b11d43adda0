package client

import (
	"iter"
	"maps"
	"slices"
)

// window knows the tags that are not answered. Tags are numbers given one after the other, so that
// those are few words between the oldest and the newest one; a few that are much older than the
// others are kept apart.
type window struct {
	base  uint64   // the first tag; 0: 1
	first uint64   // tag of state[head]
	next  uint64   // tag to be given next; 0: base
	state []tagged // a ring; its length is a power of two
	head  int
	n     int // tags from first on
	open  int // tags that are not answered
	old   map[uint64]tagged
}

// tagged is what is known of a tag.
type tagged uint8

const (
	answered  tagged = iota // or never given
	waiting                 // for Recv
	called                  // a Call waits for it
	abandoned               // nobody waits for it any more
)

const (
	windowMin    = 64   // length of the first ring
	windowSparse = 8    // one in so many unanswered: those of the older half are kept apart
	windowDense  = 4096 // length up to which that is not worth it
)

// start has tags begin with base.
func (w *window) start(base uint64) { w.base, w.first, w.next = base, base, base }

// upcoming is the next tag that add gives.
func (w *window) upcoming() uint64 {
	if w.next == 0 {
		w.start(1)
	}
	return w.next
}

// add gives a new tag.
func (w *window) add(t tagged) uint64 {
	tag := w.upcoming()
	if w.n == len(w.state) {
		w.grow()
	}
	w.state[(w.head+w.n)&(len(w.state)-1)] = t
	w.n++
	w.open++
	w.next++
	return tag
}

// grow makes room.
func (w *window) grow() {
	if w.n >= windowDense && w.open-len(w.old) <= w.n/windowSparse {
		w.setApart(w.n / 2)
		return
	}
	larger := make([]tagged, max(windowMin, 2*len(w.state)))
	for i := range w.n {
		larger[i] = w.state[(w.head+i)&(len(w.state)-1)]
	}
	w.state, w.head = larger, 0
}

// setApart moves the n oldest tags out of the ring.
func (w *window) setApart(n int) {
	if w.old == nil {
		w.old = map[uint64]tagged{}
	}
	for range n {
		if t := w.state[w.head]; t != answered {
			w.old[w.first] = t
		}
		w.shift()
	}
}

// shift forgets the oldest tag of the ring.
func (w *window) shift() {
	w.head = (w.head + 1) & (len(w.state) - 1)
	w.first++
	w.n--
}

// at is the place of a tag in the ring, or nil.
func (w *window) at(tag uint64) *tagged {
	if i := tag - w.first; i < uint64(w.n) {
		return &w.state[(w.head+int(i))&(len(w.state)-1)]
	}
	return nil
}

// get is what is known of a tag.
func (w *window) get(tag uint64) tagged {
	if t := w.at(tag); t != nil {
		return *t
	}
	return w.old[tag]
}

// abandon notes that nobody waits any more for a tag that is not answered.
func (w *window) abandon(tag uint64) {
	if t := w.at(tag); t != nil {
		*t = abandoned
	} else {
		w.old[tag] = abandoned
	}
}

// answer notes that a tag is answered, and says what it was.
func (w *window) answer(tag uint64) (was tagged) {
	t := w.at(tag)
	if t == nil {
		if was = w.old[tag]; was != answered {
			delete(w.old, tag)
			w.open--
		}
		return was
	}
	if was = *t; was == answered {
		return was
	}
	*t = answered
	w.open--
	for w.n > 0 && w.state[w.head] == answered {
		w.shift()
	}
	return was
}

// all ranges over the tags that are not answered, in their order. They may be answered meanwhile.
func (w *window) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, tag := range slices.Sorted(maps.Keys(w.old)) {
			if !yield(tag) {
				return
			}
		}
		for tag := w.first; tag < w.next; tag++ {
			if w.get(tag) != answered && !yield(tag) {
				return
			}
		}
	}
}
