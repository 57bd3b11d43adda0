package fanfold_test

import (
	"bytes"
	"fmt"
	"iter"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/inmemory"
)

// show runs a program over two inputs in memory and prints its output; with cli.Main instead, the
// same program runs on files in as many processes as there are slots.
func show(p fanfold.Program, params map[string]string) {
	output, err := inmemory.Job{Program: p, Params: params, Inputs: []inmemory.Input{
		{Name: "a.txt", Text: "the cat sat\non the mat\n"},
		{Name: "b.txt", Text: "the dog\n"},
	}}.Run()
	if err != nil {
		fmt.Println("error:", err)
	}
	fmt.Print(output)
}

// A program whose reducer is a ready-made aggregation: the fastest way to count.
func ExampleProgram() {
	show(fanfold.Program{
		Name: "words",
		Map: fanfold.MapLines(func(line []byte, emit *fanfold.Emitter) error {
			for word := range fanfold.Words(line) {
				emit.Add(word, 1)
			}
			return nil
		}),
		Fold: fanfold.Count,
	}, nil)
	// Output:
	// cat	1
	// dog	1
	// mat	1
	// on	1
	// sat	1
	// the	3
}

// A mapper that reads a parameter, and no reducer: the output comes in input order.
func ExampleTask_Int() {
	show(fanfold.Program{
		Name: "long",
		Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
			bytesMin, err := t.Int("bytes", 80)
			return fanfold.MapperFunc(func(rec fanfold.Record, emit *fanfold.Emitter) error {
				if len(rec.Value) >= bytesMin {
					emit.Emit(rec.Value, nil)
				}
				return nil
			}), err
		},
	}, map[string]string{"bytes": "10"})
	// Output:
	// the cat sat
	// on the mat
}

// A typed reducer that sees all values of a key.
func ExampleReduce() {
	show(fanfold.Program{
		Name: "by-length",
		Map: fanfold.MapLines(func(line []byte, emit *fanfold.Emitter) error {
			for word := range fanfold.Words(line) {
				emit.Emit(fmt.Appendf(nil, "%d letters", len(word)), word)
			}
			return nil
		}),
		Reduce: fanfold.Reduce(fanfold.Strings(),
			func(key []byte, words iter.Seq[string], emit *fanfold.Emitter) error {
				longest := ""
				for word := range words {
					longest = max(longest, word)
				}
				emit.Emit(key, []byte("the last in the alphabet is "+longest))
				return nil
			}),
	}, nil)
	// Output:
	// 2 letters	the last in the alphabet is on
	// 3 letters	the last in the alphabet is the
}

// One function that serves as combiner and reducer.
func ExampleMerge() {
	longest := fanfold.Merge(fanfold.Ints(), func(a, b int64) int64 { return max(a, b) })
	show(fanfold.Program{
		Name: "longest",
		Map: fanfold.MapLines(func(line []byte, emit *fanfold.Emitter) error {
			first, _ := fanfold.NextWord(line)
			emit.Add(first, int64(len(line)))
			return nil
		}),
		Combine: longest,
		Reduce:  longest,
	}, nil)
	// Output:
	// on	10
	// the	11
}

// lineCounter is a mapper with state: it has one value per attempt, and emits it at the end.
type lineCounter struct {
	input func() string
	lines int64
}

func (m *lineCounter) Map(fanfold.Record, *fanfold.Emitter) error {
	m.lines++
	return nil
}

func (m *lineCounter) Close(emit *fanfold.Emitter) error {
	if emit != nil { // nil: the attempt ends early
		emit.Add([]byte(m.input()), m.lines)
	}
	return nil
}

// A mapper that holds something back until the last record.
func ExampleCloser() {
	show(fanfold.Program{
		Name: "lines",
		Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
			return &lineCounter{input: t.Input}, nil
		},
		Fold: fanfold.Sum,
	}, nil)
	// Output:
	// a.txt	2
	// b.txt	1
}

// blockMapper sees whole blocks of lines instead of one line a call.
type blockMapper struct{ fanfold.Mapper }

func (blockMapper) MapBlock(block []byte, _ int64, emit *fanfold.Emitter) error {
	emit.Add([]byte("lines that begin with t"), int64(bytes.Count(block, []byte("\nt"))))
	if bytes.HasPrefix(block, []byte("t")) {
		emit.Add([]byte("lines that begin with t"), 1)
	}
	return nil
}

// A mapper that takes blocks: for work that the standard library does fast on large slices.
func ExampleBlockMapper() {
	show(fanfold.Program{
		Name: "begin",
		Map:  func(*fanfold.Task) (fanfold.Mapper, error) { return blockMapper{}, nil },
		Fold: fanfold.Sum,
	}, nil)
	// Output: lines that begin with t	2
}

// printer is a Sink, as a test of a mapper may have it.
type printer struct{}

func (printer) Flush(b *fanfold.Batch) error {
	for i := range b.Len {
		fmt.Printf("%s=%d ", b.Key(i), b.N[i])
	}
	fmt.Println()
	return nil
}

// A mapper can be tried alone, with a Sink of the test's own.
func ExampleNewEmitter() {
	mapper := fanfold.MapperFunc(func(rec fanfold.Record, emit *fanfold.Emitter) error {
		for word := range strings.FieldsSeq(string(rec.Value)) {
			emit.Add([]byte(word), int64(len(word)))
		}
		return nil
	})
	emit := fanfold.NewEmitter(printer{})
	if err := mapper.Map(fanfold.Record{Value: []byte("one two three")}, emit); err != nil {
		fmt.Println(err)
	}
	emit.Flush()
	// Output: one=3 two=3 three=5
}
