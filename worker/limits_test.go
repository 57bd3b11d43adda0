package worker

import "testing"

func TestB26JitterIsAQuarter(t *testing.T) {
	seen := map[int]bool{}
	for range 2000 {
		n := jittered(100)
		if n < 75 || n > 125 {
			t.Fatalf("got %d", n)
		}
		seen[n] = true
	}
	if len(seen) < 40 {
		t.Errorf("only %d different numbers", len(seen))
	}
	for range 100 {
		if n := jittered(1); n != 1 {
			t.Fatalf("got %d for 1", n)
		}
	}
}

func TestHostMemoryIsShared(t *testing.T) {
	one, many := hostMemory(1), hostMemory(1<<20)
	if one <= 0 || one > DefaultMemory || many <= 0 || many >= one {
		t.Errorf("%d bytes for one slot, %d for a million", one, many)
	}
}
