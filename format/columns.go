package format

import (
	"bytes"
	"strconv"

	"github.com/fanfold/fanfold"
)

// chosen are the columns that a format asks for, counted from 0; -1: none.
type chosen struct {
	key, value int
}

// choose resolves the columns of a format. Header are the names, or nil where they are not known.
func (f *Format) choose(header [][]byte) (c chosen, err error) {
	if c.key, err = column(f.key, header); err == nil {
		c.value, err = column(f.value, header)
	}
	return c, err
}

// column finds a column by its number, counted from 1, or by its name.
func column(text string, header [][]byte) (int, error) {
	if text == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		if n == 0 {
			return -1, usagef("column %q: they are counted from 1", text)
		}
		return int(n) - 1, nil
	}
	for i, name := range header {
		if string(name) == text {
			return i, nil
		}
	}
	return -1, fanfold.Errorf(fanfold.KindNotFound, "read header", "no column is named %q", text)
}

// take keeps a field if it is one of those chosen.
func (c chosen) take(i int, field []byte, key, value *[]byte) {
	if i == c.key {
		*key = field
	}
	if i == c.value {
		*value = field
	}
}

// tsvPicker takes columns between TABs. A column that a record does not have is empty as a key, and
// none as a value.
func tsvPicker(f *Format, header []byte) (Picker, error) {
	var names [][]byte
	if header != nil {
		names = bytes.Split(header, []byte{'\t'})
	}
	c, err := f.choose(names)
	if err != nil || !f.Keyed {
		return nil, err
	}
	last := max(c.key, c.value)
	return func(record []byte) (key, value []byte, err error) {
		key = record[:0]
		if c.value < 0 {
			value = record
		}
		rest := record
		for i := 0; i <= last && rest != nil; i++ {
			var field []byte
			field, rest = fanfold.NextField(rest, '\t')
			c.take(i, field, &key, &value)
		}
		return key, value, nil
	}, nil
}
