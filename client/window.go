package client

import "iter"

// window knows the tags that are not answered. Tags are numbers given one after the other, so that
// those are few words between the oldest and the newest one.
type window struct {
	first uint64   // tag of state[head]
	next  uint64   // tag to be given next
	state []tagged // a ring; its length is a power of two
	head  int
	n     int // tags from first on
	open  int // of them, those that are not answered
}

// tagged is what is known of a tag.
type tagged uint8

const (
	answered  tagged = iota
	waiting          // for Recv
	called           // a Call waits for it
	abandoned        // nobody waits for it any more
)

// windowMin is the length of the first ring.
const windowMin = 64

// add gives a new tag.
func (w *window) add(t tagged) uint64 {
	if w.next == 0 {
		w.first, w.next = 1, 1
	}
	if w.n == len(w.state) {
		w.grow()
	}
	w.state[(w.head+w.n)&(len(w.state)-1)] = t
	w.n++
	w.open++
	w.next++
	return w.next - 1
}

func (w *window) grow() {
	larger := make([]tagged, max(windowMin, 2*len(w.state)))
	for i := range w.n {
		larger[i] = w.state[(w.head+i)&(len(w.state)-1)]
	}
	w.state, w.head = larger, 0
}

// resume starts behind a tag.
func (w *window) resume(after uint64) { w.first, w.next = after+1, after+1 }

// at is the place of a tag that may be there, or nil.
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
	return answered
}

// answer notes that a tag is answered, and says what it was.
func (w *window) answer(tag uint64) (was tagged) {
	t := w.at(tag)
	if t == nil || *t == answered {
		return answered
	}
	was, *t = *t, answered
	w.open--
	for w.n > 0 && w.state[w.head] == answered {
		w.head = (w.head + 1) & (len(w.state) - 1)
		w.first++
		w.n--
	}
	return was
}

// all ranges over the tags that are not answered. They may be answered meanwhile.
func (w *window) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for tag := w.first; tag < w.next; tag++ {
			if w.get(tag) != answered && !yield(tag) {
				return
			}
		}
	}
}
