package shuffle

import (
	"encoding/binary"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/decimal"
)

// What the sort key of a value order begins with. A number's is its decimal.AppendKey with all bits
// inverted, so that the greatest comes first; those begin below both of these.
const (
	notNumber = 0xF0
	noValue   = 0xF1
)

// appendValueOrder makes a record whose key sorts as the value order wants it: numbers first, the
// greatest first; then the values that are no numbers, NaN and infinities among them, by their
// bytes; then the records without a value; ties by key. Its value holds what undoes it.
func appendValueOrder(k, v, key, value []byte) (sortKey, held []byte) {
	if value == nil {
		k = append(k, noValue)
	} else if n, err := decimal.AppendKey(k, value); err == nil {
		k = n
		for i := range k {
			k[i] = ^k[i]
		}
	} else {
		k = fanfold.AppendKeyText(append(k, notNumber), value)
	}
	v = binary.AppendUvarint(v, uint64(len(k)))
	if value != nil {
		v = append(append(v, 1), value...)
	}
	return append(k, key...), v
}

// undoValueOrder gives the record back that appendValueOrder was given.
func undoValueOrder(sortKey, held []byte) (key, value []byte, err error) {
	n, size := binary.Uvarint(held)
	if size <= 0 || n > uint64(len(sortKey)) {
		return nil, nil, corrupt("a record of the value order is broken")
	}
	if held = held[size:]; len(held) > 0 {
		value = held[1:]
	}
	return sortKey[n:], value, nil
}
