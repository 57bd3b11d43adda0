package fanfold

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// NextWord cuts the first word off b: a word is a maximal run of bytes other than ASCII white space
// (space, \t, \n, \v, \f and \r). Without a word left, word is empty and rest nil. Like the other
// tokenizers it copies nothing: what it returns points into b.
func NextWord(b []byte) (word, rest []byte) {
	start := 0
	for start < len(b) && isSpace(b[start]) {
		start++
	}
	if start == len(b) {
		return nil, nil
	}
	i := start + 1
	for ; i+8 <= len(b); i += 8 {
		if found := spaces(binary.LittleEndian.Uint64(b[i:])); found != 0 {
			i += bits.TrailingZeros64(found) / 8
			return b[start:i], b[i:]
		}
	}
	for i < len(b) && !isSpace(b[i]) {
		i++
	}
	return b[start:i], b[i:]
}

func isSpace(c byte) bool { return c == ' ' || c-'\t' < 5 }

// spaces sets the top bit of each of eight bytes that isSpace, and clears all other bits.
func spaces(w uint64) uint64 {
	const (
		each   = 0x0101010101010101
		bottom = 0x7f * each // without the top bits, no byte carries into the next
		tab    = (0x80 - '\t') * each
		behind = (0x80 - '\r' - 1) * each
	)
	low := w & bottom
	control := (low + tab) &^ (low + behind)
	blank := ^((low ^ ' '*each) + bottom)
	return (control | blank) &^ w &^ bottom
}

// NextLetters cuts the first maximal run of Unicode letters off b. Everything else separates, bytes
// that are not UTF-8 included. Without a letter left, word is empty and rest nil.
func NextLetters(b []byte) (word, rest []byte) {
	start := -1
	for i := 0; i < len(b); {
		size, letter := letterAt(b[i:])
		switch {
		case letter && start < 0:
			start = i
		case !letter && start >= 0:
			return b[start:i], b[i:]
		}
		i += size
	}
	if start < 0 {
		return nil, nil
	}
	return b[start:], b[len(b):]
}

// letterAt gives the size of b's first character and whether it is a letter.
func letterAt(b []byte) (size int, letter bool) {
	if c := b[0]; c < utf8.RuneSelf {
		return 1, c|0x20-'a' < 26
	}
	r, size := utf8.DecodeRune(b)
	return size, unicode.IsLetter(r)
}

// NextLine cuts the first line off b, without its LF. A CR is part of the line. The rest is empty
// behind the last line, whether or not an LF ends that: loop while len(b) > 0.
func NextLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// NextField cuts the first field off b, which may be empty. The rest is nil behind the last field,
// and not nil before an empty one: loop while b is not nil.
func NextField(b []byte, separator byte) (field, rest []byte) {
	if i := bytes.IndexByte(b, separator); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// Field is the n-th field of a line, counted from one as in cut and awk; nil where there are less.
func Field(line []byte, separator byte, n int) []byte {
	for ; n > 1 && line != nil; n-- {
		_, line = NextField(line, separator)
	}
	field, _ := NextField(line, separator)
	return field
}

// Words ranges over the words of b, see NextWord.
func Words(b []byte) iter.Seq[[]byte] { return tokens(b, NextWord) }

// Letters ranges over the runs of letters of b, see NextLetters.
func Letters(b []byte) iter.Seq[[]byte] { return tokens(b, NextLetters) }

// tokens ranges over what next cuts off b, until it finds nothing.
func tokens(b []byte, next func([]byte) (token, rest []byte)) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for token, rest := next(b); len(token) > 0 && yield(token); {
			token, rest = next(rest)
		}
	}
}

// Lines ranges over the lines of b without their LF, see NextLine.
func Lines(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := b; len(rest) > 0; {
			line, after := NextLine(rest)
			if !yield(line) {
				return
			}
			rest = after
		}
	}
}

// Fields ranges over the fields of b: one more than there are separators.
func Fields(b []byte, separator byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		field, rest := NextField(b, separator)
		for yield(field) && rest != nil {
			field, rest = NextField(rest, separator)
		}
	}
}
