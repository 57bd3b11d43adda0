package fanfold_test

import (
	"bytes"
	"testing"

	"github.com/fanfold/fanfold"
)

// valuesOf gives values from memory; it counts what was taken.
func valuesOf(taken *int, values ...[]byte) *fanfold.Values {
	return fanfold.NewValues(func() ([]byte, bool) {
		if *taken == len(values) {
			return nil, false
		}
		*taken++
		return values[*taken-1], true
	})
}

func TestValues(t *testing.T) {
	var taken int
	values := valuesOf(&taken, []byte("a"), nil, []byte{}, []byte("d"))
	if v, ok := values.Next(); !ok || string(v) != "a" {
		t.Fatalf("got %q, %v, want a", v, ok)
	}
	var rest [][]byte
	for v := range values.All() {
		rest = append(rest, v)
		if len(rest) == 2 {
			break
		}
	}
	if rest[0] != nil || rest[1] == nil || len(rest[1]) != 0 {
		t.Errorf("got %#v, want no value and an empty one", rest)
	}
	if taken != 3 {
		t.Errorf("the loop took %d values, want 3: it ended before the last", taken)
	}
	if v, ok := values.Next(); !ok || !bytes.Equal(v, []byte("d")) {
		t.Errorf("behind the loop: got %q, %v, want d", v, ok)
	}
	if v, ok := values.Next(); ok {
		t.Errorf("behind the last: got %q, want none", v)
	}
	for v := range values.All() {
		t.Errorf("behind the last: got %q, want no round", v)
	}
}
