package sortkey

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/fanfold/fanfold"
)

// Parse reads keys as the parameter key of the job sort has them, with commas between them: a field
// as 2, fields as 2-4 or 2-, bytes as 0:10 or 4:, and behind it n (numeric) or r (reverse).
func Parse(list string, d Defaults) (Keys, error) {
	return parseAll(strings.Split(list, ","), d, parsePiece)
}

// parsePiece reads a range and the letters behind it.
func parsePiece(text string, separator []byte) (k Key, err error) {
	span := strings.TrimRight(text, "nr")
	letters := text[len(span):]
	k.own = letters != ""
	k.numeric, k.reverse = strings.Contains(letters, "n"), strings.Contains(letters, "r")
	first, last, through := strings.Cut(span, ":")
	ofBytes := through
	if !ofBytes {
		first, last, through = strings.Cut(span, "-")
	}
	from, ok := position(first)
	to := math.MaxInt
	switch {
	case !through:
		to = from
	case last != "":
		var okLast bool
		to, okLast = position(last)
		ok = ok && okLast
	}
	if !ok || to < from || !ofBytes && from == 0 {
		return k, errForm
	}
	k.piece = byteRange{from, to}
	if !ofBytes {
		k.piece = fieldRange{from, to, separator}
	}
	return k, nil
}

// position reads a field number or a byte offset: digits only.
func position(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil
}

// byteRange is the bytes from an offset to before another; math.MaxInt is the end of the line.
type byteRange struct{ first, last int }

func (b byteRange) cut(line []byte) []byte {
	return line[min(b.first, len(line)):min(b.last, len(line))]
}

// fieldRange is the fields from one to another, separators between them included. Fields count from
// one; math.MaxInt is the last one there is.
type fieldRange struct {
	first, last int
	separator   []byte // nil: fields are runs of what is no white space
}

func (f fieldRange) cut(line []byte) []byte {
	begin, end := -1, -1
	for n, at := 1, 0; n <= f.last; n++ {
		start, stop, next := f.field(line, at)
		if start < 0 {
			break
		}
		if n == f.first {
			begin = start
			if f.last == math.MaxInt {
				return line[begin:]
			}
		}
		end, at = stop, next
	}
	if begin < 0 {
		return nil
	}
	return line[begin:end]
}

// field finds the next field at or behind an offset, and where to look for the one after it. There
// is none where start is negative.
func (f fieldRange) field(line []byte, at int) (start, end, next int) {
	if f.separator == nil {
		word, rest := fanfold.NextWord(line[at:])
		end = len(line) - len(rest)
		if len(word) == 0 {
			return -1, -1, -1
		}
		return end - len(word), end, end
	}
	if at > len(line) { // behind the last field
		return -1, -1, -1
	}
	if i := bytes.Index(line[at:], f.separator); i >= 0 {
		return at, at + i, at + i + len(f.separator)
	}
	return at, len(line), len(line) + 1
}
