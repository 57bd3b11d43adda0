package scheduler

import "math/bits"

const (
	tickBits    = 20 // a tick is 2^20 ns, about a millisecond
	wheelBits   = 6
	wheelLen    = 1 << wheelBits
	wheelLevels = 8 // of 64 buckets: all times that a Time can hold
	firstTimer  = 1 + wheelLevels*wheelLen
)

// wheel is a hierarchical timer wheel (Varghese and Lauck, 1987). A timer stands at the level of
// the highest digit, in base 64, in which its tick differs from the wheel's, in the bucket of its
// own digit there; time reaches that bucket, and the timer comes down a level, or is due. So a
// bucket is always ahead of the wheel's own digit, and the lowest one that is not empty is the
// next to reach. Setting and dropping a timer is O(1) and does not allocate in the steady state;
// so is advancing, however far, but for the timers that it moves.
type wheel struct {
	timers []timer // 0 heads the list of those due, 1 … 512 the buckets; the timers follow
	unused uint32  // list of timers that are not set, by next
	filled [wheelLevels]uint64
	tick   uint64
}

// timer is a node of a ring.
type timer struct {
	next, prev uint32
	owner      uint32 // what it is for, and an index
	due        uint64 // tick
}

// What a timer is for: the top bits of timer.owner.
const (
	deadlineTimer = iota << 29 // a task's deadline
	taskTimer                  // a task that waits is queued
	slotTimer                  // a slot's first attempt takes too long
	jobTimer                   // a job's deadline
	paceTimer                  // a job's attempts are looked at
	pardonTimer                // workers are not excluded any more
	ownerMask     = 7 << 29
)

func newWheel() wheel {
	w := wheel{timers: make([]timer, firstTimer)}
	for i := range w.timers {
		w.timers[i].next, w.timers[i].prev = uint32(i), uint32(i)
	}
	return w
}

// set makes a timer for owner and returns its number, which is not 0. It is due at the first tick
// that is not before at.
func (w *wheel) set(at Time, owner uint32) uint32 {
	n := w.unused
	if n != 0 {
		w.unused = w.timers[n].next
	} else {
		n = uint32(len(w.timers))
		w.timers = append(w.timers, timer{})
	}
	w.timers[n] = timer{owner: owner, due: tickAfter(at)}
	w.place(n)
	return n
}

// drop forgets the timer with number *n, if it is not 0, and clears that number.
func (w *wheel) drop(n *uint32) {
	if *n != 0 {
		w.forget(n)
	}
}

func (w *wheel) forget(n *uint32) {
	w.unlink(*n)
	w.timers[*n] = timer{next: w.unused}
	w.unused, *n = *n, 0
}

// advance moves the wheel to now; timers become due.
func (w *wheel) advance(now Time) {
	to := uint64(max(now, 0)) >> tickBits
	for {
		bucket, tick := w.reach()
		if bucket == 0 || tick > to {
			break
		}
		w.tick = tick
		for head := &w.timers[bucket]; head.next != bucket; {
			n := head.next
			w.unlink(n)
			w.place(n)
		}
	}
	w.tick = max(w.tick, to)
}

// due is the owner of the first timer that is due, or 0.
func (w *wheel) due() uint32 {
	if n := w.timers[0].next; n != 0 {
		return w.timers[n].owner
	}
	return 0
}

// next is when the wheel should advance again: not after the next timer is due; 0: there is none.
func (w *wheel) next() Time {
	if w.timers[0].next != 0 {
		return max(1, Time(w.tick<<tickBits))
	}
	if bucket, tick := w.reach(); bucket != 0 {
		return Time(tick << tickBits)
	}
	return 0
}

// reach is the next bucket that time will reach, and when; 0 if all are empty.
func (w *wheel) reach() (bucket uint32, tick uint64) {
	for level, filled := range w.filled {
		if filled != 0 {
			digit := bits.TrailingZeros64(filled)
			shift := wheelBits * level
			above := w.tick >> shift >> wheelBits << wheelBits
			return bucketOf(level, uint64(digit)), (above | uint64(digit)) << shift
		}
	}
	return 0, 0
}

func (w *wheel) place(n uint32) {
	due := w.timers[n].due
	if due <= w.tick {
		w.link(0, n)
		return
	}
	level := (bits.Len64(due^w.tick) - 1) / wheelBits
	digit := due >> (wheelBits * level) % wheelLen
	w.filled[level] |= 1 << digit
	w.link(bucketOf(level, digit), n)
}

func (w *wheel) link(ring, n uint32) {
	last := w.timers[ring].prev
	w.timers[n].next, w.timers[n].prev = ring, last
	w.timers[last].next, w.timers[ring].prev = n, n
}

func (w *wheel) unlink(n uint32) {
	next, prev := w.timers[n].next, w.timers[n].prev
	w.timers[prev].next, w.timers[next].prev = next, prev
	if next == prev && next < firstTimer && next != 0 { // its bucket is empty now
		b := next - 1
		w.filled[b/wheelLen] &^= 1 << (b % wheelLen)
	}
}

func bucketOf(level int, digit uint64) uint32 { return uint32(1 + level*wheelLen + int(digit)) }

// tickAfter is the first tick that is not before at; what is beyond 146 years is cut to that.
func tickAfter(at Time) uint64 {
	return (uint64(min(max(at, 0), 1<<62)) + 1<<tickBits - 1) >> tickBits
}
