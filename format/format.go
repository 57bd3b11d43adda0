package format

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/closest"
)

// Cut says where an input may be cut into ranges.
type Cut uint8

// The ways to cut an input.
const (
	CutAnywhere Cut = iota // a range owns the records whose first byte lies in it: see Delimiter
	CutAtSize              // at multiples of Size
	CutAtRecord            // between two records, which only reading from the start finds
	CutNever               // an input is one record
)

// Format is how an input becomes records. It is not changed, and is safe for concurrent use.
type Format struct {
	Name       string
	Lines      bool   // records are lines of text, as a fanfold.BlockMapper takes them
	Cut        Cut    // where an input may be cut
	Delimiter  byte   // CutAnywhere: what ends a record, and stands in none
	Size       int    // bytes of each record; 0: they differ
	Terminator string // what a command gets behind each record
	Keyed      bool   // records have keys
	Columns    bool   // records have columns, and the first of an input may name them
	Named      bool   // columns are chosen by names: Picker needs the header
	SkipEmpty  bool   // an empty record is none

	// Whole is how many bytes of data, which starts with a record, are whole records.
	Whole func(data []byte) int
	// Next cuts the first record off data, which has one. What a record ends with is not in it.
	Next func(data []byte) (record, rest []byte)

	picker func(f *Format, header []byte) (Picker, error) // nil: see Picker

	key, value string // as the text of the format has them
}

// Picker takes the key and the value out of a record; they are valid until the next call. A nil key
// is none, a nil value neither. An error says what is wrong with the record.
type Picker func(record []byte) (key, value []byte, err error)

// formats is the table. What may stand behind a colon is what the column argument says.
var formats = []struct {
	Format
	argument string // "": none; "size": bytes; "fields": a key and perhaps a value
	needed   bool
}{
	{Format: Format{
		Name: "lines", Lines: true, Delimiter: '\n', Terminator: "\n",
		Whole: delimited('\n'), Next: fanfold.NextLine,
	}},
	{Format: Format{
		Name: "csv", Cut: CutAtRecord, Columns: true, SkipEmpty: true, Terminator: "\n",
		Whole: csvWhole, Next: csvNext, picker: csvPicker,
	}, argument: "fields"},
	{Format: Format{
		Name: "tsv", Delimiter: '\n', Columns: true, Terminator: "\n",
		Whole: delimited('\n'), Next: nextTextLine, picker: tsvPicker,
	}, argument: "fields"},
	{Format: Format{
		Name: "json", Delimiter: '\n', SkipEmpty: true, Terminator: "\n",
		Whole: delimited('\n'), Next: nextTextLine, picker: jsonPicker,
	}, argument: "fields"},
	{Format: Format{
		Name: "fixed", Cut: CutAtSize, picker: fixedPicker,
	}, argument: "size", needed: true},
	{Format: Format{
		Name: "nul", Terminator: "\x00",
		Whole: delimited(0), Next: nextDelimited(0),
	}},
	{Format: Format{
		Name: "whole", Cut: CutNever, Keyed: true,
		Whole: func([]byte) int { return 0 },
		Next:  func(data []byte) (record, rest []byte) { return data, nil },
	}},
}

// Usage is what may be given as a format.
const Usage = "lines, csv[:KEY[,VALUE]], tsv[:KEY[,VALUE]], json[:KEY[,VALUE]], fixed:BYTES, " +
	"nul or whole"

// Of reads the format of a job's inputs, and checks what goes with it. The error is KindUsage.
func Of(r fanfold.Reading) (*Format, error) {
	f, err := Parse(r.Format)
	switch {
	case err != nil:
		return nil, err
	case r.Header && !f.Columns:
		return nil, usagef("format %s: only csv and tsv have a header", f.Name)
	case !r.Header && f.Named:
		err := usagef("format %s: columns are chosen by name, and there is no header", r.Format)
		err.Hint = "choose them by number, or say that the inputs have a header (--header)"
		return nil, err
	}
	return f, nil
}

// Parse reads a format such as "lines" (also ""), "csv:2" or "fixed:100". The error is KindUsage.
func Parse(text string) (*Format, error) {
	name, argument, given := strings.Cut(text, ":")
	if text == "" {
		name = "lines"
	}
	names := make([]string, 0, len(formats))
	for i := range formats {
		row := &formats[i]
		if names = append(names, row.Name); row.Name != name {
			continue
		}
		if given && row.argument == "" || !given && row.needed {
			return nil, usagef("format %q: want %s", text, Usage)
		}
		f := row.Format
		var err error
		if given {
			err = f.argument(row.argument, argument)
		}
		return &f, err
	}
	err := usagef("no format is named %q: want %s", name, Usage)
	if near := closest.Name(name, names); near != "" {
		err.Hint = "did you mean " + near + "?"
	}
	return nil, err
}

func usagef(text string, args ...any) *fanfold.Error {
	return fanfold.Errorf(fanfold.KindUsage, "read format", text, args...)
}

// argument takes what stands behind the colon.
func (f *Format) argument(kind, text string) error {
	if kind == "size" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > fanfold.RecordMax {
			return usagef("%q: want a number of bytes from 1 to %d", text, fanfold.RecordMax)
		}
		f.Size = n
		f.Whole = func(data []byte) int { return len(data) / n * n }
		f.Next = func(data []byte) (record, rest []byte) {
			end := min(n, len(data))
			return data[:end], data[end:]
		}
		return nil
	}
	f.key, f.value, _ = strings.Cut(text, ",")
	f.Keyed = true
	if f.key == "" || strings.HasSuffix(text, ",") {
		return usagef("%q: want a key, or a key, a comma and a value", text)
	}
	_, err := f.Picker(nil)
	if f.Named = fanfold.KindOf(err) == fanfold.KindNotFound; f.Named {
		return nil
	}
	return err
}

// Picker makes the Picker of one reader; nil: a record is the value, and there is no key. Header
// is the record of names of a format with columns, or nil. The error is KindNotFound for a column
// that the header does not have, and else KindUsage.
func (f *Format) Picker(header []byte) (Picker, error) {
	if f.picker == nil {
		return nil, nil //nolint:nilnil // see above
	}
	return f.picker(f, header)
}

// delimited gives Whole of records that a byte ends.
func delimited(end byte) func([]byte) int {
	return func(data []byte) int { return bytes.LastIndexByte(data, end) + 1 }
}

// nextDelimited gives Next of records that a byte ends.
func nextDelimited(end byte) func([]byte) (record, rest []byte) {
	return func(data []byte) (record, rest []byte) {
		if i := bytes.IndexByte(data, end); i >= 0 {
			return data[:i], data[i+1:]
		}
		return data, nil
	}
}

// nextTextLine is NextLine for formats in which a CR before the LF is no data.
func nextTextLine(data []byte) (record, rest []byte) {
	record, rest = fanfold.NextLine(data)
	return bytes.TrimSuffix(record, []byte{'\r'}), rest
}
