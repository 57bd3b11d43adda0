package scheduler

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestWheel compares the wheel with a map under random timers, from a tick to a century, and
// jumps of time of all lengths: each timer is due at the first tick that is not before its time.
func TestWheel(t *testing.T) {
	type armed struct {
		number uint32
		due    uint64
	}
	fired := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		w, want := newWheel(), map[uint32]armed{}
		now, owner := Time(0), uint32(0)
		for range 2000 {
			for range r.IntN(6) {
				owner++
				at := now + Time(r.Int64N(1<<(1+r.IntN(60))))
				want[owner] = armed{w.set(at, owner), tickAfter(at)}
			}
			if a, ok := want[1+r.Uint32N(owner+1)]; ok && r.IntN(2) == 0 {
				delete(want, w.timers[a.number].owner)
				w.drop(&a.number)
			}
			now += Time(r.Int64N(1 << (1 + r.IntN(50))))
			next := w.next()
			w.advance(now)
			for o := w.due(); o != 0; o = w.due() {
				a, ok := want[o]
				if !ok || a.due > w.tick {
					t.Fatalf("seed %d: timer due %d (%t) fires at %d", seed, a.due, ok, w.tick)
				}
				if next > Time(a.due<<tickBits) {
					t.Fatalf("seed %d: next is %d, but tick %d is due", seed, next, a.due)
				}
				delete(want, o)
				w.drop(&a.number)
				fired++
			}
			for o, a := range want {
				if a.due <= w.tick {
					t.Fatalf("seed %d: timer %d, due %d, missed at %d", seed, o, a.due, w.tick)
				}
			}
		}
		for _, a := range want {
			w.drop(&a.number)
		}
		if w.filled != newWheel().filled || w.next() != 0 {
			t.Fatalf("seed %d: not empty without timers: %x", seed, w.filled)
		}
	}
	if fired < 1000 {
		t.Fatalf("vacuous: %d timers fired", fired)
	}
}

// TestWheelNext jumps from Next to Next: every timer fires at its tick, and a timer takes at most
// one needless jump per level.
func TestWheelNext(t *testing.T) {
	times := []Time{
		1, 1 << 20, 1<<20 + 1, 63 << 20, 64 << 20, 1e9, 1e12, 1e15, 1 << 61, math.MaxInt64,
	}
	for _, at := range times {
		w := newWheel()
		w.advance(123456789)
		n := w.set(at, 7)
		jumps := 0
		for ; w.due() == 0; jumps++ {
			if jumps > wheelLevels {
				t.Fatalf("at %d: %d jumps", at, jumps)
			}
			w.advance(w.next())
		}
		if at > 123456789 && w.tick != tickAfter(at) {
			t.Errorf("at %d: fires at tick %d, want %d", at, w.tick, tickAfter(at))
		}
		w.drop(&n)
		if n != 0 || w.next() != 0 {
			t.Errorf("at %d: timer %d, next %d after the drop", at, n, w.next())
		}
	}
}
