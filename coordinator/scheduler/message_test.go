package scheduler

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestNames: every kind has a name of its own, and what is none has one too.
func TestNames(t *testing.T) {
	tests := []struct {
		name string
		last int
		of   func(int) fmt.Stringer
	}{
		{"status", int(Hopeless), func(k int) fmt.Stringer { return Status(k) }},
		{"command", int(DrainSlot), func(k int) fmt.Stringer { return CommandKind(k) }},
		{"event", int(Pardoned), func(k int) fmt.Stringer { return EventKind(k) }},
		{"effect", int(Drained), func(k int) fmt.Stringer { return EffectKind(k) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := map[string]bool{}
			for k := range test.last + 1 {
				name := test.of(k).String()
				if name == "" || seen[name] || strings.HasPrefix(name, "kind-") {
					t.Errorf("%d has the name %q", k, name)
				}
				seen[name] = true
			}
			want := fmt.Sprintf("kind-%d", test.last+1)
			if got := test.of(test.last + 1).String(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestStatusState(t *testing.T) {
	tests := map[Status]fanfold.State{
		Succeeded: fanfold.Succeeded, Failed: fanfold.Failed, Crashed: fanfold.Failed,
		TimedOut: fanfold.TimedOut, Cancelled: fanfold.Cancelled, Lost: fanfold.Lost,
	}
	for status, want := range tests {
		if got := status.State(); got != want {
			t.Errorf("%s: got %s, want %s", status, got, want)
		}
	}
}

// TestConfigDefaults: a field that is zero means the default, and no other is touched.
func TestConfigDefaults(t *testing.T) {
	if got := (Config{}).withDefaults(); got != DefaultConfig {
		t.Errorf("got %+v, want %+v", got, DefaultConfig)
	}
	c := Config{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}
	if got := c.withDefaults(); got != c {
		t.Errorf("got %+v, want %+v", got, c)
	}
}
