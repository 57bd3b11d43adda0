package sortkey

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// ParseDefs reads keys as option -k of sort(1) has them, as POSIX describes it: F[.C][bnr], from
// the C-th byte of field F to the end of the line, and perhaps a comma and F[.C][bnr], to the C-th
// byte of field F or, without .C or with .0, to its end. Without a separator a field begins behind
// the one before it, with its blanks; b leaves out the blanks at the start of a field.
func ParseDefs(defs []string, d Defaults) (Keys, error) { return parseAll(defs, d, parseDef) }

var errDef = errors.New("want F[.C][bnr][,F[.C][bnr]], as sort -k has it")

func parseDef(text string, separator []byte) (k Key, err error) {
	from, to, through := strings.Cut(text, ",")
	p := span{separator: separator}
	var letters, more string
	if p.from, letters, err = parsePosition(from); err != nil {
		return k, err
	}
	if p.from.char = max(p.from.char, 1); from == "" || strings.Contains(from, ".0") {
		return k, errDef
	}
	if through {
		if p.to, more, err = parsePosition(to); err != nil {
			return k, err
		}
	}
	letters += more
	k.own = letters != ""
	k.lenient = true
	k.numeric, k.reverse = strings.Contains(letters, "n"), strings.Contains(letters, "r")
	k.piece = p
	return k, nil
}

// place is a byte of a line: the char-th of a field.
type place struct {
	field int  // from 1; 0: the end of the line
	char  int  // from 1; 0: the last
	skip  bool // blanks at the start of the field do not count
}

func parsePosition(text string) (p place, letters string, err error) {
	number := strings.TrimRight(text, "bnr")
	letters = text[len(number):]
	p.skip = strings.Contains(letters, "b")
	field, char, dotted := strings.Cut(number, ".")
	var ok bool
	if p.field, ok = position(field); !ok || p.field == 0 {
		return p, "", errDef
	}
	if dotted {
		if p.char, ok = position(char); !ok {
			return p, "", errDef
		}
	}
	return p, letters, nil
}

// span is the bytes from one place to another.
type span struct {
	from, to  place
	separator []byte // nil: see ParseDefs
}

func (s span) cut(line []byte) []byte {
	begin := min(s.start(line, s.from)+s.from.char-1, len(line))
	end := len(line)
	switch {
	case s.to.field == 0:
	case s.to.char == 0:
		end = s.end(line, s.start(line, place{field: s.to.field}))
	default:
		end = min(s.start(line, s.to)+s.to.char, len(line))
	}
	return line[begin:max(begin, end)]
}

// start is where the field of a place starts: at the end of a line that does not have it.
func (s span) start(line []byte, p place) int {
	at := 0
	for range p.field - 1 {
		if at = s.end(line, at); at == len(line) {
			return at
		}
		at += len(s.separator)
	}
	if p.skip {
		at += blanks(line[at:])
	}
	return at
}

// end is where the field ends that starts at an offset.
func (s span) end(line []byte, at int) int {
	if s.separator != nil {
		if i := bytes.Index(line[at:], s.separator); i >= 0 {
			return at + i
		}
		return len(line)
	}
	at += blanks(line[at:])
	if i := bytes.IndexAny(line[at:], " \t"); i >= 0 {
		return at + i
	}
	return len(line)
}

// blanks is how many blanks a text starts with.
func blanks(text []byte) int { return len(text) - len(bytes.TrimLeft(text, " \t")) }

// leadingNumber is the number that a text starts with as sort -n reads it: blanks, a minus sign,
// digits, and a point with digits. It is zero where there is none.
func leadingNumber(text []byte) []byte {
	text = text[blanks(text):]
	n, digits := 0, 0
	if n < len(text) && text[n] == '-' {
		n++
	}
	for point := false; n < len(text); n++ {
		switch c := text[n]; {
		case c >= '0' && c <= '9':
			digits++
			continue
		case c == '.' && !point:
			point = true
			continue
		}
		break
	}
	if digits == 0 {
		return zero
	}
	return text[:n]
}

var zero = strconv.AppendInt(nil, 0, 10)
