package jobs

import (
	"bytes"
	"math/big"
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

func TestSortRefusesSeveralReducers(t *testing.T) {
	_, err := inmemory.Job{Program: Sort(), Inputs: cut("a\n"), Reducers: 2}.Run()
	if err == nil || err.Error() != "sort: 2 reducers: one orders all lines" {
		t.Errorf("got %v, want an error that names the reducers", err)
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

// TestSortKeyOrder holds the encodings: their order is that of the values, whatever follows them.
func TestSortKeyOrder(t *testing.T) {
	piece := rapid.StringMatching(`-?[0-9]{1,3}(\.[0-9]{1,2})?|[\x00-\x02a]{0,4}|[\xfe\xff]{0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		k := sortKey{bytes: true, last: 1 << 20,
			numeric: rapid.Bool().Draw(t, "numeric"), reverse: rapid.Bool().Draw(t, "reverse")}
		a, b := piece.Draw(t, "a"), piece.Draw(t, "b")
		want := valueOrder(a, b, k.numeric)
		if k.reverse {
			want = -want
		}
		x, y := k.append(nil, []byte(a)), k.append(nil, []byte(b))
		if got := bytes.Compare(x, y); got != want {
			t.Fatalf("%+v: order of %q and %q: got %d, want %d", k, a, b, got, want)
		}
		if want != 0 && (bytes.HasPrefix(x, y) || bytes.HasPrefix(y, x)) {
			t.Fatalf("%+v: one key of %q and %q is a prefix of the other", k, a, b)
		}
	})
}

func valueOrder(a, b string, numeric bool) int {
	if !numeric {
		return strings.Compare(a, b)
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	switch {
	case okX && okY:
		return x.Cmp(y)
	case okX:
		return 1
	case okY:
		return -1
	}
	return 0
}
