package decimal

import (
	"bytes"
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCanonical(t *testing.T) {
	tests := []struct {
		terms []string
		want  string
	}{
		{[]string{}, "0"},
		{[]string{"0"}, "0"},
		{[]string{"-0"}, "0"},
		{[]string{"-0.000"}, "0"},
		{[]string{"0e4096"}, "0"},
		{[]string{"007"}, "7"},
		{[]string{"+5"}, "5"},
		{[]string{".5"}, "0.5"},
		{[]string{"5."}, "5"},
		{[]string{"1.500"}, "1.5"},
		{[]string{"-2.5E-3"}, "-0.0025"},
		{[]string{"1e3"}, "1000"},
		{[]string{" \t12\r\n"}, "12"},
		{[]string{"0.1", "0.2"}, "0.3"},
		{[]string{"1", "-1"}, "0"},
		{[]string{"0.5", "0.5"}, "1"},
		{[]string{"9223372036854775807", "1"}, "9223372036854775808"},
		{[]string{"-9223372036854775808", "-1"}, "-9223372036854775809"},
		{[]string{"9223372036854775807", "1", "-9223372036854775808"}, "0"},
		{[]string{"999999999999999999", "0.000000000000000001"}, "999999999999999999.000000000000000001"},
		{[]string{"123456789012345678901234567890.5", "0.5"}, "123456789012345678901234567891"},
		{[]string{"1.0000000000000000000000"}, "1"},
		{[]string{"1e20", "-1e20", "7"}, "7"},
	}
	for _, tt := range tests {
		var s Sum
		for _, term := range tt.terms {
			if err := s.Add([]byte(term)); err != nil {
				t.Errorf("Add(%q): %v", term, err)
			}
		}
		if got := string(s.Append(nil)); got != tt.want {
			t.Errorf("sum of %q: got %s, want %s", tt.terms, got, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		text string
		want error
	}{
		{"", ErrSyntax}, {" ", ErrSyntax}, {"-", ErrSyntax}, {".", ErrSyntax}, {"e5", ErrSyntax},
		{"1e", ErrSyntax}, {"1e+", ErrSyntax}, {"1e5.5", ErrSyntax}, {"1 2", ErrSyntax},
		{"--1", ErrSyntax}, {"1.2.3", ErrSyntax}, {"0x10", ErrSyntax}, {"1_000", ErrSyntax},
		{"NaN", ErrSyntax}, {"Inf", ErrSyntax}, {"-inf", ErrSyntax}, {"1,5", ErrSyntax},
		{"١", ErrSyntax}, {"1\x00", ErrSyntax},
		{"1e999999999", ErrRange}, {"1e-4097", ErrRange}, {"1e" + strings.Repeat("9", 99), ErrRange},
		{strings.Repeat("9", DigitsMax+1), ErrRange}, {"0." + strings.Repeat("0", DigitsMax), ErrRange},
	}
	for _, tt := range tests {
		s := Sum{small: 41}
		if err := s.Add([]byte(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("Add(%.20q): got error %v, want %v", tt.text, err, tt.want)
		}
		if got := string(s.Append(nil)); got != "41" {
			t.Errorf("Add(%.20q) changed the sum to %s", tt.text, got)
		}
		if err := Check([]byte(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("Check(%.20q): got error %v, want %v", tt.text, err, tt.want)
		}
		if _, err := Compare([]byte("1"), []byte(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("Compare(1, %.20q): got error %v, want %v", tt.text, err, tt.want)
		}
		if _, err := Compare([]byte(tt.text), []byte("1")); !errors.Is(err, tt.want) {
			t.Errorf("Compare(%.20q, 1): got error %v, want %v", tt.text, err, tt.want)
		}
		if key, err := AppendKey([]byte("k"), []byte(tt.text)); err == nil || string(key) != "k" {
			t.Errorf("AppendKey(%.20q): got %q, %v, want k and an error", tt.text, key, err)
		}
	}
	var s Sum
	got := s.Add([]byte("cat")).Error()
	if want := `"cat": not a decimal number`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := len(s.Add(bytes.Repeat([]byte("x"), 1<<20)).Error()); n > 200 {
		t.Errorf("an error repeats %d bytes of its text", n)
	}
}

// texts draws numbers in all spellings: short and long, signed, with points and exponents.
func texts() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{
			rapid.StringMatching(`[+-]?[0-9]{1,4}`).Draw(t, "int"),
			rapid.StringMatching(`[+-]?[0-9]{0,3}\.[0-9]{1,4}`).Draw(t, "point"),
			rapid.StringMatching(`-?[0-9]{15,25}\.?[0-9]{0,25}`).Draw(t, "long"),
			rapid.StringMatching(`-?0{0,3}[0-9]{1,3}\.0{0,3}[0-9]{0,3}0{0,3}[eE][+-]?[0-9]{1,2}`).
				Draw(t, "exponent"),
			rapid.StringMatching(` ?-?922337203685477580[0-9]\t?`).Draw(t, "edge"),
		}).Draw(t, "number")
	})
}

// rat is the same number by other code.
func rat(t interface{ Fatalf(string, ...any) }, text string) *big.Rat {
	r, ok := new(big.Rat).SetString(strings.TrimSpace(text))
	if !ok {
		t.Fatalf("big.Rat does not take %q", text)
	}
	return r
}

func TestSumIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Sum
		want := new(big.Rat)
		for _, text := range rapid.SliceOfN(texts(), 0, 20).Draw(t, "terms") {
			if err := s.Add([]byte(text)); err != nil {
				t.Fatalf("Add(%q): %v", text, err)
			}
			want.Add(want, rat(t, text))
		}
		got := string(s.Append(nil))
		if rat(t, got).Cmp(want) != 0 {
			t.Fatalf("got %s, want %s", got, want.FloatString(60))
		}
		checkCanonical(t, got)
	})
}

func checkCanonical(t *rapid.T, text string) {
	t.Helper()
	bare := strings.TrimPrefix(text, "-")
	whole, fraction, point := strings.Cut(bare, ".")
	switch {
	case text == "-0", whole == "", len(whole) > 1 && whole[0] == '0',
		point && fraction == "", strings.HasSuffix(fraction, "0"), strings.ContainsAny(text, "eE+"):
		t.Fatalf("%q is not canonical", text)
	}
	var again Sum
	if err := again.Add([]byte(text)); err != nil || string(again.Append(nil)) != text {
		t.Fatalf("%q is not what its own sum gives: %v", text, err)
	}
}

func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := texts().Draw(t, "a"), texts().Draw(t, "b")
		checkOrder(t, a, b)
		checkOrder(t, a, a)
		// The same number in another spelling.
		var s Sum
		if err := s.Add([]byte(a)); err != nil {
			t.Fatalf("Add(%q): %v", a, err)
		}
		checkOrder(t, a, string(s.Append(nil)))
	})
}

func checkOrder(t *rapid.T, a, b string) {
	t.Helper()
	want := rat(t, a).Cmp(rat(t, b))
	if got, err := Compare([]byte(a), []byte(b)); err != nil || got != want {
		t.Fatalf("Compare(%q, %q): got %d, %v, want %d", a, b, got, err, want)
	}
	x, errX := AppendKey(nil, []byte(a))
	y, errY := AppendKey(nil, []byte(b))
	if got := bytes.Compare(x, y); errX != nil || errY != nil || got != want {
		t.Fatalf("keys of %q and %q: got order %d, %v, %v, want %d", a, b, got, errX, errY, want)
	}
	if want != 0 && bytes.HasPrefix(y, x) {
		t.Fatalf("the key of %q is a prefix of that of %q", a, b)
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	var s Sum
	terms := [][]byte{[]byte("12.25"), []byte("-7"), []byte("1000000")}
	if err := s.Add(terms[0]); err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() {
		for _, term := range terms {
			if err := s.Add(term); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations for three small terms, want 0", allocs)
	}
	key := make([]byte, 0, 64)
	allocs = testing.AllocsPerRun(100, func() {
		s.Append(key)
		if _, err := Compare(terms[0], terms[1]); err != nil {
			t.Fatal(err)
		}
		if _, err := AppendKey(key, terms[0]); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations for a sum's text, a comparison and a key, want 0", allocs)
	}
}

func FuzzAgainstRat(f *testing.F) {
	for _, seed := range []string{"1", "-2.50", "1e10", " .5 ", "NaN", "1e999999999", "0x1", "1/2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s Sum
		if err := s.Add([]byte(text)); err != nil {
			return
		}
		if got := string(s.Append(nil)); rat(t, got).Cmp(rat(t, text)) != 0 {
			t.Errorf("%q: got %s", text, got)
		}
	})
}
