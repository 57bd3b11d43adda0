package aggregate

import (
	"encoding/binary"

	"github.com/fanfold/fanfold/internal/decimal"
)

// Avg is the mean of the values, decimal numbers, rounded to 12 digits behind the point, half away
// from zero. It is made of the exact sum, so it does not depend on how the values were spread.
func Avg() Maker { return always(avg{}) }

// avgDigits is how many digits a mean has behind the point.
const avgDigits = 12

// avg has the number of values as 8 bytes before their sum.
type avg struct{}

const countBytes = 8

func (avg) Add(state, value []byte) ([]byte, error) {
	if len(state) == 0 {
		state = append(state, make([]byte, countBytes)...)
	}
	return counted(state, 1, func(total []byte) ([]byte, error) { return decimal.AddTo(total, value) })
}

func (avg) Merge(state, later []byte) ([]byte, error) {
	n := binary.LittleEndian.Uint64(later)
	return counted(state, n, func(total []byte) ([]byte, error) {
		return decimal.AddSums(total, later[countBytes:])
	})
}

// counted adds n to the count of a state and has its sum changed.
func counted(state []byte, n uint64, add func([]byte) ([]byte, error)) ([]byte, error) {
	total, err := add(state[countBytes:])
	if err != nil {
		return state, err
	}
	state = append(state[:countBytes], total...)
	binary.LittleEndian.PutUint64(state, binary.LittleEndian.Uint64(state)+n)
	return state, nil
}

func (avg) Result(state []byte, emit func([]byte)) error {
	n := binary.LittleEndian.Uint64(state)
	emit(decimal.AppendMean(nil, state[countBytes:], n, avgDigits))
	return nil
}
