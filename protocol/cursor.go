package protocol

import (
	"encoding/binary"
	"errors"
	"math"
)

// errType is what a cursor finds wrong.
var errType = errors.New("a field has another type, or is out of range")

// cursor reads the elements of one array, in order: those that are missing are zero. It is for
// values that check has passed, so that nothing can lie beyond their end; the first element of a
// wrong type or range is the last.
type cursor struct {
	b    []byte
	left int // elements of the array still to come
	err  error
}

// fields gives a cursor over a message's elements behind its kind.
func fields(raw []byte) cursor { return cursor{b: raw[2:], left: int(raw[0]&15) - 1} }

// next takes the head of the next element; without one it gives a nil.
func (c *cursor) next() header {
	if c.left == 0 {
		return header{form: isNil}
	}
	c.left--
	t := scan(c.b)
	c.b = c.b[t.head:]
	return t
}

// fail ends the reading: there are no more elements.
func (c *cursor) fail(err error) { c.err, c.left = err, 0 }

// uint reads an unsigned number of at most max.
func (c *cursor) uint(max uint64) uint64 {
	if c.left == 0 {
		return 0
	}
	t := c.number()
	if t.form != isUint || t.n > max {
		c.fail(errType)
	}
	return t.n
}

// number is next, faster for the usual encodings of numbers. There is one.
func (c *cursor) number() (t header) {
	b := c.b
	switch first := b[0]; {
	case first < 0x80:
		t = header{isUint, 1, uint64(first)}
	case first == 0xcd && len(b) >= 3:
		t = header{isUint, 3, uint64(binary.BigEndian.Uint16(b[1:]))}
	case first == 0xce && len(b) >= 5:
		t = header{isUint, 5, uint64(binary.BigEndian.Uint32(b[1:]))}
	case first == 0xcf && len(b) >= 9:
		t = header{isUint, 9, binary.BigEndian.Uint64(b[1:])}
	default:
		t = scan(b)
	}
	c.left--
	c.b = b[t.head:]
	return t
}

func (c *cursor) uint8() uint8   { return uint8(c.uint(math.MaxUint8)) }
func (c *cursor) uint16() uint16 { return uint16(c.uint(math.MaxUint16)) }
func (c *cursor) uint32() uint32 { return uint32(c.uint(math.MaxUint32)) }
func (c *cursor) uint64() uint64 { return c.uint(math.MaxUint64) }

func (c *cursor) int64() int64 {
	if c.left == 0 {
		return 0
	}
	t := c.number()
	if t.form != isInt && (t.form != isUint || t.n > math.MaxInt64) {
		c.fail(errType)
	}
	return int64(t.n)
}

func (c *cursor) bool() bool {
	if c.left == 0 {
		return false
	}
	t := c.next()
	if t.form != isBool {
		c.fail(errType)
	}
	return t.n == 1
}

func (c *cursor) string() string {
	if c.left == 0 {
		return ""
	}
	t := c.next()
	if t.form != isStr {
		c.fail(errType)
		return ""
	}
	return string(c.take(t.n))
}

// bytes gives a part of the message, not a copy.
func (c *cursor) bytes() []byte {
	if c.left == 0 {
		return nil
	}
	if len(c.b) >= 2 && c.b[0] == 0xc4 {
		c.left--
		n := 2 + int(c.b[1])
		b := c.b[2:n:n]
		c.b = c.b[n:]
		return b
	}
	switch t := c.next(); t.form {
	case isNil:
	case isBin:
		return c.take(t.n)
	default:
		c.fail(errType)
	}
	return nil
}

func (c *cursor) take(n uint64) []byte {
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

// value takes the next element as it is; nil without one.
func (c *cursor) value() []byte {
	if c.left == 0 {
		return nil
	}
	end, _, err := check(c.b, ElementsMax)
	if err != nil {
		c.fail(err)
		return nil
	}
	c.left--
	return c.take(uint64(end))
}

// open enters the next element, an array or nil for an empty one, so that left counts what is in
// it. It gives what close needs to leave it.
func (c *cursor) open() (outer int) {
	t := c.next()
	if t.form != isArray && t.form != isNil {
		c.fail(errType)
	}
	outer = c.left
	if c.err == nil {
		c.left = int(t.n)
	}
	return outer
}

// openStruct is open for a struct, which nil cannot stand for.
func (c *cursor) openStruct() (outer int) {
	if c.left > 0 && c.b[0] == 0xc0 {
		c.fail(errType)
	}
	return c.open()
}

// close skips what is left of an array, and goes on behind it.
func (c *cursor) close(outer int) {
	for c.left > 0 {
		c.value()
	}
	if c.err == nil {
		c.left = outer
	}
}
