package fanfold_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/inmemory"
)

// words emits each word of a line with 1.
func words(line []byte, emit *fanfold.Emitter) error {
	emit.AddAll(fanfold.Words(line), 1)
	return nil
}

// pairs emits "key value" lines.
func pairs(line []byte, emit *fanfold.Emitter) error {
	key, value, ok := strings.Cut(string(line), " ")
	if !ok {
		return fmt.Errorf("%q is not a pair", line)
	}
	emit.Emit([]byte(key), []byte(value))
	return nil
}

// run runs a program over lines and gives its output.
func run(t *testing.T, p fanfold.Program, lines ...string) (string, error) {
	t.Helper()
	return inmemory.Job{Program: p, Combine: true,
		Inputs: []inmemory.Input{{Name: "in", Text: strings.Join(lines, "\n")}}}.Run()
}

func TestMerge(t *testing.T) {
	sum := fanfold.Merge(fanfold.Ints(), func(a, b int64) int64 { return a + b })
	join := fanfold.Merge(fanfold.Strings(), func(a, b string) string { return a + b })
	largest := fanfold.Merge(fanfold.Floats(), func(a, b float64) float64 { return max(a, b) })
	tests := []struct {
		name    string
		program fanfold.Program
		lines   []string
		want    string
	}{
		{"ints of Add", fanfold.Program{Map: fanfold.MapLines(words), Combine: sum, Reduce: sum},
			[]string{"b a", "a b b"}, "a\t2\nb\t3\n"},
		{"ints", fanfold.Program{Map: fanfold.MapLines(pairs), Reduce: sum},
			[]string{"a -5", "a +2", "b 9223372036854775807"}, "a\t-3\nb\t9223372036854775807\n"},
		{"strings in order", fanfold.Program{Map: fanfold.MapLines(pairs), Combine: join, Reduce: join},
			[]string{"a x", "b ", "a y", "a z"}, "a\txyz\nb\t\n"},
		{"floats", fanfold.Program{Map: fanfold.MapLines(pairs), Combine: largest, Reduce: largest},
			[]string{"a 0.1", "a 1e3", "a -inf"}, "a\t1000\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := run(t, tt.program, tt.lines...); err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestReduce(t *testing.T) {
	spread := fanfold.Reduce(fanfold.Ints(),
		func(key []byte, values iter.Seq[int64], emit *fanfold.Emitter) error {
			all := slices.Collect(values)
			emit.Add(key, slices.Max(all)-slices.Min(all))
			return nil
		})
	got, err := run(t, fanfold.Program{Map: fanfold.MapLines(pairs), Reduce: spread},
		"a 3", "b 5", "a -4", "a 0")
	if want := "a\t7\nb\t0\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestTypedReducersNameTheBadValue(t *testing.T) {
	ignore := func(_ []byte, values iter.Seq[int64], _ *fanfold.Emitter) error {
		for range values {
			continue
		}
		return errors.New("follows from the bad value")
	}
	for name, reduce := range map[string]func(*fanfold.Task) (fanfold.Reducer, error){
		"Reduce": fanfold.Reduce(fanfold.Ints(), ignore),
		"Merge":  fanfold.Merge(fanfold.Ints(), func(a, b int64) int64 { return a + b }),
	} {
		_, err := run(t, fanfold.Program{Map: fanfold.MapLines(pairs), Reduce: reduce}, "a 1", "a cat")
		want := `parse value: of key "a": strconv.ParseInt: parsing "cat": invalid syntax`
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func TestMapLinesErrors(t *testing.T) {
	_, err := run(t, fanfold.Program{Map: fanfold.MapLines(pairs)}, "a 1", "lonely")
	if want := `"lonely" is not a pair`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReduceLeavesValues(t *testing.T) {
	first := fanfold.Reduce(fanfold.Strings(),
		func(key []byte, values iter.Seq[string], emit *fanfold.Emitter) error {
			for v := range values {
				emit.Emit(key, []byte(v))
				break
			}
			return nil
		})
	got, err := run(t, fanfold.Program{Map: fanfold.MapLines(pairs), Reduce: first}, "a 2", "a 1")
	if want := "a\t2\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestTypedValuesDoNotAllocate(t *testing.T) {
	sum, err := fanfold.Merge(fanfold.Ints(), func(a, b int64) int64 { return a + b })(nil)
	if err != nil {
		t.Fatal(err)
	}
	emit := fanfold.NewEmitter(drop{})
	key, value := []byte("key"), []byte("12345")
	left := 0
	values := fanfold.NewValues(func() ([]byte, bool) {
		left--
		return value, left >= 0
	})
	perKey := func(n int) float64 {
		return testing.AllocsPerRun(10, func() {
			left = n
			if err := sum.Reduce(key, values, emit); err != nil {
				t.Fatal(err)
			}
		})
	}
	if one, many := perKey(1), perKey(1000); one != many {
		t.Errorf("got %v allocations for one value and %v for a thousand, want the same", one, many)
	}
}
