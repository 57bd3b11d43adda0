// Command mappers is what users of the SDK write: word count with a mapper per line or per block,
// and a reducer of their own over grouped values. It measures what code that is not built in costs.
package main

import (
	"bytes"
	"strconv"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/cli"
)

func main() {
	cli.Main(
		counter("loop", fanfold.MapLines(loop)),
		counter("fields", fanfold.MapLines(fields)),
		counter("block", func(*fanfold.Task) (fanfold.Mapper, error) { return block{}, nil }),
		lengths(),
	)
}

// counter is a program that counts keys.
func counter(name string, mapper func(*fanfold.Task) (fanfold.Mapper, error)) fanfold.Program {
	return fanfold.Program{Name: name, Map: mapper, Fold: fanfold.Count}
}

// loop emits the words of a line, looking at one byte after the other.
func loop(line []byte, emit *fanfold.Emitter) error {
	start := -1
	for i, c := range line {
		switch c {
		case ' ', '\t', '\v', '\f', '\r':
			if start >= 0 {
				emit.Add(line[start:i], 1)
			}
			start = -1
		default:
			if start < 0 {
				start = i
			}
		}
	}
	if start >= 0 {
		emit.Add(line[start:], 1)
	}
	return nil
}

// fields emits the words of a line as the standard library finds them.
func fields(line []byte, emit *fanfold.Emitter) error {
	for word := range bytes.FieldsSeq(line) {
		emit.Add(word, 1)
	}
	return nil
}

// block emits the words of many lines at once.
type block struct{}

// Map emits the words of one line.
func (block) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	return loop(rec.Value, emit)
}

// MapBlock emits the words of a block of lines.
func (block) MapBlock(text []byte, _ int64, emit *fanfold.Emitter) error {
	for word, rest := fanfold.NextWord(text); len(word) > 0; word, rest = fanfold.NextWord(rest) {
		emit.Add(word, 1)
	}
	return nil
}

// lengths sums, for the first two bytes of words, the lengths of the words: its reducer sees each
// word as a value.
func lengths() fanfold.Program {
	return fanfold.Program{
		Name: "lengths",
		Map: fanfold.MapLines(func(line []byte, emit *fanfold.Emitter) error {
			for word := range fanfold.Words(line) {
				emit.Emit(word[:min(len(word), 2)], word)
			}
			return nil
		}),
		Reduce: func(*fanfold.Task) (fanfold.Reducer, error) { return &summer{}, nil },
	}
}

// summer is the reducer of lengths.
type summer struct{ text []byte }

// Reduce emits the sum of a key.
func (s *summer) Reduce(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	n := 0
	for value := range values.All() {
		n += len(value)
	}
	s.text = strconv.AppendInt(s.text[:0], int64(n), 10)
	emit.Emit(key, s.text)
	return nil
}
