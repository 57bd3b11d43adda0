package fanfold_test

import (
	"testing"

	"github.com/fanfold/fanfold"
)

func TestStates(t *testing.T) {
	tests := []struct {
		state    fanfold.State
		name     string
		terminal bool
	}{
		{fanfold.Waiting, "waiting", false},
		{fanfold.Queued, "queued", false},
		{fanfold.Running, "running", false},
		{fanfold.Succeeded, "succeeded", true},
		{fanfold.Failed, "failed", true},
		{fanfold.TimedOut, "timed-out", true},
		{fanfold.Cancelled, "cancelled", true},
		{fanfold.Lost, "lost", true},
		{fanfold.Lost + 1, "state-8", true},
	}
	for i, tt := range tests {
		if int(tt.state) != i {
			t.Errorf("%s: got %d, want %d: the numbers travel", tt.name, tt.state, i)
		}
		if got := tt.state.String(); got != tt.name {
			t.Errorf("State(%d): got %s, want %s", i, got, tt.name)
		}
		if got := tt.state.Terminal(); got != tt.terminal {
			t.Errorf("%s terminal: got %v, want %v", tt.name, got, tt.terminal)
		}
	}
}

func TestOrderNames(t *testing.T) {
	tests := []struct {
		order fanfold.Order
		want  string
	}{
		{fanfold.SortDefault, "default"}, {fanfold.SortKey, "key"},
		{fanfold.SortValue, "value"}, {fanfold.SortNone, "none"},
	}
	for _, tt := range tests {
		if got := tt.order.String(); got != tt.want {
			t.Errorf("Order(%d): got %s, want %s", tt.order, got, tt.want)
		}
	}
}
