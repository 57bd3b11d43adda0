package fanfold

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestKeyOrder checks that keys of several parts are in the order of their parts.
func TestKeyOrder(t *testing.T) {
	type parts struct {
		text string
		n    int64
		x    float64
		last string
	}
	draw := func(t *rapid.T) (p parts, key []byte) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("\x00\x01a\xff")), 0, 3, -1)
		p = parts{text.Draw(t, "text"), rapid.Int64Range(-2, 2).Draw(t, "n"),
			rapid.SampledFrom([]float64{math.Inf(-1), -1e300, -1, 0, 1e-300, 2, math.Inf(1)}).Draw(t, "x"),
			text.Draw(t, "last")}
		key = AppendKeyInt(AppendKeyText(nil, []byte(p.text)), p.n)
		from := len(key)
		key = AppendKeyFloat(key, p.x)
		Descend(key[from:])
		return p, AppendKeyText(key, []byte(p.last))
	}
	rapid.Check(t, func(t *rapid.T) {
		a, x := draw(t)
		b, y := draw(t)
		want := cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.n, b.n), cmp.Compare(b.x, a.x),
			cmp.Compare(a.last, b.last))
		if got := bytes.Compare(x, y); got != want {
			t.Fatalf("%+v as %x and %+v as %x: got %d, want %d", a, x, b, y, got, want)
		}
	})
}

func TestKeyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 6).Draw(t, "text")
		rest := rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 6).Draw(t, "rest")
		key := AppendKeyText(nil, text)
		long := append(slices.Clone(key), rest...)
		if got := KeyTextLen(long); got != len(key) {
			t.Fatalf("%x: got the length %d, want %d", long, got, len(key))
		}
		if got := KeyText(nil, long); !bytes.Equal(got, text) {
			t.Fatalf("%x: got the text %x, want %x", long, got, text)
		}
		if any := KeyTextLen(rest); any > len(rest) {
			t.Fatalf("%x: got the length %d", rest, any)
		}
		KeyText(nil, rest)
	})
}
