package format

import (
	"bytes"
	"errors"
)

// CSV is that of RFC 4180: fields between commas, records between line ends, LF or CR LF. A field
// that begins with a quote ends with the quote that no other follows; commas, line ends and, two
// for each, quotes may stand in it. A quote inside another field is data, as most programs have it.

// csvEnd is where the record that data starts with ends, its LF included; -1: not in data.
func csvEnd(data []byte) int {
	for at, lf := 0, -1; ; {
		if lf < at {
			i := bytes.IndexByte(data[at:], '\n')
			if i < 0 {
				return -1
			}
			lf = at + i
		}
		open := openQuote(data[:lf], at)
		if open < 0 {
			return lf + 1
		}
		if at = closeQuote(data, open); at < 0 {
			return -1
		}
	}
}

// openQuote finds the first quote at or behind an offset that a field begins with; -1: there is
// none.
func openQuote(data []byte, at int) int {
	for {
		i := bytes.IndexByte(data[at:], '"')
		if i < 0 {
			return -1
		}
		if at += i; at == 0 || data[at-1] == ',' {
			return at
		}
		at++
	}
}

// closeQuote gives the offset behind the quote that closes the field which begins with the quote
// at open; -1: it is not in data.
func closeQuote(data []byte, open int) int {
	for at := open + 1; ; at++ {
		i := bytes.IndexByte(data[at:], '"')
		if i < 0 {
			return -1
		}
		if at += i + 1; at == len(data) || data[at] != '"' {
			return at
		}
	}
}

func csvWhole(data []byte) int {
	last := bytes.LastIndexByte(data, '\n') + 1
	if bytes.IndexByte(data[:last], '"') < 0 {
		return last
	}
	for whole := 0; ; {
		n := csvEnd(data[whole:last])
		if n < 0 {
			return whole
		}
		whole += n
	}
}

func csvNext(data []byte) (record, rest []byte) {
	end := csvEnd(data)
	if end < 0 {
		return bytes.TrimSuffix(data, []byte{'\r'}), nil
	}
	return bytes.TrimSuffix(data[:end-1], []byte{'\r'}), data[end:]
}

// What may be wrong with a CSV record.
var (
	errOpenQuote   = errors.New("a quoted field is not closed")
	errBehindQuote = errors.New("text behind the quote that closes a field")
)

// csvField cuts the first field off a record; what is quoted is unquoted into buf. The rest is nil
// behind the last field.
func csvField(record, buf []byte) (field, rest, unquoted []byte, err error) {
	if len(record) == 0 || record[0] != '"' {
		if i := bytes.IndexByte(record, ','); i >= 0 {
			return record[:i], record[i+1:], buf, nil
		}
		return record, nil, buf, nil
	}
	end := closeQuote(record, 0)
	switch {
	case end < 0:
		return nil, nil, buf, errOpenQuote
	case end < len(record) && record[end] != ',':
		return nil, nil, buf, errBehindQuote
	case end < len(record):
		rest = record[end+1:]
	}
	field = record[1 : end-1]
	if bytes.IndexByte(field, '"') < 0 {
		return field, rest, buf, nil
	}
	from := len(buf)
	for {
		i := bytes.IndexByte(field, '"')
		if i < 0 {
			buf = append(buf, field...)
			return buf[from:len(buf):len(buf)], rest, buf, nil
		}
		buf, field = append(buf, field[:i+1]...), field[i+2:]
	}
}

// csvPicker takes columns, and looks whether the quotes of a record are right. A column that a
// record does not have is empty as a key, and none as a value.
func csvPicker(f *Format, header []byte) (Picker, error) {
	var names [][]byte
	for rest, buf := header, []byte(nil); rest != nil; {
		var name []byte
		var err error
		if name, rest, buf, err = csvField(rest, buf); err != nil {
			return nil, usagef("header: %w", err)
		}
		names = append(names, name)
	}
	c, err := f.choose(names)
	if err != nil {
		return nil, err
	}
	last := max(c.key, c.value)
	var buf []byte
	return func(record []byte) (key, value []byte, err error) {
		if f.Keyed {
			key = record[:0]
		}
		if c.value < 0 {
			value = record
		}
		quoted := bytes.IndexByte(record, '"') >= 0
		buf = buf[:0]
		for i, rest := 0, record; rest != nil && (quoted || i <= last); i++ {
			var field []byte
			if field, rest, buf, err = csvField(rest, buf); err != nil {
				return nil, nil, err
			}
			c.take(i, field, &key, &value)
		}
		return key, value, nil
	}, nil
}
