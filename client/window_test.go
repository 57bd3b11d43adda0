package client

import (
	"slices"
	"testing"
)

func TestWindowAgainstAMap(t *testing.T) {
	var w window
	known := map[uint64]tagged{}
	slow := []uint64{}
	for i := range uint64(5 * windowDense) {
		tag := w.add(waiting)
		known[tag] = waiting
		if i%1000 == 0 {
			slow = append(slow, tag)
		}
		if old := tag - min(tag-1, 5); !slices.Contains(slow, old) {
			if was := w.answer(old); was != known[old] {
				t.Fatalf("tag %d was %d, want %d", old, was, known[old])
			}
			delete(known, old)
		}
	}
	if len(w.state) > windowDense || len(w.old) == 0 {
		t.Errorf("a ring of %d, and %d apart", len(w.state), len(w.old))
	}
	w.abandon(slow[0])
	known[slow[0]] = abandoned
	if w.open != len(known) {
		t.Errorf("%d open, want %d", w.open, len(known))
	}
	last := uint64(0)
	for tag := range w.all() {
		if tag <= last {
			t.Errorf("%d comes after %d", tag, last)
		}
		last = tag
		if was := w.answer(tag); was != known[tag] || was == answered || w.answer(tag) != answered {
			t.Errorf("tag %d was %d, want %d", tag, was, known[tag])
		}
		delete(known, tag)
	}
	if len(known)+w.open != 0 {
		t.Errorf("%d are left, %d open", len(known), w.open)
	}
}
