package scheduler

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// TestSlab compares a slab with a map under random takes and frees, at places of its choice and of
// the caller's.
func TestSlab(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s slab[uint64]
	want := map[uint32]uint64{} // id by index
	for round := range 60_000 {
		grow := round/15_000%2 == 0
		if r.IntN(10) < 8 == grow || len(want) == 0 {
			id := s.vacant()
			for i := uint32(1); i < uint32(id&indexMask); i += 1 + r.Uint32N(1000) {
				if want[i] == 0 {
					t.Fatalf("got index %d, but %d is free", id&indexMask, i)
				}
			}
			if r.IntN(20) == 0 { // a replay knows better
				if i := 1 + r.Uint32N(40_000); want[i] == 0 {
					id = makeID(i, s.serial+3)
				}
			}
			*s.take(id) = id
			want[uint32(id&indexMask)] = id
			continue
		}
		i := s.used.next(1 + r.Uint32N(10_000))
		if i == 0 {
			continue
		}
		id := want[i]
		if v := s.find(id); v == nil || *v != id {
			t.Fatalf("record %x is not there", id)
		}
		s.free(i)
		delete(want, i)
		if s.find(id) != nil {
			t.Fatalf("record %x is still there", id)
		}
	}
	got := slices.Collect(s.all())
	if w := slices.Sorted(maps.Keys(want)); !slices.Equal(got, w) || s.live != len(w) {
		t.Fatalf("got %d records, %d live, want %d", len(got), s.live, len(w))
	}
	for i := range s.all() {
		s.free(i)
	}
	for p, pg := range s.pages {
		if pg != nil {
			t.Errorf("page %d is not given back", p)
		}
	}
	for _, id := range []uint64{0, 1, makeID(1, 1), makeID(indexMask, 1), ^uint64(0)} {
		if s.find(id) != nil {
			t.Errorf("id %x names something", id)
		}
	}
	if s.live != 0 || s.used.next(1) != 0 || s.used.lowest() != 1 {
		t.Errorf("live %d, next %d, lowest %d when empty", s.live, s.used.next(1), s.used.lowest())
	}
}

// TestSerialsWrap: ids go on behind the last serial number, and are still in order.
func TestSerialsWrap(t *testing.T) {
	s := slab[int]{serial: 1<<(64-indexBits) - 3}
	seen, last := map[uint64]bool{}, s.vacant()
	for range 10 {
		id := s.vacant()
		if id == 0 || seen[id] || older(id, last) {
			t.Fatalf("got id %x after %x", id, last)
		}
		s.take(id)
		s.free(uint32(id & indexMask))
		seen[id], last = true, id
	}
}

// TestIndexesFull fills a set across a word of each level.
func TestIndexesFull(t *testing.T) {
	var x indexes
	const n = 64*64*64 + 70
	for want := uint32(1); want < n; want++ {
		if got := x.lowest(); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
		x.set(want)
	}
	for _, i := range []uint32{1, 63, 64, 4095, 4096, 64*64*64 - 1, 64 * 64 * 64, n - 1} {
		x.clear(i)
		if got := x.lowest(); got != i {
			t.Errorf("got %d after it was cleared, want %d", got, i)
		}
		x.set(i)
	}
}

// TestSizes guards the memory of a queued task, and the flat values that every task passes
// through.
func TestSizes(t *testing.T) {
	tests := []struct {
		name      string
		got, most uintptr // bytes
	}{
		{"record of a task", unsafe.Sizeof(record[task]{}), 80},
		{"record of an attempt", unsafe.Sizeof(record[attempt]{}), 80},
		{"timer", unsafe.Sizeof(timer{}), 24},
		{"command", unsafe.Sizeof(Command{}), 96},
		{"event", unsafe.Sizeof(Event{}), 120},
		{"effect", unsafe.Sizeof(Effect{}), 104},
	}
	for _, test := range tests {
		if test.got > test.most {
			t.Errorf("%s: got %d bytes, want at most %d", test.name, test.got, test.most)
		}
	}
}
