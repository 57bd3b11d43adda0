package aggregate

import (
	"encoding/binary"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/decimal"
)

// TopKMax bounds the values that TopK keeps of a key.
const TopKMax = 10_000

// TopK keeps the k greatest values, decimal numbers as they were written, the greatest first and of
// equal ones the first: the key has that many records in the output.
func TopK(k int) Maker {
	return func(*fanfold.Task) (fanfold.Aggregator, error) {
		if k < 1 || k > TopKMax {
			return nil, fanfold.Errorf(fanfold.KindUsage, "aggregate",
				"top %d: want 1 to %d", k, TopKMax)
		}
		return &topK{k: k}, nil
	}
}

// topK has the values in their order, each with its length before it.
type topK struct {
	k    int
	ends []int // scratch: where each value of a state begins, and the last one ends
}

func (t *topK) Add(state, value []byte) ([]byte, error) {
	if err := decimal.Check(value); err != nil {
		return state, err
	}
	return t.insert(state, value)
}

// insert puts a value behind those that are not less.
func (t *topK) insert(state, value []byte) ([]byte, error) {
	t.ends = append(t.ends[:0], 0)
	for at := 0; at < len(state); t.ends = append(t.ends, at) {
		_, n := nextValue(state[at:])
		at += n
	}
	i, n := len(t.ends)-1, len(t.ends)-1
	for i > 0 {
		before, _ := nextValue(state[t.ends[i-1]:])
		order, err := decimal.Compare(value, before)
		if err != nil {
			return state, err
		}
		if order <= 0 {
			break
		}
		i--
	}
	switch {
	case i == t.k:
		return state, nil
	case n == t.k:
		state = state[:t.ends[n-1]]
	}
	var room [binary.MaxVarintLen64]byte
	head := binary.AppendUvarint(room[:0], uint64(len(value)))
	state = slices.Insert(state, t.ends[i], value...)
	return slices.Insert(state, t.ends[i], head...), nil
}

// nextValue gives the first value of a state, and the bytes that it has with its length.
func nextValue(state []byte) (value []byte, n int) {
	size, head := binary.Uvarint(state)
	n = head + int(size)
	return state[head:n], n
}

func (t *topK) Merge(state, later []byte) ([]byte, error) {
	for len(later) > 0 {
		value, n := nextValue(later)
		var err error
		if state, err = t.insert(state, value); err != nil {
			return state, err
		}
		later = later[n:]
	}
	return state, nil
}

func (t *topK) Result(state []byte, emit func([]byte)) error {
	for len(state) > 0 {
		value, n := nextValue(state)
		emit(value)
		state = state[n:]
	}
	return nil
}
