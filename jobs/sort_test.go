package jobs

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fanfold/fanfold/internal/inmemory"
)

func TestSort(t *testing.T) {
	tests := []struct {
		name   string
		params map[string]string
		text   string
		want   string
	}{
		{"plain", nil, "b\na\n\nb\nab\na\x00\n", "\na\na\x00\nab\nb\nb\n"},
		{"reverse", map[string]string{"reverse": "true"}, "b\n\na\x00\na\nab\n", "b\nab\na\x00\na\n\n"},
		{"numeric", map[string]string{"numeric": ""}, "10\n9\n-1\n1e1\n\nx\n0.5\n",
			"\nx\n-1\n0.5\n9\n10\n1e1\n"},
		{"numeric reverse", map[string]string{"numeric": "true", "reverse": "true"},
			"10\n9\nx\n-1\n1e1\n", "10\n1e1\n9\n-1\nx\n"},
		{"field", map[string]string{"key": "2"}, "1  b\n2 a\n3\n4 a\n", "3\n2 a\n4 a\n1  b\n"},
		{"field by separator", map[string]string{"key": "2", "separator": ","},
			"x,b,1\ny,a,2\nz,,3\nw\n", "w\nz,,3\ny,a,2\nx,b,1\n"},
		{"field by TAB", map[string]string{"key": "2n", "separator": `\t`},
			"a b\t10\nc d\t9\n", "c d\t9\na b\t10\n"},
		{"two keys", map[string]string{"key": "1,2nr"}, "b 1\na 2\na 10\n", "a 10\na 2\nb 1\n"},
		{"letters win over the defaults", map[string]string{"key": "1,2n", "reverse": "true"},
			"a 2\nb 2\nb 1\n", "b 1\nb 2\na 2\n"},
		{"field range", map[string]string{"key": "2-3", "separator": ","},
			"1,a,c,0\n2,a,b,9\n3,a\n", "3,a\n2,a,b,9\n1,a,c,0\n"},
		{"field range of words", map[string]string{"key": "2-3"},
			"1 b x \n2 a z\n3 a y w\n", "3 a y w\n2 a z\n1 b x \n"},
		{"to the end", map[string]string{"key": "2-"}, "1 b\n2 a z\n3 a\n", "3 a\n2 a z\n1 b\n"},
		{"bytes", map[string]string{"key": "2:4"}, "xxbb1\nyyaa2\nz\n", "z\nyyaa2\nxxbb1\n"},
		{"bytes to the end", map[string]string{"key": "1:r"}, "ab\nba\ncc\n", "cc\nab\nba\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check(t, inmemory.Job{Program: Sort(), Params: tt.params, Inputs: cut(tt.text)}, tt.want)
		})
	}
}

// TestSortEqualsSlices sorts by keys that the test takes from the lines itself.
func TestSortEqualsSlices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := inputs().Draw(t, "in")
		reverse := rapid.Bool().Draw(t, "reverse")
		field := rapid.IntRange(0, 3).Draw(t, "field")
		params := map[string]string{}
		if reverse {
			params["reverse"] = "true"
		}
		if field > 0 {
			params["key"] = string(rune('0' + field))
		}
		lines := linesOf(in)
		slices.SortFunc(lines, func(a, b string) int {
			order := strings.Compare(word(a, field), word(b, field))
			if reverse {
				order = -order
			}
			if order == 0 {
				order = strings.Compare(a, b)
			}
			return order
		})
		want := ""
		for _, line := range lines {
			want += line + "\n"
		}
		check(t, inmemory.Job{Program: Sort(), Inputs: in, Params: params}, want)
	})
}

func word(line string, n int) string {
	if n == 0 {
		return line
	}
	if words := strings.Fields(line); len(words) >= n {
		return words[n-1]
	}
	return ""
}
