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
	at   int // what of b was read
	left int // elements of the array still to come
	err  error
}

// fields gives a cursor over a message's elements behind its kind.
func fields(raw []byte) cursor { return cursor{b: raw, at: 2, left: int(raw[0]&15) - 1} }

// next takes the head of the next element; without one it gives a nil.
func (c *cursor) next() header {
	if c.left == 0 {
		return header{form: isNil}
	}
	c.left--
	t := scan(c.b[c.at:])
	c.at += t.head
	return t
}

// fail ends the reading: there are no more elements.
func (c *cursor) fail(err error) { c.err, c.left = err, 0 }

// uint reads an unsigned number of at most max.
func (c *cursor) uint(max uint64) uint64 {
	if c.left == 0 {
		return 0
	}
	n := uint64(c.b[c.at])
	if n < 0x80 {
		c.at++
		c.left--
	} else {
		n = c.uintLong()
	}
	if n > max {
		c.fail(errType)
	}
	return n
}

// uintLong is uint for what is not a byte, without the limit.
func (c *cursor) uintLong() (n uint64) {
	b := c.b[c.at:]
	switch first := b[0]; {
	case first == 0xcc && len(b) > 1:
		n = uint64(b[1])
	case first == 0xcd && len(b) > 2:
		n = uint64(binary.BigEndian.Uint16(b[1:]))
	case first == 0xce && len(b) > 4:
		n = uint64(binary.BigEndian.Uint32(b[1:]))
	case first == 0xcf && len(b) > 8:
		n = binary.BigEndian.Uint64(b[1:])
	default:
		t := c.next()
		if t.form != isUint {
			c.fail(errType)
		}
		return t.n
	}
	c.at += 1 + 1<<(b[0]&3)
	c.left--
	return n
}

func (c *cursor) uint8() uint8   { return uint8(c.uint(math.MaxUint8)) }
func (c *cursor) uint16() uint16 { return uint16(c.uint(math.MaxUint16)) }
func (c *cursor) uint32() uint32 { return uint32(c.uint(math.MaxUint32)) }
func (c *cursor) uint64() uint64 { return c.uint(math.MaxUint64) }

func (c *cursor) int64() int64 {
	if c.left == 0 || c.b[c.at] < 0xd0 { // a number without a sign, if it is one
		return int64(c.uint(math.MaxInt64))
	}
	t := c.next()
	if t.form != isInt && t.form != isUint {
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
	if b := c.b[c.at:]; len(b) >= 2 && b[0] == 0xc4 { // as most are
		c.left--
		n := 2 + int(b[1])
		c.at += n
		return b[2:n:n]
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
	from := c.at
	c.at += int(n)
	return c.b[from:c.at:c.at]
}

// value takes the next element as it is; nil without one.
func (c *cursor) value() []byte {
	if c.left == 0 {
		return nil
	}
	end, _, err := check(c.b[c.at:], ElementsMax)
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
	if c.left > 0 && c.b[c.at] == 0xc0 {
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
