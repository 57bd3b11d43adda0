package command

import (
	"fmt"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/decimal"
)

// aggregates are the names of --aggregate.
const aggregates = "count, sum, min, max, first or distinct"

// fold is the Fold of an aggregate that has one.
func fold(aggregate string) fanfold.Fold {
	switch aggregate {
	case "count":
		return fanfold.Count
	case "first":
		return fanfold.First
	case "distinct":
		return fanfold.Distinct
	}
	return fanfold.NoFold
}

// exact makes the reducer, and combiner, of an aggregate of decimal numbers; nil for others.
func exact(aggregate string) func(*fanfold.Task) (fanfold.Reducer, error) {
	var r fanfold.Reducer
	switch aggregate {
	case "sum":
		r = sum{}
	case "min":
		r = extreme{-1}
	case "max":
		r = extreme{+1}
	default:
		return nil
	}
	return func(*fanfold.Task) (fanfold.Reducer, error) { return r, nil }
}

// sum adds the values of a key.
type sum struct{}

// Reduce emits the sum in canonical form.
func (sum) Reduce(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	var s decimal.Sum
	for value := range values.All() {
		if err := s.Add(value); err != nil {
			return fmt.Errorf("sum: %w", err)
		}
	}
	emit.Emit(key, s.Append(nil))
	return nil
}

// extreme is the least (sign -1) or greatest (sign +1) value of a key.
type extreme struct {
	sign int
}

// Reduce emits the value as it was written; of equal ones the first.
func (e extreme) Reduce(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	var best []byte
	for value := range values.All() {
		if best == nil {
			best = append(make([]byte, 0, len(value)), value...) // not nil, which is compared below
		}
		order, err := decimal.Compare(value, best)
		if err != nil {
			return fmt.Errorf("compare: %w", err)
		}
		if order == e.sign {
			best = append(best[:0], value...)
		}
	}
	emit.Emit(key, best)
	return nil
}
