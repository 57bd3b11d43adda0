// Package decimal does exact arithmetic on decimal numbers that stand as text in records: it adds,
// compares, and encodes them so that bytes.Compare gives their order. The aggregations of commands
// and the built-in jobs use it. The one idea: numbers of up to 18 digits are an int64 and a count
// of fraction digits, and math/big takes over where that does not reach; no float is involved, so a
// result depends neither on the order of the records nor on how often they were combined.
//
// A number is an optional sign, digits with at most one point among them, and an optional exponent:
// 12, -0.5, .5, 5., +1e3, 2.5E-7. ASCII white space around it is ignored. NaN, infinities,
// hexadecimal and digit separators are errors.
package decimal

import (
	"errors"
	"fmt"
)

// The limits of one number. They bound the work that a hostile text can cause: without them the ten
// bytes 1e99999999 stand for a hundred million digits.
const (
	DigitsMax   = 4096 // digits written, zeros included
	ExponentMax = 4096 // magnitude of the exponent
)

// quoteMax is how many bytes of a bad text an error repeats.
const quoteMax = 64

// The causes of an error; the error itself names the text.
var (
	ErrSyntax = errors.New("not a decimal number")
	ErrRange  = errors.New("too many digits or too large an exponent")
)

// Check gives the error that Add, Compare and AppendKey would give for a text, or nil.
func Check(text []byte) error {
	_, err := parse(text)
	return err
}

// number is a parsed text: whole digits, a point, fraction digits, times ten to the exponent.
type number struct {
	negative        bool
	whole, fraction []byte // digits only; they point into the text
	exponent        int
}

// parse reads a text without allocating.
func parse(text []byte) (number, error) {
	var n number
	rest := trim(text)
	if len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
		n.negative, rest = rest[0] == '-', rest[1:]
	}
	n.whole, rest = digits(rest)
	if len(rest) > 0 && rest[0] == '.' {
		n.fraction, rest = digits(rest[1:])
	}
	count := len(n.whole) + len(n.fraction)
	if count == 0 {
		return n, refuse(text, ErrSyntax)
	}
	if len(rest) > 0 {
		var err error
		if n.exponent, err = exponent(rest); err != nil {
			return n, refuse(text, err)
		}
	}
	if count > DigitsMax {
		return n, refuse(text, ErrRange)
	}
	return n, nil
}

// exponent reads an e, an optional sign and digits.
func exponent(text []byte) (int, error) {
	if text[0]|0x20 != 'e' {
		return 0, ErrSyntax
	}
	negative := false
	if text = text[1:]; len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative, text = text[0] == '-', text[1:]
	}
	run, rest := digits(text)
	if len(run) == 0 || len(rest) > 0 {
		return 0, ErrSyntax
	}
	e := 0
	for _, c := range run {
		if e = e*10 + int(c-'0'); e > ExponentMax {
			return 0, ErrRange
		}
	}
	if negative {
		e = -e
	}
	return e, nil
}

// digits cuts text behind its leading digits.
func digits(text []byte) (run, rest []byte) {
	i := 0
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	return text[:i], text[i:]
}

func trim(text []byte) []byte {
	for len(text) > 0 && blank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && blank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func blank(c byte) bool { return c == ' ' || c-'\t' < 5 }

func refuse(text []byte, cause error) error {
	dots := ""
	if len(text) > quoteMax {
		text, dots = text[:quoteMax], "..."
	}
	return fmt.Errorf("%q%s: %w", text, dots, cause)
}
