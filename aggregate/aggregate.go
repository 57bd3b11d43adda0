// Package aggregate has aggregations beyond the folds of the root package, as values for the field
// Aggregate of a fanfold.Program: of decimal numbers, exact whatever their size, and of a user's
// own type. Built-in jobs and commands use it.
// The one idea: what is known of a key is a few bytes, so aggregations need no object per key.
package aggregate

import (
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/decimal"
)

// Maker makes the aggregator of an attempt; it is what Program.Aggregate wants.
type Maker func(*fanfold.Task) (fanfold.Aggregator, error)

func always(a fanfold.Aggregator) Maker {
	return func(*fanfold.Task) (fanfold.Aggregator, error) { return a, nil }
}

// Sum adds the values, decimal numbers, exactly. See docs/programs.md for what a number is.
func Sum() Maker { return always(sum{}) }

type sum struct{}

func (sum) Add(state, value []byte) ([]byte, error) { return decimal.AddTo(state, value) }

func (sum) Merge(state, later []byte) ([]byte, error) { return decimal.AddSums(state, later) }

func (sum) Result(state []byte, emit func([]byte)) error {
	emit(decimal.AppendSum(nil, state))
	return nil
}

// Min keeps the least value, a decimal number, as it was written; of equal ones the first.
func Min() Maker { return always(extreme{-1}) }

// Max keeps the greatest value, a decimal number, as it was written; of equal ones the first.
func Max() Maker { return always(extreme{+1}) }

// extreme keeps the least (sign -1) or greatest (sign +1) value.
type extreme struct{ sign int }

func (e extreme) Add(state, value []byte) ([]byte, error) {
	if len(state) == 0 {
		return append(state, value...), decimal.Check(value)
	}
	order, err := decimal.Compare(value, state)
	if err == nil && order == e.sign {
		state = append(state[:0], value...)
	}
	return state, err
}

func (e extreme) Merge(state, later []byte) ([]byte, error) { return e.Add(state, later) }

func (extreme) Result(state []byte, emit func([]byte)) error {
	emit(state)
	return nil
}

// Of folds values of a type by a function that makes one of two and is associative: (a b) c is
// a (b c). The values of a key come in the order of the inputs.
func Of[V any](text fanfold.Text[V], merge func(a, b V) V) Maker {
	return always(typed[V]{text, merge})
}

// typed has a byte before the text of the value, so that no state is empty.
type typed[V any] struct {
	text  fanfold.Text[V]
	merge func(a, b V) V
}

// Add is of fanfold.Aggregator.
func (o typed[V]) Add(state, value []byte) ([]byte, error) {
	v, err := o.text.Parse(value)
	if err != nil {
		return state, err
	}
	if len(state) > 0 {
		before, err := o.text.Parse(state[1:])
		if err != nil {
			return state, err
		}
		v = o.merge(before, v)
	}
	return o.text.Append(append(state[:0], '='), v), nil
}

// Merge is of fanfold.Aggregator.
func (o typed[V]) Merge(state, later []byte) ([]byte, error) { return o.Add(state, later[1:]) }

// Result is of fanfold.Aggregator.
func (o typed[V]) Result(state []byte, emit func([]byte)) error {
	emit(state[1:])
	return nil
}
