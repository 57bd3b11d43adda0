//go:build linux

package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fanfold/fanfold"
)

func TestReducer(t *testing.T) {
	groups := []group{{"a", []string{"1", "2"}}, {"b", []string{"-"}}, {"c", []string{""}}}
	many := []group{{"k", slices.Repeat([]string{strings.Repeat("v", 1000)}, 1000)}}
	tests := []struct {
		name    string
		command fanfold.Command
		groups  []group
		want    string
	}{
		{"unchanged", fanfold.Command{Reducer: []string{"cat"}}, groups, "a\t1\na\t2\nb\nc\t"},
		{"separator", fanfold.Command{Reducer: []string{"cat"}, Separator: ":"}, groups,
			"a:1\na:2\nb\nc:"},
		{"uniq -c", fanfold.Command{Reducer: []string{"uniq", "-c"}},
			[]group{{"x", []string{"-", "-"}}, {"y", []string{"-"}}}, "      2 x\n      1 y"},
		{"empty partition", fanfold.Command{Reducer: []string{"wc", "-l"}}, nil, "0"},
		{"stops reading", fanfold.Command{Reducer: sh("head -c 3; echo")}, many, "k\tv"},
		{"reads all", fanfold.Command{Reducer: sh("wc -c")}, many, "1003000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := program(t, test.command)
			if p.Reducers != 1 || p.Sort != fanfold.SortNone || p.Combine != nil {
				t.Errorf("got %d partitions, sort %v, want 1, none", p.Reducers, p.Sort)
			}
			r := runReducer(t.Context(), p.Reduce, test.groups...)
			if diff := cmp.Diff(test.want, r.text()); diff != "" || r.err != nil {
				t.Errorf("%v, records (-want +got):\n%s", r.err, diff)
			}
		})
	}
	wantNoChild(t)
}

func TestReducerFails(t *testing.T) {
	p := program(t, fanfold.Command{Reducer: sh("cat; kill -SEGV $$")})
	r := runReducer(t.Context(), p.Reduce, group{"a", []string{"1"}})
	want := "reducer `sh -c 'cat; kill -SEGV $$'`: segmentation fault (signal 11"
	if r.err == nil || !strings.HasPrefix(r.err.Error(), want) {
		t.Errorf("got %v, want %s", r.err, want)
	}
}

func TestCombiner(t *testing.T) {
	const add = `awk -F, '{ if ($1 != k) { if (NR > 1) print k "," s; k = $1; s = 0 } s += $2 }
END { if (NR) print k "," s }'`
	argv, err := Split(add)
	if err != nil {
		t.Fatal(err)
	}
	p := program(t, fanfold.Command{Combiner: argv, Reducer: argv, Separator: ","})
	for range 2 { // each sorted run has its own
		r := runReducer(t.Context(), p.Combine,
			group{"a", []string{"1", "2"}}, group{"b", []string{"3"}},
			group{"c", []string{"4", "-1"}})
		if want := "a\t3\nb\t3\nc\t3"; r.text() != want || r.err != nil {
			t.Errorf("got %q, %v, want %q", r.text(), r.err, want)
		}
	}
	r := runReducer(t.Context(), program(t, fanfold.Command{
		Reducer: []string{"cat"}, Combiner: []string{"false"},
	}).Combine)
	if r.err == nil || r.err.Error() != "combiner `false`: exited with status 1" {
		t.Errorf("got %v, want the exit in words", r.err)
	}
}

func TestAggregates(t *testing.T) {
	groups := []group{{"a", []string{"10", "9.50", "+9.5", "1e1"}}, {"b", []string{"-0.1"}}}
	tests := map[string]string{
		"sum": "a\t39\nb\t-0.1",
		"min": "a\t9.50\nb\t-0.1",
		"max": "a\t10\nb\t-0.1",

		"avg":   "a\t9.75\nb\t-0.1",
		"top:2": "a\t10\na\t1e1\nb\t-0.1",
	}
	for aggregate, want := range tests {
		p := program(t, fanfold.Command{Aggregate: aggregate})
		factory := func(t *fanfold.Task) (fanfold.Reducer, error) {
			a, err := p.Aggregate(t)
			return fanfold.Aggregated(a), err
		}
		if r := runReducer(t.Context(), factory, groups...); r.text() != want || r.err != nil {
			t.Errorf("%s: got %q, %v, want %q", aggregate, r.text(), r.err, want)
		}
		if r := runReducer(t.Context(), factory, group{"a", []string{"x"}}); r.err == nil {
			t.Errorf("%s of x: got %q, want an error", aggregate, r.text())
		}
	}
	folds := map[string]fanfold.Fold{
		"count": fanfold.Count, "first": fanfold.First, "distinct": fanfold.Distinct,
	}
	for aggregate, want := range folds {
		if got := program(t, fanfold.Command{Aggregate: aggregate}).Fold; got != want {
			t.Errorf("%s: got fold %v, want %v", aggregate, got, want)
		}
	}
}

func TestProgramRefuses(t *testing.T) {
	cat := []string{"cat"}
	tests := map[string]fanfold.Command{
		"nothing":               {},
		"reducer and aggregate": {Reducer: cat, Aggregate: "count"},
		"lonely combiner":       {Mapper: cat, Combiner: cat},
		"sort keys, no reducer": {Mapper: cat, SortKeys: []string{"2"}},
		"sort keys, combiner":   {Reducer: cat, Combiner: cat, SortKeys: []string{"2"}},
		"no sort key":           {Reducer: cat, SortKeys: []string{"2", "0"}},
		"combined aggregate":    {Mapper: cat, Combiner: cat, Aggregate: "sum"},
		"unknown aggregate":     {Mapper: cat, Aggregate: "mean"},
		"top of nothing":        {Mapper: cat, Aggregate: "top"},
		"top of too many":       {Mapper: cat, Aggregate: "top:10001"},
		"LF":                    {Mapper: cat, Separator: "\n"},
		"key fields":            {Mapper: cat, KeyFields: -1},
		"empty word":            {Mapper: []string{""}},
		"NUL":                   {Mapper: []string{"cat", "a\x00"}},
	}
	for name, c := range tests {
		if _, err := Program(c); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("%s: got %v, want kind %v", name, err, fanfold.KindUsage)
		}
	}
}
