package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestRowsOfTheDataPlane runs each row on so little input that the figures mean nothing: outputs
// must be right, and no contestant may be missing that needs nothing but Go.
func TestRowsOfTheDataPlane(t *testing.T) {
	tests := []struct {
		args   []string
		tables int
		has    []string
	}{
		{[]string{"wordcount", "-size", "64KiB", "-source=false"}, 1, []string{"idiomatic Go"}},
		{[]string{"mapper", "-size", "64KiB", "-grouped", "64KiB"}, 2, []string{"MapBlock"}},
		{[]string{"stream", "-size", "64KiB", "-bulk", "64KiB"}, 1, []string{"--mapper"}},
		{[]string{"distinct", "-words", "5000", "-memory", "2MiB"}, 1, []string{"hand-written"}},
		{[]string{"startup"}, 1, []string{"empty Go program"}},
	}
	for _, tt := range tests {
		t.Run(tt.args[0], func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := append(tt.args, "-runs", "1", "-markdown", "-cache", t.TempDir())
			if exit := run(t.Context(), args, &stdout, &stderr); exit != 0 {
				t.Fatalf("exit %d: %s", exit, stderr.String())
			}
			if n := strings.Count(stdout.String(), "\n### ") + 1; n < tt.tables {
				t.Errorf("%d tables, want %d at least", n, tt.tables)
			}
			for _, want := range append(tt.has, "fanfold", "| 1.00 | 1.00 |") {
				if tt.args[0] == "mapper" && want == "fanfold" {
					continue
				}
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("the tables lack %q:\n%s", want, stdout.String())
				}
			}
		})
	}
}

func TestOnly(t *testing.T) {
	all := one(func(context.Context, *workshop) (contest, error) {
		return contest{contestants: []contestant{{name: "ours"}, {name: "a | b"}, {name: "b"}}}, nil
	})
	for words, want := range map[string]int{"": 3, "ours": 1, "ours,a |": 2, "none": 0} {
		contests, err := all.only(words)(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, c := range contests[0].contestants {
			if c.missing == "" {
				n++
			}
		}
		if n != want {
			t.Errorf("only %q: %d compete, want %d", words, n, want)
		}
	}
}
