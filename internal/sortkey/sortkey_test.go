package sortkey

import (
	"bytes"
	"math/big"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestKeyOrder holds the encodings: their order is that of the values, whatever follows them.
func TestKeyOrder(t *testing.T) {
	piece := rapid.StringMatching(`-?[0-9]{1,3}(\.[0-9]{1,2})?|[\x00-\x02a]{0,4}|[\xfe\xff]{0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		k := Key{piece: byteRange{0, 1 << 20},
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

// TestDefsRefuse holds what is no -k of sort, or one that is not known here.
func TestDefsRefuse(t *testing.T) {
	for _, def := range []string{
		"", "0", "x", "1x", "1.0", "1.", ".1", "1,0", "1,x", "1,", "-1", "1 ", "1,2,3", "1g", "1.x",
		"99999999999",
	} {
		if k, err := ParseDefs([]string{def}, Defaults{}); err == nil {
			t.Errorf("%q: got %+v, want an error", def, k)
		}
	}
	if _, err := ParseDefs(slices.Repeat([]string{"1"}, KeysMax+1), Defaults{}); err == nil {
		t.Error("too many keys were taken")
	}
}

// TestDefsEqualSort sorts lines by option -k as the sort of this machine does.
func TestDefsEqualSort(t *testing.T) {
	if _, err := exec.LookPath("sort"); err != nil {
		t.Skip("there is no sort")
	}
	line := rapid.StringMatching(`[ab01 \t:.\-]{0,9}`)
	def := rapid.StringMatching(`[1-3](\.[1-4])?(b|n|r|nr|bn|br)?(,[1-4](\.[0-3])?b?)?`)
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(line, 2, 12).Draw(t, "lines")
		defs := rapid.SliceOfN(def, 1, 3).Draw(t, "defs")
		d := Defaults{Numeric: rapid.Bool().Draw(t, "numeric")}
		var args []string
		if rapid.Bool().Draw(t, "colon") {
			d.Separator, args = []byte(":"), append(args, "-t:")
		}
		if d.Numeric {
			args = append(args, "-n")
		}
		for _, def := range defs {
			args = append(args, "-k"+def)
		}
		keys, err := ParseDefs(defs, d)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sort", args...)
		cmd.Env = []string{"LC_ALL=C"}
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		want, err := cmd.Output()
		if err != nil {
			t.Fatalf("sort %q: %v", args, err)
		}
		slices.SortFunc(lines, func(a, b string) int {
			x, y := keys.Append(nil, []byte(a)), keys.Append(nil, []byte(b))
			return bytes.Compare(append(x, a...), append(y, b...))
		})
		if got := strings.Join(lines, "\n") + "\n"; got != string(want) {
			t.Fatalf("%q: got %q, want %q", args, got, want)
		}
	})
}
