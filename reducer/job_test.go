package reducer_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/shuffle"
)

// mapFunc is a Mapper.
type mapFunc func(line []byte, emit *fanfold.Emitter)

func (f mapFunc) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	f(rec.Value, emit)
	return nil
}

func mapping(f mapFunc) func(*fanfold.Task) (fanfold.Mapper, error) {
	return func(*fanfold.Task) (fanfold.Mapper, error) { return f, nil }
}

// reduceFunc is a Reducer.
type reduceFunc func(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error

func (f reduceFunc) Reduce(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	return f(key, values, emit)
}

func reducing(f reduceFunc) func(*fanfold.Task) (fanfold.Reducer, error) {
	return func(*fanfold.Task) (fanfold.Reducer, error) { return f, nil }
}

func eachWord(line []byte, f func(word []byte)) {
	for w, rest := fanfold.NextWord(line); len(w) > 0; w, rest = fanfold.NextWord(rest) {
		f(w)
	}
}

// sum adds decimal values.
func sum(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	total := int64(0)
	for v := range values.All() {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return err
		}
		total += n
	}
	emit.Add(key, total)
	return nil
}

// wordCounts are programs that count words in different ways.
func wordCounts() map[string]fanfold.Program {
	ones := mapping(func(line []byte, emit *fanfold.Emitter) {
		eachWord(line, func(w []byte) { emit.Add(w, 1) })
	})
	return map[string]fanfold.Program{
		"fold sum":   {Map: ones, Fold: fanfold.Sum},
		"fold count": {Map: ones, Fold: fanfold.Count},
		"reducer":    {Map: ones, Reduce: reducing(sum)},
		"combiner":   {Map: ones, Reduce: reducing(sum), Combine: reducing(sum)},
	}
}

// corpus is deterministic text with common and rare words.
func corpus(lines int) string {
	var b strings.Builder
	x := uint32(7)
	for i := range lines {
		for range 1 + i%9 {
			x = x*1664525 + 1013904223
			n := x >> 16 % 400
			if x>>8%3 == 0 {
				n = x >> 20 % 5
			}
			fmt.Fprintf(&b, "word%d ", n*n)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type count struct {
	word string
	n    int
}

func countWords(texts ...string) []count {
	counts := map[string]int{}
	for _, w := range strings.Fields(strings.Join(texts, "\n")) {
		counts[w]++
	}
	var all []count
	for w, n := range counts {
		all = append(all, count{w, n})
	}
	slices.SortFunc(all, func(a, b count) int { return cmp.Compare(a.word, b.word) })
	return all
}

func printed(all []count) string {
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "%s\t%d\n", c.word, c.n)
	}
	return b.String()
}

// Word count is the same with any number of partitions, any split size, and output inline or in
// files.
func TestL1WordCount(t *testing.T) {
	one, two := corpus(600), corpus(50)+"last line without LF"
	want := printed(countWords(one, two))
	for name, program := range wordCounts() {
		for _, reducers := range []int{1, 2, 10, 64} {
			for _, noInline := range []bool{false, true} {
				j := job{program: program, reducers: reducers, gather: reducers > 1, noInline: noInline}
				if got := j.run(t, 3000, one, two); got != want {
					t.Errorf("%s, %d reducers: other output", name, reducers)
				}
			}
		}
		j := job{program: program, reducers: 3, gather: true}
		if got := j.run(t, 1<<20, one, two); got != want {
			t.Errorf("%s: other output with large splits", name)
		}
	}
}

func TestTopAndValueOrder(t *testing.T) {
	text := corpus(500)
	all := countWords(text)
	byValue := slices.Clone(all)
	slices.SortStableFunc(byValue, func(a, b count) int { return cmp.Compare(b.n, a.n) })
	for name, program := range wordCounts() {
		for _, reducers := range []int{1, 5} {
			for _, top := range []int{0, 1, 7, 10_000} {
				j := job{program: program, reducers: reducers, gather: true}
				j.final = shuffle.Final{Top: top}
				want := all[:min(len(all), cmp.Or(top, len(all)))]
				if got := j.run(t, 4000, text); got != printed(want) {
					t.Errorf("%s, %d reducers, top %d by key: got %.200q", name, reducers, top, got)
				}
				j.final.Sort = fanfold.SortValue
				want = byValue[:min(len(all), cmp.Or(top, len(all)))]
				if got := j.run(t, 4000, text); got != printed(want) {
					t.Errorf("%s, %d reducers, top %d by value: got %.200q", name, reducers, top, got)
				}
			}
		}
	}
}

// Values reach the reducer in the order of the input, however it is split and spilled.
func TestValuesComeInInputOrder(t *testing.T) {
	var text, want strings.Builder
	byKey := make([]string, 10)
	for i := range 30_000 {
		k := i * i % 10
		fmt.Fprintf(&text, "%d %06d some more bytes to fill the memory\n", k, i)
		byKey[k] += fmt.Sprintf(" %06d", i)
	}
	for k, values := range byKey {
		if values != "" {
			fmt.Fprintf(&want, "%d\t%s\n", k, values)
		}
	}
	program := fanfold.Program{
		Map: mapping(func(line []byte, emit *fanfold.Emitter) { emit.Emit(line[:1], line[1:]) }),
		Reduce: reducing(func(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
			var all []byte
			for v := range values.All() {
				all = append(all, v[:7]...)
			}
			emit.Emit(key, all)
			return nil
		}),
	}
	j := job{program: program, reducers: 2, gather: true, noInline: true, memory: 1}
	for _, splitSize := range []int64{1 << 16, 1 << 30} {
		if got := j.run(t, splitSize, text.String()); got != want.String() {
			t.Errorf("split size %d: other order", splitSize)
		}
	}
	if j.spills == 0 {
		t.Error("vacuous: nothing was spilled")
	}
}

// TestSecondarySort checks that records are partitioned and grouped by the group of their keys, and
// that its values come in the order of the rest, greatest first.
func TestSecondarySort(t *testing.T) {
	var text, want strings.Builder
	groups := []string{"", "a", "a\x00", "a\x01", "b"}
	const each = 2000
	for i := range len(groups) * each {
		n := i * 7919 % (len(groups) * each)
		fmt.Fprintf(&text, "%s %d filling that makes the record long\n", groups[n%len(groups)],
			n/len(groups)-each/2)
	}
	for _, g := range groups {
		fmt.Fprintf(&want, "%s\t", g)
		for n := each/2 - 1; n >= -each/2; n-- {
			fmt.Fprintf(&want, "%d ", n)
		}
		want.WriteByte('\n')
	}
	program := fanfold.Program{
		Map: mapping(func(line []byte, emit *fanfold.Emitter) {
			group, rest, _ := bytes.Cut(line, []byte(" "))
			number, _, _ := bytes.Cut(rest, []byte(" "))
			n, _ := strconv.ParseInt(string(number), 10, 64)
			key := fanfold.AppendKeyText(nil, group)
			from := len(key)
			key = fanfold.AppendKeyInt(key, n)
			fanfold.Descend(key[from:])
			emit.Emit(key, number)
		}),
		Group: fanfold.KeyTextLen,
		Reduce: reducing(func(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
			var all []byte
			for v := range values.All() {
				all = append(append(all, v...), ' ')
			}
			emit.Emit(fanfold.KeyText(nil, key), all)
			return nil
		}),
	}
	for _, reducers := range []int{1, 3} {
		j := job{program: program, reducers: reducers, gather: true, noInline: true, memory: 1}
		if got := j.run(t, 1<<17, text.String()); got != want.String() {
			t.Errorf("%d reducers: got %.300q, want %.300q", reducers, got, want.String())
		}
	}
}

// One key has nine tenths of the records, and more bytes than the memory.
func TestR50HotKey(t *testing.T) {
	var text strings.Builder
	want := map[string]int{}
	for i := range 40_000 {
		key := "hot"
		if i%10 == 0 {
			key = fmt.Sprint("cold", i%700)
		}
		want[key]++
		fmt.Fprintf(&text, "%s %0100d\n", key, i)
	}
	program := fanfold.Program{
		Map: mapping(func(line []byte, emit *fanfold.Emitter) {
			key, value, _ := bytes.Cut(line, []byte(" "))
			emit.Emit(key, value)
		}),
		Reduce: reducing(func(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
			n := int64(0)
			for range values.All() {
				n++
			}
			emit.Add(key, n)
			return nil
		}),
	}
	j := job{program: program, reducers: 4, gather: true, memory: 1, noInline: true}
	got := j.run(t, 1<<20, text.String())
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != len(want) || !slices.IsSorted(lines) {
		t.Errorf("%d lines, want %d, sorted", len(lines), len(want))
	}
	for _, line := range lines {
		key, n, _ := strings.Cut(line, "\t")
		if n != strconv.Itoa(want[key]) {
			t.Errorf("%q, want %d", line, want[key])
		}
	}
	if j.spills == 0 {
		t.Error("vacuous: nothing was spilled")
	}
}

func TestMapOnly(t *testing.T) {
	lines := mapping(func(line []byte, emit *fanfold.Emitter) { emit.Emit(line, nil) })
	text := "b 2\na 10\nc 1\na 10\n"
	for _, noInline := range []bool{false, true} {
		for _, splitSize := range []int64{1, 5, 100} {
			j := job{program: fanfold.Program{Map: lines}, noInline: noInline}
			if got := j.run(t, splitSize, text, "z\n"); got != text+"z\n" {
				t.Errorf("in input order: got %q", got)
			}
			j.gather = true
			j.final = shuffle.Final{Sort: fanfold.SortNone, Top: 3}
			if got := j.run(t, splitSize, text); got != "b 2\na 10\nc 1\n" {
				t.Errorf("the first three: got %q", got)
			}
			// A job that asks for an order has an identity reduce.
			j = job{program: fanfold.Program{Map: lines}, noInline: noInline, reducers: 1}
			if got := j.run(t, splitSize, text); got != "a 10\na 10\nb 2\nc 1\n" {
				t.Errorf("by key: got %q", got)
			}
		}
	}
	values := mapping(func(line []byte, emit *fanfold.Emitter) {
		key, value, _ := bytes.Cut(line, []byte(" "))
		emit.Emit(key, value)
	})
	for _, top := range []int{0, 2} {
		j := job{program: fanfold.Program{Map: values}, gather: true}
		j.final = shuffle.Final{Sort: fanfold.SortValue, Top: top}
		want := "a\t10\na\t10\nb\t2\nc\t1\n"
		if top > 0 {
			want = "a\t10\na\t10\n"
		}
		if got := j.run(t, 5, text); got != want {
			t.Errorf("by value, top %d: got %q, want %q", top, got, want)
		}
	}
}

// A reducer may emit other keys than its own, and still the output is sorted.
func TestReducerWithOtherKeys(t *testing.T) {
	program := fanfold.Program{
		Map: mapping(func(line []byte, emit *fanfold.Emitter) { emit.Emit(line, nil) }),
		Reduce: reducing(func(key []byte, _ *fanfold.Values, emit *fanfold.Emitter) error {
			reversed := slices.Clone(key)
			slices.Reverse(reversed)
			emit.Emit(reversed, key)
			return nil
		}),
	}
	text := "az\nby\ncx\n"
	want := "xc\tcx\nyb\tby\nza\taz\n"
	for _, reducers := range []int{1, 2} {
		j := job{program: program, reducers: reducers, gather: reducers > 1}
		if got := j.run(t, 100, text); got != want {
			t.Errorf("%d reducers: got %q, want %q", reducers, got, want)
		}
	}
	j := job{program: program, reducers: 1, final: shuffle.Final{Sort: fanfold.SortNone}}
	if got, want := j.run(t, 100, text), "za\taz\nyb\tby\nxc\tcx\n"; got != want {
		t.Errorf("as emitted: got %q, want %q", got, want)
	}
}

func TestFirstAndDistinct(t *testing.T) {
	program := fanfold.Program{
		Map: mapping(func(line []byte, emit *fanfold.Emitter) {
			key, value, found := bytes.Cut(line, []byte(" "))
			if !found {
				value = nil
			}
			emit.Emit(key, value)
		}),
	}
	text := "b 1\na\nb 2\nc \na 3\nc 4\nb 0\n"
	for _, reducers := range []int{1, 3} {
		for _, splitSize := range []int64{1, 100} {
			j := job{program: program, reducers: reducers, gather: reducers > 1}
			j.program.Fold = fanfold.First
			if got := j.run(t, splitSize, text); got != "a\nb\t1\nc\t\n" {
				t.Errorf("first: got %q", got)
			}
			j.program.Fold = fanfold.Distinct
			if got := j.run(t, splitSize, text); got != "a\nb\nc\n" {
				t.Errorf("distinct: got %q", got)
			}
		}
	}
}

func TestSumOverflow(t *testing.T) {
	program := fanfold.Program{
		Fold: fanfold.Sum,
		Map: mapping(func(line []byte, emit *fanfold.Emitter) {
			n, _ := strconv.ParseInt(string(line), 10, 64)
			emit.Add([]byte("total"), n)
		}),
	}
	j := job{program: program, reducers: 1}
	if got := j.run(t, 1, "9223372036854775807\n5\n-5\n"); got != "total\t9223372036854775807\n" {
		t.Errorf("got %q", got)
	}
	for _, splitSize := range []int64{1, 100} {
		_, err := j.try(t, splitSize, "9223372036854775807\n1\n")
		if fanfold.KindOf(err) != fanfold.KindUser || !strings.Contains(err.Error(), `"total"`) {
			t.Errorf("error %v, want one of the user's that names the key", err)
		}
	}
}
