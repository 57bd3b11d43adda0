package cli

import (
	"runtime"
	"testing"
)

// TestProcessorsOfACoordinator checks what a coordinator leaves to its task processes, and that it
// is given back.
func TestProcessorsOfACoordinator(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	t.Setenv("GOMAXPROCS", "")
	for slots, want := range map[int]int{0: 8, 2: 6, 8: 4, 100: 4} {
		undo := leaveProcessors(slots)
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("%d slots leave %d of 8 processors, want %d", slots, got, want)
		}
		undo()
	}
	t.Setenv("GOMAXPROCS", "8")
	defer leaveProcessors(8)()
	if got := runtime.GOMAXPROCS(0); got != 8 {
		t.Errorf("%d processors, although the environment says 8", got)
	}
}
