package shuffle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fanfold/fanfold"
	"pgregory.net/rapid"
)

// written is the content of an output of one part.
func written(t fataler, c Config, o fanfold.Output) []byte {
	t.Helper()
	switch {
	case o.File != "":
		b, err := os.ReadFile(c.Dir + "/" + o.File)
		if err != nil {
			t.Fatalf("read output: %v", err)
		}
		if o.Inline != nil || int64(len(b)) != o.Bytes {
			t.Fatalf("file of %d bytes for %+v", len(b), o)
		}
		return b
	case o.Inline != nil:
		return o.Inline[0]
	}
	return nil
}

// outputTwin orders, cuts and renders by the book.
func outputTwin(in []record, final Final) string {
	in = slices.Clone(in)
	switch final.Sort {
	case fanfold.SortNone:
	case fanfold.SortValue:
		slices.SortStableFunc(in, compareByValue)
	default:
		slices.SortStableFunc(in, func(a, b record) int { return bytes.Compare(a.key, b.key) })
	}
	if final.Top > 0 && len(in) > final.Top {
		in = in[:final.Top]
	}
	var b strings.Builder
	for _, r := range in {
		b.WriteString(renderTwin(r, final.Format))
	}
	return b.String()
}

func renderTwin(r record, format fanfold.Format) string {
	value := r.text()
	if format == fanfold.FormatText {
		if value == nil {
			return string(r.key) + "\n"
		}
		return string(r.key) + "\t" + string(value) + "\n"
	}
	field := func(name string, text []byte) string {
		if !utf8.Valid(text) {
			return fmt.Sprintf("%q:%q", name+"_b64", base64.StdEncoding.EncodeToString(text))
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(string(text)); err != nil {
			panic(err)
		}
		return fmt.Sprintf("%q:%s", name, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	}
	line := field("key", r.key)
	if value != nil {
		line += "," + field("value", value)
	}
	return "{" + line + "}\n"
}

// compareByValue is the value order with rational numbers.
func compareByValue(a, b record) int {
	class := func(r record) (int, *big.Rat) {
		if r.text() == nil {
			return 2, nil
		}
		text := strings.Trim(string(r.text()), " \t\n\v\f\r")
		if strings.Trim(text, "0123456789.+-eE") != "" || strings.ContainsAny(text, "_/") {
			return 1, nil
		}
		if n, ok := new(big.Rat).SetString(text); ok {
			return 0, n
		}
		return 1, nil
	}
	ca, na := class(a)
	cb, nb := class(b)
	c := cmp.Compare(ca, cb)
	switch {
	case c != 0:
		return c
	case ca == 0:
		c = nb.Cmp(na)
	case ca == 1:
		c = bytes.Compare(a.text(), b.text())
	}
	return cmp.Or(c, bytes.Compare(a.key, b.key))
}

// outputRecords draws records whose values are often numbers, and texts that need escapes.
func outputRecords(most int) *rapid.Generator[[]record] {
	texts := []string{
		"", "0", "-0", "+0.00", "1", "01", "1.0", "-1", "10e-1", "0.1", ".5", "5.", "12", "1e3", "-1e3",
		"99999999999999999999999999", "-99999999999999999999999999.5", "1e99", " 7 ", "0x10", "1_0",
		"NaN", "Inf", "-Inf", "-", "x", "x\x00", "x\x00y", "\x00", "\xff", "\u2028", "\u2029",
		"é<&>",
		"a\"b\\\n\t\r\b\f\x01\x7f", "\xe2\x80", "\xe2\x80\xa7",
	}
	one := rapid.Custom(func(t *rapid.T) record {
		r := record{key: keys().Draw(t, "key")}
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			r.number, r.n = true, rapid.Int64().Draw(t, "n")
		case 1:
			r.value = values().Draw(t, "value")
		case 2:
			r.key = []byte(rapid.SampledFrom(texts).Draw(t, "text key"))
			fallthrough
		default:
			r.value = []byte(rapid.SampledFrom(texts).Draw(t, "text"))
		}
		return r
	})
	return many(one, most)
}

func TestOutputLikeTheTwin(t *testing.T) {
	parent, spilled, compacted := t.TempDir(), 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := testConfig(tempDir(t, parent), fanfold.Program{}, 1)
		c.NoInline = rapid.Bool().Draw(t, "file")
		final := Final{
			Format: fanfold.Format(rapid.IntRange(0, 1).Draw(t, "format")),
			Sort:   fanfold.Order(rapid.IntRange(0, 3).Draw(t, "sort")),
			Top:    rapid.SampledFrom([]int{0, 0, 1, 5, 100}).Draw(t, "top"),
		}
		in := outputRecords(200).Draw(t, "records")
		o, err := NewOutput(c, OutputConfig{Final: final, Render: true})
		if err != nil {
			t.Fatalf("new output: %v", err)
		}
		defer o.Close()
		room := spillEvery().Draw(t, "every")
		for rest := in; len(rest) > 0; {
			n := len(rest)
			if room > 0 && o.sorter != nil {
				n = min(n, room)
			}
			emit(t, o, rest[:n])
			rest = rest[n:]
			if room > 0 && o.sorter != nil && len(o.sorter.refs) > 0 {
				runs := o.Spills()
				if err := o.sorter.makeRoom(); err != nil {
					t.Fatalf("make room: %v", err)
				}
				if o.Spills() == runs {
					compacted++
				}
			}
		}
		if o.Spills() > 0 {
			spilled++
		}
		out, err := o.Finish()
		if err != nil {
			t.Fatalf("finish: %v", err)
		}
		got, want := written(t, c, out), outputTwin(in, final)
		if string(got) != want {
			t.Fatalf("%+v:\ngot  %.300q\nwant %.300q", final, got, want)
		}
		records := len(in)
		if final.Top > 0 {
			records = min(records, final.Top)
		}
		if out.CRC != crc32.Checksum(got, castagnoli) || out.Records != int64(records) {
			t.Fatalf("output %+v of %q", out, got)
		}
		if final.Format == fanfold.FormatJSON {
			for line := range bytes.Lines(got) {
				if !json.Valid(line) {
					t.Fatalf("not JSON: %q", line)
				}
			}
		}
	})
	if spilled == 0 || compacted == 0 {
		t.Errorf("vacuous: %d spilled, %d compacted", spilled, compacted)
	}
}

func TestR49ValueOrder(t *testing.T) {
	in := []record{
		{key: []byte("nan"), value: []byte("NaN")},
		{key: []byte("b"), value: []byte("-0")},
		{key: []byte("inf"), value: []byte("+Inf")},
		{key: []byte("none")},
		{key: []byte("a"), value: []byte("0.0")},
		{key: []byte("small"), value: []byte("-1e-3")},
		{key: []byte("big"), value: []byte("9007199254740993")},
		{key: []byte("less"), value: []byte("9007199254740992")},
		{key: []byte("empty"), value: []byte("")},
		{key: []byte("c"), value: []byte("0")},
	}
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	o, err := NewOutput(c, OutputConfig{Final: Final{Sort: fanfold.SortValue}, Render: true})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	emit(t, o, in)
	out, err := o.Finish()
	if err != nil {
		t.Fatal(err)
	}
	want := "big\t9007199254740993\nless\t9007199254740992\na\t0.0\nb\t-0\nc\t0\nsmall\t-1e-3\n" +
		"empty\t\ninf\t+Inf\nnan\tNaN\nnone\n"
	if got := string(written(t, c, out)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// The few first of very many need neither disk nor memory.
func TestTopKeepsLittle(t *testing.T) {
	for _, sort := range []fanfold.Order{fanfold.SortKey, fanfold.SortValue} {
		c := testConfig(t.TempDir(), fanfold.Program{}, 1)
		o, err := NewOutput(c, OutputConfig{Final: Final{Sort: sort, Top: 10}, Render: true})
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		e := fanfold.NewEmitter(o)
		const n = 200_000
		for i := range n {
			x := int64(i) * 7919 % n
			e.Add(fmt.Appendf(nil, "%07d", x), x)
		}
		e.Flush()
		out, err := o.Finish()
		if e.Err() != nil || err != nil {
			t.Fatal(e.Err(), err)
		}
		want := ""
		for i := range 10 {
			if sort == fanfold.SortValue {
				i = n - 1 - i
			}
			want += fmt.Sprintf("%07d\t%d\n", i, i)
		}
		if got := string(written(t, c, out)); got != want {
			t.Errorf("%v: got %q, want %q", sort, got, want)
		}
		if o.Spills() != 0 || o.sorter.peak > MemoryMin {
			t.Errorf("%v: %d spills, %d bytes held", sort, o.Spills(), o.sorter.peak)
		}
	}
}

// The few first are found without sorting the rest, and in the worst case, where each record is
// better than all before it, with a small multiple of the work.
func TestTopDoesNotSortAll(t *testing.T) {
	const n, top = 100_000, 100
	tests := []struct {
		name  string
		key   func(i int) int
		looks int64 // at a ref, per record
	}{
		{"in no order", func(i int) int { return i * 7919 % n }, 1},
		{"the best first", func(i int) int { return i }, 1},
		{"the best last", func(i int) int { return n - i }, 16},
		{"all equal", func(int) int { return 0 }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testConfig(t.TempDir(), fanfold.Program{}, 1)
			c.Memory = 64 << 20
			o, err := NewOutput(c, OutputConfig{Final: Final{Top: top}, Render: true})
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			for i := range n {
				if err := o.Append(fmt.Appendf(nil, "%09d", tt.key(i)), nil); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := o.Finish(); err != nil || out.Records != top {
				t.Fatalf("%d records and error %v, want %d", out.Records, err, top)
			}
			if looks := o.sorter.looks; looks > tt.looks*n {
				t.Errorf("looked %d times at a ref for %d records", looks, n)
			}
		})
	}
}

// An output that is larger than the memory is sorted within it.
func TestOutputMemoryIsBounded(t *testing.T) {
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	for _, top := range []int{0, 50_000} {
		for _, render := range []bool{true, false} {
			o, err := NewOutput(c, OutputConfig{Final: Final{Top: top}, Render: render})
			if err != nil {
				t.Fatal(err)
			}
			const n = 100_000
			for i := range n {
				if err := o.Append(fmt.Appendf(nil, "%07d", i*7919%n), []byte("0123456789")); err != nil {
					t.Fatal(err)
				}
			}
			if o.Spills() < 2 || o.sorter.peak > MemoryMin-runsMax*runBlockMin {
				t.Errorf("%d spills, %d bytes held", o.Spills(), o.sorter.peak)
			}
			out, err := o.Finish()
			if err != nil {
				t.Fatal(err)
			}
			want := cmp.Or(top, n)
			if out.Records != int64(want) {
				t.Errorf("%d records, want %d", out.Records, want)
			}
			if render {
				lines := bytes.Split(written(t, c, out), []byte("\n"))
				for i, line := range lines[:len(lines)-1] {
					if string(line) != fmt.Sprintf("%07d\t0123456789", i) {
						t.Fatalf("line %d is %q", i, line)
					}
				}
			} else if got := mustRead(t, c, sourcesOf(c, 0, out)...); len(got) != want {
				t.Errorf("%d records came back, want %d", len(got), want)
			}
			o.Close()
			if err := os.Remove(c.Dir + "/" + out.File); err != nil {
				t.Fatal(err)
			}
			emptyDir(t, c.Dir)
		}
	}
}

func TestOutputGoesInlineUpToItsLimit(t *testing.T) {
	for _, size := range []int{0, 1, fanfold.InlinePartMax, fanfold.InlinePartMax + 1} {
		for _, noInline := range []bool{false, true} {
			c := testConfig(t.TempDir(), fanfold.Program{}, 1)
			c.NoInline = noInline
			o, err := NewOutput(c, OutputConfig{Final: Final{Sort: fanfold.SortNone}, Render: true})
			if err != nil {
				t.Fatal(err)
			}
			if size > 0 {
				if err := o.Append(make([]byte, size-1), nil); err != nil {
					t.Fatal(err)
				}
			}
			out, err := o.Finish()
			if err != nil {
				t.Fatal(err)
			}
			o.Close()
			file := size > 0 && (noInline || size > fanfold.InlinePartMax)
			if got := written(t, c, out); len(got) != size || (out.File != "") != file {
				t.Errorf("size %d, no inline %v: %d bytes, output %+v", size, noInline, len(got), out)
			}
		}
	}
}

// memWriter is a Writer of an output folder.
type memWriter struct {
	bytes.Buffer
	committed, discarded int
	fail                 error
}

func (w *memWriter) Write(p []byte) (int, error) {
	if w.fail != nil {
		return 0, w.fail
	}
	return w.Buffer.Write(p)
}
func (w *memWriter) Commit() error  { w.committed++; return w.fail }
func (w *memWriter) Discard() error { w.discarded++; return nil }

func TestOutputFolder(t *testing.T) {
	var w *memWriter
	create := func(context.Context) (Writer, error) { return w, nil }
	run := func(records int) (fanfold.Output, error) {
		c := testConfig(t.TempDir(), fanfold.Program{}, 1)
		final := Final{Sort: fanfold.SortNone, Output: "/somewhere", Name: "reduce-0-1.0"}
		o, err := NewOutput(c, OutputConfig{Final: final, Render: true, Create: create})
		if err != nil {
			t.Fatal(err)
		}
		defer emptyDir(t, c.Dir)
		defer o.Close()
		for i := range records {
			if err := o.Append(strconv.AppendInt(nil, int64(i), 10), nil); err != nil {
				return fanfold.Output{}, err
			}
		}
		return o.Finish()
	}
	for _, n := range []int{0, 3} {
		w = &memWriter{}
		out, err := run(n)
		if err != nil || w.committed != 1 || w.discarded != 0 {
			t.Fatalf("%v, writer %+v", err, w)
		}
		if out.File != "reduce-0-1.0" || out.Bytes != int64(2*n) || out.Bytes != int64(w.Len()) ||
			out.CRC != crc32.Checksum(w.Bytes(), castagnoli) || out.Inline != nil {
			t.Errorf("output %+v", out)
		}
	}
	w = &memWriter{fail: errors.New("full")}
	_, err := run(3)
	wantKind(t, err, fanfold.KindOutput)
	if w.discarded != 1 {
		t.Errorf("discarded %d times, want once", w.discarded)
	}
	w = &memWriter{fail: fanfold.Errorf(fanfold.KindDisk, "write", "full")}
	_, err = run(3)
	wantKind(t, err, fanfold.KindDisk)
}

func TestUnfinishedOutputIsRemoved(t *testing.T) {
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	c.NoInline = true
	for _, render := range []bool{true, false} {
		o, err := NewOutput(c, OutputConfig{Final: Final{Sort: fanfold.SortNone}, Render: render})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Append(make([]byte, 1<<20), nil); err != nil {
			t.Fatal(err)
		}
		if err := o.Append(make([]byte, 1<<20), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(c.Dir + "/" + outputName); err != nil {
			t.Fatalf("vacuous: %v", err)
		}
		o.Close()
		emptyDir(t, c.Dir)
	}
}
