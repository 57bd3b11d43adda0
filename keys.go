package fanfold

import (
	"bytes"
	"encoding/binary"
	"math"
)

// Keys are ordered by their bytes. The functions below write values such that their bytes, and
// those of several behind each other, are in the order of the values.

// AppendKeyText appends text, of which no other text is the beginning then: NUL becomes 00 ff, and
// 00 01 follows.
func AppendKeyText(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, 0)
		if i < 0 {
			return append(append(dst, text...), 0, 1)
		}
		dst = append(append(dst, text[:i]...), 0, 0xff)
		text = text[i+1:]
	}
}

// KeyTextLen is the length of what AppendKeyText has written at the start of a key, or that of the
// key where it has not. It may stand as Program.Group.
func KeyTextLen(key []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(key[at:], 0)
		if i < 0 || at+i+1 == len(key) {
			return len(key)
		}
		if at += i + 2; key[at-1] == 1 {
			return at
		}
	}
}

// KeyText appends to dst the text that AppendKeyText has written at the start of a key.
func KeyText(dst, key []byte) []byte {
	key = bytes.TrimSuffix(key[:KeyTextLen(key)], []byte{0, 1})
	for {
		i := bytes.IndexByte(key, 0)
		if i < 0 || i+1 == len(key) {
			return append(dst, key...)
		}
		dst = append(append(dst, key[:i]...), 0)
		key = key[i+2:]
	}
}

// AppendKeyInt appends a number, as 8 bytes.
func AppendKeyInt(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n)^1<<63)
}

// AppendKeyFloat appends a number, as 8 bytes: -0 before 0, and NaN at an end, as its sign says.
func AppendKeyFloat(dst []byte, x float64) []byte {
	b := math.Float64bits(x)
	if b>>63 == 1 {
		return binary.BigEndian.AppendUint64(dst, ^b)
	}
	return binary.BigEndian.AppendUint64(dst, b|1<<63)
}

// Descend turns round the order of what was appended to a key: that of Descend(key[n:]) is from the
// greatest to the least.
func Descend(key []byte) {
	for i := range key {
		key[i] = ^key[i]
	}
}
