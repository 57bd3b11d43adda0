package fanfold

import (
	"strings"
	"testing"
)

// TestValidateOrder holds which parts of a program that say something of its order go together.
func TestValidateOrder(t *testing.T) {
	mapper := func(*Task) (Mapper, error) { return nil, nil }
	reducer := func(*Task) (Reducer, error) { return nil, nil }
	tests := []struct {
		program Program
		want    string // in the error; "": there is none
	}{
		{Program{Reduce: reducer, Ranges: true}, ""},
		{Program{Fold: Sum, Ranges: true}, ""},
		{Program{Reduce: reducer, Group: KeyTextLen}, ""},
		{Program{Ranges: true}, "Ranges without Reduce"},
		{Program{Group: KeyTextLen}, "Group without Reduce"},
		{Program{Fold: Sum, Group: KeyTextLen}, "Group without Reduce"},
		{Program{Reduce: reducer, Combine: reducer, Group: KeyTextLen}, "with Combine"},
		{Program{Reduce: reducer, Ranges: true, Group: KeyTextLen}, "Combine or Ranges"},
	}
	for _, test := range tests {
		p := test.program
		p.Name, p.Map = "p", mapper
		err := p.Validate()
		if ok := err == nil; ok != (test.want == "") ||
			!ok && (KindOf(err) != KindUsage || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%+v: got %v, want %q", test.program, err, test.want)
		}
	}
}
