package jobs

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/decimal"
)

// sortKeysMax bounds the sort keys of one job.
const sortKeysMax = 64

// sortKey cuts a piece out of a line and encodes it so that bytes.Compare gives the wanted order.
type sortKey struct {
	bytes       bool // first and last are byte offsets, last behind the piece; else fields from one
	first, last int  // last is math.MaxInt for the end of the line
	separator   []byte
	numeric     bool
	reverse     bool
}

// sortKeys reads the parameters: no key at all for the plain order of lines.
func sortKeys(t *fanfold.Task) ([]sortKey, error) {
	numeric, err := t.Flag("numeric")
	if err != nil {
		return nil, err
	}
	reverse, err := t.Flag("reverse")
	if err != nil {
		return nil, err
	}
	var separator []byte
	if _, set := t.Params["separator"]; set {
		if separator, err = separatorOf(t, ""); err != nil {
			return nil, err
		}
	}
	list := t.Param("key", "")
	if list == "" && !numeric && !reverse {
		return nil, nil
	}
	if list == "" {
		list = "0:"
	}
	var keys []sortKey
	for text := range strings.SplitSeq(list, ",") {
		k, ok := parseSortKey(text)
		if !ok || len(keys) == sortKeysMax {
			return nil, fanfold.Errorf(fanfold.KindUsage, "parameter key",
				"%q: want a field as 2, 2-4 or 2-, or bytes as 0:10 or 4:, and n or r", text)
		}
		if !k.numeric && !k.reverse {
			k.numeric, k.reverse = numeric, reverse
		}
		k.separator = separator
		keys = append(keys, k)
	}
	return keys, nil
}

// parseSortKey reads a range and the letters behind it.
func parseSortKey(text string) (k sortKey, ok bool) {
	span := strings.TrimRight(text, "nr")
	letters := text[len(span):]
	k.numeric, k.reverse = strings.Contains(letters, "n"), strings.Contains(letters, "r")
	k.last = math.MaxInt
	first, last, through := strings.Cut(span, ":")
	if k.bytes = through; !k.bytes {
		first, last, through = strings.Cut(span, "-")
	}
	if k.first, ok = position(first); !ok {
		return k, false
	}
	switch {
	case !through:
		k.last = k.first
	case last != "":
		if k.last, ok = position(last); !ok {
			return k, false
		}
	}
	return k, k.last >= k.first && (k.bytes || k.first > 0)
}

// position reads a field number or a byte offset: digits only.
func position(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil
}

// notNumber comes before what decimal.AppendKey writes.
const notNumber = 0x01

// append appends the encoded key of a line to dst. No encoding is a prefix of another, so that what
// follows, the next key or the line, decides between equals only.
func (k *sortKey) append(dst, line []byte) []byte {
	start := len(dst)
	piece := k.cut(line)
	if k.numeric {
		number, err := decimal.AppendKey(dst, piece)
		if err != nil {
			number = append(dst, notNumber)
		}
		dst = number
	} else {
		dst = appendText(dst, piece)
	}
	if k.reverse {
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

// appendText writes NUL as 00 ff, and 00 01 behind the text.
func appendText(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, 0)
		if i < 0 {
			return append(append(dst, text...), 0, 1)
		}
		dst = append(append(dst, text[:i]...), 0, 0xff)
		text = text[i+1:]
	}
}

// cut gives the piece of the line that is the key, empty where the line has no such piece.
func (k *sortKey) cut(line []byte) []byte {
	if k.bytes {
		return line[min(k.first, len(line)):min(k.last, len(line))]
	}
	begin, end := -1, -1
	for n, at := 1, 0; n <= k.last; n++ {
		start, stop, next := k.field(line, at)
		if start < 0 {
			break
		}
		if n == k.first {
			begin = start
			if k.last == math.MaxInt {
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
func (k *sortKey) field(line []byte, at int) (start, end, next int) {
	if k.separator == nil {
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
	if i := bytes.Index(line[at:], k.separator); i >= 0 {
		return at, at + i, at + i + len(k.separator)
	}
	return at, len(line), len(line) + 1
}
