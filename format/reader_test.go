package format

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

var lineFormat, _ = Parse("")

// line is one line, with its LF if it has one, and where it starts.
type line struct {
	text   string
	offset int64
}

// linesTwin cuts a whole input into lines.
func linesTwin(input string) []line {
	var all []line
	offset := int64(0)
	for _, text := range strings.SplitAfter(input, "\n") {
		if text != "" {
			all = append(all, line{text, offset})
			offset += int64(len(text))
		}
	}
	return all
}

// readRange gives the lines of the range [from, to), by way of blocks.
func readRange(l *Reader, r io.Reader, from, to, size int64) ([]line, error) {
	start := max(from-1, 0)
	if _, err := io.CopyN(io.Discard, r, start); err != nil {
		return nil, err
	}
	l.Reset(r, start, to, size-start)
	if start < from {
		if err := l.SkipRecord(); err != nil {
			return nil, err
		}
	}
	var all []line
	for {
		block, offset, err := l.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		for text := range bytes.Lines(block) {
			all = append(all, line{string(text), offset})
			offset += int64(len(text))
		}
	}
}

// Every way to cut an input into ranges gives each line once, whole and in order.
func TestX11EveryCutGivesEveryLineOnce(t *testing.T) {
	inputs := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{
			"\n", "\n", "\r\n", "a", "bc", "\x00", "\xff\xfe", strings.Repeat("long", 20),
		}), 0, 40).Draw(t, "parts")
		return strings.Join(parts, "")
	})
	rapid.Check(t, func(t *rapid.T) {
		input := inputs.Draw(t, "input")
		size := int64(len(input))
		l := Reader{Format: lineFormat, Limits: Limits{
			Block:  rapid.IntRange(1, 50).Draw(t, "block"),
			Behind: rapid.IntRange(1, 10).Draw(t, "behind"),
			Record: 10_000,
		}}
		cuts := []int64{0}
		for cuts[len(cuts)-1] < size {
			step := rapid.Int64Range(1, max(1, size/2)).Draw(t, "step")
			cuts = append(cuts, min(size, cuts[len(cuts)-1]+step))
		}
		var got []line
		for i := range len(cuts) - 1 {
			r := io.Reader(strings.NewReader(input))
			if rapid.Bool().Draw(t, "byte by byte") {
				r = iotest.OneByteReader(r)
			}
			part, err := readRange(&l, r, cuts[i], cuts[i+1], size)
			if err != nil {
				t.Fatalf("range [%d, %d): %v", cuts[i], cuts[i+1], err)
			}
			got = append(got, part...)
		}
		compareLines(t, got, linesTwin(input))

		whole, err := readRange(&l, strings.NewReader(input), 0, NoEnd, -1)
		if err != nil {
			t.Fatalf("whole: %v", err)
		}
		compareLines(t, whole, linesTwin(input))
	})
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func compareLines(t failer, got, want []line) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("line %d: got %.80q at %d, want %.80q at %d",
				i, got[i].text, got[i].offset, want[i].text, want[i].offset)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
}

func TestLineLimit(t *testing.T) {
	const limit = 1000
	for _, ending := range []string{"", "\n", "\r\n"} {
		for _, n := range []int{limit - 1, limit, limit + 1} {
			for _, end := range []int64{NoEnd, 7} {
				l := Reader{Format: lineFormat, Limits: Limits{Block: 64, Behind: 8, Record: limit}}
				input := "first\n" + strings.Repeat("x", n-len(strings.TrimSuffix(ending, "\n"))) + ending
				got, err := readRange(&l, strings.NewReader(input), 0, end, int64(len(input)))
				if n > limit {
					if !errors.Is(err, ErrLong) || l.offset != 6 {
						t.Errorf("%d bytes and %q: error %v at offset %d", n, ending, err, l.offset)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%d bytes and %q: %v", n, ending, err)
				}
				compareLines(t, got, linesTwin(input))
			}
		}
	}
}

// A buffer that grew for a long line shrinks again.
func TestBufferShrinks(t *testing.T) {
	l := Reader{Format: lineFormat, Limits: Limits{Block: 64, Behind: 8, Record: 1 << 20}}
	input := strings.Repeat("x", 10_000) + "\n" + strings.Repeat("short\n", 50_000)
	largest := 0
	l.Reset(strings.NewReader(input), 0, NoEnd, -1)
	for {
		_, _, err := l.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, len(l.buf))
	}
	if largest < 10_000 || len(l.buf) != 64 {
		t.Errorf("the buffer grew to %d and ended with %d bytes", largest, len(l.buf))
	}
}

func TestReadErrorPasses(t *testing.T) {
	broken := errors.New("broken")
	l := Reader{Format: lineFormat, Limits: Limits{Block: 64, Behind: 8, Record: 1 << 20}}
	l.Reset(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 0, NoEnd, -1)
	if _, _, err := l.Next(); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}
