package fanfold

import "iter"

// Values are the values of one key, read once. It is valid during the Reduce call it is given to.
type Values struct {
	next func() ([]byte, bool)
}

// NewValues is for the system and for tests of programs: next gives one value a call, valid until
// the call after it, and false when there is none left.
func NewValues(next func() ([]byte, bool)) *Values { return &Values{next} }

// Next gives the next value, valid until the following call, and false when there is none left.
func (v *Values) Next() ([]byte, bool) { return v.next() }

// All ranges over the values that are left. Each is valid until the next.
func (v *Values) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for b, ok := v.next(); ok && yield(b); b, ok = v.next() {
		}
	}
}
