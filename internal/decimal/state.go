package decimal

import (
	"encoding/binary"
	"math/big"
)

// A sum as bytes, so that there can be one for each of many keys: of most numbers, its fraction
// digits as one byte and an int64, little-endian; else wideState and its text.
const (
	smallState = 1 + 8 // bytes
	wideState  = 0xff
)

// AddTo adds the number that text stands for to a sum as bytes, which is empty at first. It writes
// into state and returns it, longer perhaps; after an error it is as before.
func AddTo(state, text []byte) ([]byte, error) {
	n, err := parse(text)
	if err != nil {
		return state, err
	}
	if v, scale, ok := n.small(); ok {
		if len(state) == 0 {
			return appendSmall(state, scale, v), nil
		}
		if addSmall(state, scale, v) {
			return state, nil
		}
	}
	var s Sum
	if err := s.load(state); err != nil {
		return state, err
	}
	if err := s.Add(text); err != nil {
		return state, err
	}
	return s.store(state), nil
}

// AddSums adds a sum as bytes to another one.
func AddSums(state, other []byte) ([]byte, error) {
	if isSmall(state) && isSmall(other) {
		v := int64(binary.LittleEndian.Uint64(other[1:]))
		if addSmall(state, int(other[0]), v) {
			return state, nil
		}
	}
	return AddTo(state, AppendSum(nil, other))
}

// AppendSum appends a sum as bytes in its canonical form as text.
func AppendSum(dst, state []byte) []byte {
	if len(state) > 0 && state[0] == wideState {
		return append(dst, state[1:]...)
	}
	s := fromSmall(state)
	return s.Append(dst)
}

// AppendMean appends a sum as bytes divided by n, which is not 0, rounded to so many digits behind
// the point, half away from zero.
func AppendMean(dst, state []byte, n uint64, digits int) []byte {
	mean, _ := new(big.Rat).SetString(string(AppendSum(nil, state)))
	mean.Quo(mean, new(big.Rat).SetInt(new(big.Int).SetUint64(n)))
	var s Sum
	_ = s.Add([]byte(mean.FloatString(digits))) // the canonical form
	return s.Append(dst)
}

func isSmall(state []byte) bool { return len(state) == smallState && state[0] != wideState }

func appendSmall(dst []byte, scale int, v int64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, byte(scale)), uint64(v))
}

// addSmall adds a number of as many fraction digits as the sum has, or fewer, if that fits.
func addSmall(state []byte, scale int, v int64) bool {
	if !isSmall(state) || scale > int(state[0]) {
		return false
	}
	v, ok := scaleUp(v, int(state[0])-scale)
	old := int64(binary.LittleEndian.Uint64(state[1:]))
	total := old + v
	if !ok || (old^total)&(v^total) < 0 {
		return false
	}
	binary.LittleEndian.PutUint64(state[1:], uint64(total))
	return true
}

func fromSmall(state []byte) (s Sum) {
	if len(state) > 0 {
		s.scale, s.small = int(state[0]), int64(binary.LittleEndian.Uint64(state[1:]))
	}
	return s
}

// load sets a new sum to one as bytes.
func (s *Sum) load(state []byte) error {
	if len(state) > 0 && state[0] == wideState {
		return s.Add(state[1:])
	}
	*s = fromSmall(state)
	return nil
}

// store writes the sum over one as bytes.
func (s *Sum) store(state []byte) []byte {
	if s.wide == nil && s.scale < wideState {
		return appendSmall(state[:0], s.scale, s.small)
	}
	return s.Append(append(state[:0], wideState))
}
