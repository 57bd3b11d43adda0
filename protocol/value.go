package protocol

import "encoding/binary"

// form is what a msgpack value is, as far as the protocol allows any.
type form uint8

const (
	bad form = iota // malformed, cut off, or a type that the protocol does not have
	isNil
	isBool
	isUint // not negative, in any integer encoding
	isInt  // negative
	isStr
	isBin
	isArray
)

// header is the head of one value.
type header struct {
	form form
	head int    // bytes of it; a value that is neither str, bin nor array has no others
	n    uint64 // the number, bytes of str and bin, elements of an array
}

// scan reads the head of the value at the start of b. It does not look at what follows the head.
func scan(b []byte) header {
	if len(b) == 0 {
		return header{}
	}
	switch c := b[0]; {
	case c < 0x80:
		return header{isUint, 1, uint64(c)}
	case c >= 0xe0:
		return header{isInt, 1, uint64(int64(int8(c)))}
	case c >= 0xa0 && c < 0xc0:
		return header{isStr, 1, uint64(c & 31)}
	case c >= 0x90 && c < 0xa0:
		return header{isArray, 1, uint64(c & 15)}
	}
	return scanLong(b)
}

// scanLong reads a head that is more than its first byte, or one of the constants.
func scanLong(b []byte) header {
	switch b[0] {
	case 0xc0:
		return header{isNil, 1, 0}
	case 0xc2, 0xc3:
		return header{isBool, 1, uint64(b[0] & 1)}
	case 0xc4, 0xc5, 0xc6:
		return number(isBin, b, 1<<(b[0]-0xc4))
	case 0xcc, 0xcd, 0xce, 0xcf:
		return number(isUint, b, 1<<(b[0]-0xcc))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return signed(number(isUint, b, 1<<(b[0]-0xd0)))
	case 0xd9, 0xda, 0xdb:
		return number(isStr, b, 1<<(b[0]-0xd9))
	case 0xdc, 0xdd:
		return number(isArray, b, 2<<(b[0]-0xdc))
	}
	return header{}
}

// number reads the big-endian number of size bytes behind the first.
func number(f form, b []byte, size int) header {
	if len(b) <= size {
		return header{}
	}
	t := header{f, 1 + size, 0}
	switch b = b[1:]; size {
	case 1:
		t.n = uint64(b[0])
	case 2:
		t.n = uint64(binary.BigEndian.Uint16(b))
	case 4:
		t.n = uint64(binary.BigEndian.Uint32(b))
	case 8:
		t.n = binary.BigEndian.Uint64(b)
	}
	return t
}

// signed takes an unsigned header for a two's complement number of as many bits.
func signed(t header) header {
	if t.form == bad {
		return t
	}
	unused := 64 - 8*(t.head-1)
	t.n = uint64(int64(t.n<<unused) >> unused)
	if int64(t.n) < 0 {
		t.form = isInt
	}
	return t
}

func appendArray(dst []byte, n int) []byte {
	switch {
	case n < 16:
		return append(dst, 0x90|byte(n))
	case n < 1<<16:
		return append(dst, 0xdc, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, 0xdd), uint32(n))
}

func appendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 1<<7:
		return append(dst, byte(v))
	case v < 1<<8:
		return append(dst, 0xcc, byte(v))
	case v < 1<<16:
		return append(dst, 0xcd, byte(v>>8), byte(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xcf), v)
}

func appendInt(dst []byte, v int64) []byte {
	switch {
	case v >= 0:
		return appendUint(dst, uint64(v))
	case v >= -1<<5:
		return append(dst, byte(v))
	case v >= -1<<7:
		return append(dst, 0xd0, byte(v))
	case v >= -1<<15:
		return append(dst, 0xd1, byte(v>>8), byte(v))
	case v >= -1<<31:
		return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(v))
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 0xc3)
	}
	return append(dst, 0xc2)
}

func appendString(dst []byte, s string) []byte {
	if n := len(s); n < 32 {
		dst = append(dst, 0xa0|byte(n))
	} else {
		dst = appendLen(dst, 0xd9, n)
	}
	return append(dst, s...)
}

// appendBytes writes nil as nil: msgpack/v5 does so too.
func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0xc0)
	}
	return append(appendLen(dst, 0xc4, len(b)), b...)
}

// appendLen writes the head of a str or bin whose 8-bit form starts with first.
func appendLen(dst []byte, first byte, n int) []byte {
	switch {
	case n < 1<<8:
		return append(dst, first, byte(n))
	case n < 1<<16:
		return append(dst, first+1, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, first+2), uint32(n))
}
