// Package sortkey cuts sort keys out of lines and encodes them. The job sort and the order of the
// values of a command's keys use it. The one idea: everything is ordered by bytes.Compare, so a
// number or a key that descends is written such that its bytes compare as it does.
package sortkey

import (
	"errors"
	"fmt"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/decimal"
)

// KeysMax bounds the sort keys of one job.
const KeysMax = 64

// Keys is an order of lines: by the first key, those equal by it by the second, and so on.
type Keys []Key

// Key is a piece of a line and how it is compared.
type Key struct {
	piece   piece
	numeric bool
	lenient bool // a number is what the piece begins with; 0 where that is none
	reverse bool
	own     bool // it has letters: the defaults are for those without
}

// piece is a part of a line; where the line has no such part it is empty.
type piece interface {
	cut(line []byte) []byte
}

// Defaults are for keys without letters.
type Defaults struct {
	Separator        []byte // between fields; nil: white space
	Numeric, Reverse bool
}

// Whole reports whether the keys order lines as bytes.Compare of the whole lines does.
func (k Keys) Whole() bool {
	if len(k) == 0 {
		return true
	}
	b, ok := k[0].piece.(byteRange)
	return len(k) == 1 && ok && b.first == 0 && !k[0].numeric && !k[0].reverse
}

// Append appends the encoded keys of a line to dst. No encoding is a prefix of another, so that
// what follows decides between equals only.
func (k Keys) Append(dst, line []byte) []byte {
	for i := range k {
		dst = k[i].append(dst, line)
	}
	return dst
}

// notNumber comes before what decimal.AppendKey writes.
const notNumber = 0x01

func (k *Key) append(dst, line []byte) []byte {
	start := len(dst)
	piece := k.piece.cut(line)
	switch {
	case k.numeric && k.lenient:
		dst = appendNumber(dst, leadingNumber(piece))
	case k.numeric:
		dst = appendNumber(dst, piece)
	default:
		dst = fanfold.AppendKeyText(dst, piece)
	}
	if k.reverse {
		fanfold.Descend(dst[start:])
	}
	return dst
}

func appendNumber(dst, text []byte) []byte {
	number, err := decimal.AppendKey(dst, text)
	if err != nil {
		return append(dst, notNumber)
	}
	return number
}

// parseAll parses texts, each a key, with what they have in common.
func parseAll(texts []string, d Defaults, parse func(string, []byte) (Key, error)) (Keys, error) {
	if len(texts) > KeysMax {
		return nil, fmt.Errorf("%d sort keys: the most is %d", len(texts), KeysMax)
	}
	keys := make(Keys, 0, len(texts))
	for _, text := range texts {
		k, err := parse(text, d.Separator)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		if !k.own {
			k.numeric, k.reverse = d.Numeric, d.Reverse
		}
		keys = append(keys, k)
	}
	return keys, nil
}

var errForm = errors.New("want a field as 2, 2-4 or 2-, or bytes as 0:10 or 4:, and n or r")
