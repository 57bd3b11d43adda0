package jobs

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/inmemory"
	"github.com/fanfold/fanfold/internal/sortkey"
)

// check runs a job in every way that must not matter, and compares each output with want.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, j inmemory.Job, want string) {
	t.Helper()
	for _, byLine := range []bool{false, true} {
		for _, combine := range []bool{false, true} {
			for _, reducers := range []int{1, 3} {
				if reducers > 1 && j.Program.Reducers == 1 {
					continue
				}
				j.ByLine, j.Combine, j.Reducers = byLine, combine, reducers
				got, err := j.Run()
				if err != nil {
					t.Fatalf("by line %v, combine %v, %d reducers: %v", byLine, combine, reducers, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("by line %v, combine %v, %d reducers: -want +got:\n%s",
						byLine, combine, reducers, diff)
				}
			}
		}
	}
}

// cut gives a text as inputs of whole lines.
func cut(texts ...string) []inmemory.Input {
	var inputs []inmemory.Input
	for i, text := range texts {
		inputs = append(inputs, inmemory.Input{Name: fmt.Sprintf("in%d", i), Text: text})
	}
	return inputs
}

// inputs draws up to four inputs of lines over a small alphabet.
func inputs() *rapid.Generator[[]inmemory.Input] {
	line := rapid.StringMatching(`[ab \t0é\x00]{0,6}`)
	return rapid.Custom(func(t *rapid.T) []inmemory.Input {
		var texts []string
		for _, lines := range rapid.SliceOfN(rapid.SliceOfN(line, 0, 8), 0, 4).Draw(t, "inputs") {
			text := ""
			for _, line := range lines {
				text += line + "\n"
			}
			texts = append(texts, text)
		}
		return cut(texts...)
	})
}

func linesOf(inputs []inmemory.Input) []string {
	var lines []string
	for _, in := range inputs {
		if text := strings.TrimSuffix(in.Text, "\n"); in.Text != "" {
			lines = append(lines, strings.Split(text, "\n")...)
		}
	}
	return lines
}

// table writes counts as a job does.
func table[V any](rows map[string]V) string {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&text, "%s\t%v\n", key, rows[key])
	}
	return text.String()
}

func TestAllPrograms(t *testing.T) {
	var names []string
	for _, p := range All {
		names = append(names, p.Name)
		if p.Map == nil && p.Handle == nil || p.Doc == "" {
			t.Errorf("%s: neither mapper nor handler, or no doc", p.Name)
		}
		for _, param := range p.Params {
			if param.Name == "" || param.Doc == "" {
				t.Errorf("%s: parameter %q without a name or a doc", p.Name, param.Name)
			}
		}
	}
	want := []string{"count", "distinct", "echo", "grep", "index", "rank", "sort", "steps", "sum",
		"wordcount"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestWordCount(t *testing.T) {
	text := "The cat; the dog\vthe\n\n\xff\xfe  the\r\nnaïve Straße 東京 x1y\n"
	check(t, inmemory.Job{Program: WordCount(), Inputs: cut(text, "the end")},
		table(map[string]int{"The": 1, "cat;": 1, "dog": 1, "the": 4, "end": 1, "\xff\xfe": 1,
			"naïve": 1, "Straße": 1, "東京": 1, "x1y": 1}))
	check(t, inmemory.Job{Program: WordCount(), Inputs: cut(text, "the end"),
		Params: map[string]string{"words": "letters"}},
		table(map[string]int{"The": 1, "cat": 1, "dog": 1, "the": 4, "end": 1,
			"naïve": 1, "Straße": 1, "東京": 1, "x": 1, "y": 1}))
}

func TestWordCountEqualsFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := inputs().Draw(t, "in")
		want := map[string]int{}
		for _, line := range linesOf(in) {
			for _, word := range strings.Fields(line) { // the alphabet has ASCII blanks only
				want[word]++
			}
		}
		check(t, inmemory.Job{Program: WordCount(), Inputs: in}, table(want))
	})
}

func TestCountAndDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := inputs().Draw(t, "in")
		lines := linesOf(in)
		counts := map[string]int{}
		for _, line := range lines {
			counts[line]++
		}
		check(t, inmemory.Job{Program: Count(), Inputs: in}, table(counts))
		distinct := ""
		for _, line := range slices.Compact(slices.Sorted(slices.Values(lines))) {
			distinct += line + "\n"
		}
		check(t, inmemory.Job{Program: Distinct(), Inputs: in}, distinct)
	})
}

func TestGrep(t *testing.T) {
	in := cut("b one\nA two\n\n", "b three\nfour a\r\n")
	tests := []struct {
		name   string
		params map[string]string
		want   string
	}{
		{"anchored", map[string]string{"pattern": "^b"}, "b one\nb three\n"},
		{"none", map[string]string{"pattern": "zebra"}, ""},
		{"empty matches all", map[string]string{"pattern": ""}, "b one\nA two\n\nb three\nfour a\r\n"},
		{"case", map[string]string{"pattern": "a|x", "ignore-case": "true"}, "A two\nfour a\r\n"},
		{"case by name alone", map[string]string{"pattern": "A", "ignore-case": ""},
			"A two\nfour a\r\n"},
		{"invert", map[string]string{"pattern": "^b", "invert": "true"}, "A two\n\nfour a\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check(t, inmemory.Job{Program: Grep(), Params: tt.params, Inputs: in}, tt.want)
		})
	}
}

func TestGrepEqualsRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := inputs().Draw(t, "in")
		pattern := rapid.SampledFrom([]string{
			"a", "^a*b?$", "é", "[^a]", `\x00`, "(a|b)+0",
		}).Draw(t, "pattern")
		want := ""
		for _, line := range linesOf(in) {
			if regexp.MustCompile(pattern).MatchString(line) {
				want += line + "\n"
			}
		}
		check(t, inmemory.Job{Program: Grep(), Inputs: in,
			Params: map[string]string{"pattern": pattern}}, want)
	})
}

func TestIndex(t *testing.T) {
	in := []inmemory.Input{
		{Name: "b.txt", Text: "dog cat\ncat\n"},
		{Name: "a.txt", Text: "cat"},
		{Name: "a.txt", Text: "\ncat ant"}, // another split of the same input
		{Name: "c.txt", Text: ""},
	}
	want := "ant\t1 a.txt\ncat\t2 a.txt,b.txt\ndog\t1 b.txt\n"
	check(t, inmemory.Job{Program: Index(), Inputs: in}, want)
	slices.Reverse(in)
	check(t, inmemory.Job{Program: Index(), Inputs: in}, want)
}

func TestSum(t *testing.T) {
	in := cut("a\t1\nb\t2.50\na\t-0.1\n", "a\t0.2\nx\ty\t 7 \r\nc\t1e3\n\t4\n")
	check(t, inmemory.Job{Program: Sum(), Inputs: in},
		"\t4\na\t1.1\nb\t2.5\nc\t1000\nx\ty\t7\n")
	check(t, inmemory.Job{Program: Sum(), Inputs: cut("a::1\nb::2\na::9223372036854775807\n"),
		Params: map[string]string{"separator": "::"}},
		"a\t9223372036854775808\nb\t2\n")
	check(t, inmemory.Job{Program: Sum(), Inputs: cut("a\t1\n"),
		Params: map[string]string{"separator": `\t`}}, "a\t1\n")
}

func TestSumNamesTheBadNumber(t *testing.T) {
	tests := []struct{ text, want string }{
		{"a\t1\nb\tcat\n", `read line: "cat": not a decimal number`},
		{"a\t1\nlonely\n", `read line: "lonely" has no separator "\t"`},
		{"a\t1\nb\t1e999999999\n",
			`read line: "1e999999999": too many digits or too large an exponent`},
		{"a\t1\nb\tNaN\n", `read line: "NaN": not a decimal number`},
	}
	for _, tt := range tests {
		_, err := inmemory.Job{Program: Sum(), Inputs: cut(tt.text)}.Run()
		if err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
			continue
		}
		if e := err.(*fanfold.Error); e.Kind != fanfold.KindUser || e.Offset != 4 || e.Input != "in0" {
			t.Errorf("got kind %v at %q offset %d, want user at in0 offset 4", e.Kind, e.Input, e.Offset)
		}
	}
}

func TestBadParameters(t *testing.T) {
	tests := []struct {
		program fanfold.Program
		params  map[string]string
		want    string
	}{
		{WordCount(), map[string]string{"words": "x"}, `"x" is neither bytes nor letters`},
		{Index(), map[string]string{"words": "x"}, `"x" is neither bytes nor letters`},
		{Grep(), nil, "missing"},
		{Grep(), map[string]string{"pattern": "a("}, "`a(`"},
		{Grep(), map[string]string{"pattern": "a", "invert": "2"}, `"2" is neither`},
		{Grep(), map[string]string{"pattern": "a", "ignore-case": "2"}, `"2" is neither`},
		{Sum(), map[string]string{"separator": ""}, "empty"},
		{Sort(), map[string]string{"separator": ""}, "empty"},
		{Sort(), map[string]string{"numeric": "x"}, `"x" is neither`},
		{Sort(), map[string]string{"reverse": "x"}, `"x" is neither`},
		{Sort(), map[string]string{"key": "x"}, `"x"`},
		{Sort(), map[string]string{"key": "0"}, `"0"`},
		{Sort(), map[string]string{"key": "1,"}, `""`},
		{Sort(), map[string]string{"key": "3-2"}, `"3-2"`},
		{Sort(), map[string]string{"key": "1-x"}, `"1-x"`},
		{Sort(), map[string]string{"key": "-2"}, `"-2"`},
		{Sort(), map[string]string{"key": "1:2:3"}, `"1:2:3"`},
		{Sort(), map[string]string{"key": "99999999999999999999"}, `"99999999999999999999"`},
		{Sort(), map[string]string{"key": "1", "k": "1"}, `another form`},
		{Sort(), map[string]string{"k": "1x"}, `"1x"`},
		{Sort(), map[string]string{"key": strings.Repeat("1,", sortkey.KeysMax) + "1"}, `the most is`},
	}
	for _, tt := range tests {
		_, err := inmemory.Job{Program: tt.program, Params: tt.params, Inputs: cut("a\t1\n")}.Run()
		if fanfold.KindOf(err) != fanfold.KindUsage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %v: got %v, want a usage error with %s", tt.program.Name, tt.params, err, tt.want)
		}
	}
}

func TestMappersDoNotAllocatePerRecord(t *testing.T) {
	text := bytes.Repeat([]byte("some words 17\n"), 10)
	tests := []struct {
		program fanfold.Program
		params  map[string]string
	}{
		{WordCount(), nil},
		{WordCount(), map[string]string{"words": "letters"}},
		{Count(), nil},
		{Distinct(), nil},
		{Index(), nil},
		{Sort(), map[string]string{"key": "3n,1r"}},
		{Sum(), map[string]string{"separator": " "}},
	}
	for _, tt := range tests {
		task := fanfold.NewTask(t.Context(), fanfold.Task{Params: tt.params})
		mapper, err := tt.program.Map(task)
		if err != nil {
			t.Fatal(err)
		}
		emit := fanfold.NewEmitter(drop{})
		allocs := testing.AllocsPerRun(10, func() {
			for rest := text; len(rest) > 0; {
				var line []byte
				line, rest = fanfold.NextLine(rest)
				if err := mapper.Map(fanfold.Record{Value: line}, emit); err != nil {
					t.Fatal(err)
				}
			}
		})
		if allocs != 0 {
			t.Errorf("%s: got %v allocations for ten lines, want 0", tt.program.Name, allocs)
		}
	}
}

// drop is the Sink that keeps nothing.
type drop struct{}

// Flush forgets the batch.
func (drop) Flush(*fanfold.Batch) error { return nil }
