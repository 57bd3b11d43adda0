package shuffle

import (
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/fanfold/fanfold"
)

// A number between the stages of a program with a Fold is a zigzag varint or, for the rare partial
// sum that needs more than 64 bits, 16 bytes, little-endian two's complement. So a sum overflows
// only if the whole of it does, however the records were spread over splits and runs.

// number is a signed integer of 128 bits.
type number struct {
	hi int64
	lo uint64
}

func numberOf(n int64) number { return number{n >> 63, uint64(n)} }

func (n number) add(o number) number {
	lo, carry := bits.Add64(n.lo, o.lo, 0)
	return number{n.hi + o.hi + int64(carry), lo}
}

func (n number) less(o number) bool {
	return n.hi < o.hi || n.hi == o.hi && n.lo < o.lo
}

// int64 is false where the number needs more bits.
func (n number) int64() (int64, bool) {
	return int64(n.lo), n.hi == int64(n.lo)>>63
}

func (n number) appendTo(dst []byte) []byte {
	if v, ok := n.int64(); ok {
		return binary.AppendVarint(dst, v)
	}
	dst = binary.LittleEndian.AppendUint64(dst, n.lo)
	return binary.LittleEndian.AppendUint64(dst, uint64(n.hi))
}

// wideLen is the length of a number that is no varint: those have 10 bytes at most.
const wideLen = 16

func parseNumber(b []byte) (number, error) {
	if len(b) == wideLen {
		return number{int64(binary.LittleEndian.Uint64(b[8:])), binary.LittleEndian.Uint64(b)}, nil
	}
	v, n := binary.Varint(b)
	if n <= 0 || n != len(b) {
		return number{}, corrupt("the value of a fold has %d bytes", len(b))
	}
	return numberOf(v), nil
}

// numeric reports whether a fold works on numbers.
func numeric(f fanfold.Fold) bool { return fanfold.Sum <= f && f <= fanfold.Max }

// accumulator folds the values of one group.
type accumulator struct {
	fold  fanfold.Fold
	agg   fanfold.Aggregator // nil: fold says it
	first bool               // nothing was taken yet
	n     number
	bytes []byte // First: the value; of an Aggregator the state
	none  bool   // First: there is no value
	text  []byte // scratch
}

func (a *accumulator) reset() { a.first, a.n, a.none = true, number{}, true }

// take folds in the value of a row of a key.
func (a *accumulator) take(key, value []byte) (err error) {
	first := a.first
	a.first = false
	if a.agg != nil {
		if first {
			a.bytes, a.none = append(a.bytes[:0], value...), false
			return nil
		}
		a.bytes, err = a.agg.Merge(a.bytes, value)
		return stateError(key, a.bytes, err)
	}
	if !numeric(a.fold) {
		if first && a.fold == fanfold.First {
			a.bytes, a.none = append(a.bytes[:0], value...), value == nil
		}
		return nil
	}
	n, err := parseNumber(value)
	if err != nil {
		return err
	}
	switch {
	case first:
		a.n = n
	case a.fold == fanfold.Min && n.less(a.n), a.fold == fanfold.Max && a.n.less(n):
		a.n = n
	case a.fold == fanfold.Sum || a.fold == fanfold.Count:
		a.n = a.n.add(n)
	}
	return nil
}

// row is the value of the group for the next stage; valid until the next call.
func (a *accumulator) row() []byte {
	if numeric(a.fold) {
		a.text = a.n.appendTo(a.text[:0])
		return a.text
	}
	return a.plain()
}

// results hands over the values of a key for the output.
func (a *accumulator) results(key []byte, out *Output) error {
	if a.agg == nil {
		value, err := a.final(key)
		if err != nil {
			return err
		}
		return out.Append(key, value)
	}
	var failed error
	err := a.agg.Result(a.bytes, func(value []byte) {
		if failed == nil {
			failed = out.Append(key, value)
		}
	})
	if err != nil {
		return userError("aggregate", key, err)
	}
	return failed
}

// final is the value that a fold makes of a group: decimal text. The error is an overflow.
func (a *accumulator) final(key []byte) ([]byte, error) {
	if !numeric(a.fold) {
		return a.plain(), nil
	}
	n, ok := a.n.int64()
	if !ok {
		return nil, fanfold.Errorf(fanfold.KindUser, "fold",
			"the sum of %s does not fit into 64 bits", quote(key))
	}
	a.text = strconv.AppendInt(a.text[:0], n, 10)
	return a.text, nil
}

func (a *accumulator) plain() []byte {
	if a.none {
		return nil
	}
	if a.bytes == nil {
		return []byte{} // an empty value is not none
	}
	return a.bytes
}

// quoteMax is how many bytes of a key an error repeats.
const quoteMax = 64

func quote(key []byte) string {
	if len(key) <= quoteMax {
		return strconv.Quote(string(key))
	}
	return strconv.Quote(string(key[:quoteMax])) + "..."
}
