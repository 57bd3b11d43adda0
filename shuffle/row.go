package shuffle

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// row is one record in a stream. Its slices are valid until the stream is asked for the next.
type row struct {
	part       uint32
	prefix     uint64 // prefixOf(key)
	key, value []byte // value nil: none
}

// rows is a stream in the order of (partition, key, arrival). next fills r, or says that there is
// none left; after that, and after an error, it is not called again.
type rows interface {
	next(r *row) (bool, error)
}

// appender takes a stream's rows in their order and keeps no slice.
type appender interface {
	append(part uint32, key, value []byte) error
}

// prefixOf is a key's first eight bytes, zero-padded and big-endian: where two differ, their order
// is that of the keys.
func prefixOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var p uint64
	for i, c := range key {
		p |= uint64(c) << (56 - 8*i)
	}
	return p
}

// compare orders rows by partition and key.
func (r *row) compare(o *row) int {
	if r.part != o.part {
		return cmp.Compare(r.part, o.part)
	}
	if r.prefix != o.prefix {
		return cmp.Compare(r.prefix, o.prefix)
	}
	return bytes.Compare(r.key, o.key)
}

// rowOverhead is the most that a row has beside its key and its value.
const rowOverhead = 2 * binary.MaxVarintLen64

func appendRow(dst, key, value []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	if value == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(value))+1)
	return append(dst, value...)
}

// rowLen is the number of bytes that appendRow appends.
func rowLen(key, value []byte) int {
	n := uvarintLen(uint64(len(key))) + len(key) + 1
	if value != nil {
		n += uvarintLen(uint64(len(value))+1) - 1 + len(value)
	}
	return n
}

func uvarintLen(n uint64) int {
	i := 1
	for ; n >= 0x80; n >>= 7 {
		i++
	}
	return i
}

// parseRow splits the first row off b. It is false where b does not start with a whole row.
func parseRow(b []byte) (key, value, rest []byte, ok bool) {
	key, b, ok = cut(b, 0)
	if !ok || len(b) == 0 {
		return nil, nil, nil, false
	}
	if b[0] == 0 {
		return key, nil, b[1:], true
	}
	value, rest, ok = cut(b, 1)
	return key, value, rest, ok
}

// cut splits off a length, which counts bias too many, and so many bytes.
func cut(b []byte, bias uint64) (head, rest []byte, ok bool) {
	n, size := uint64(0), 1
	if len(b) > 0 && b[0] < 0x80 {
		n = uint64(b[0])
	} else if n, size = binary.Uvarint(b); size <= 0 {
		return nil, nil, false
	}
	b = b[size:]
	if n < bias || n-bias > uint64(len(b)) {
		return nil, nil, false
	}
	n -= bias
	return b[:n:n], b[n:], true
}
