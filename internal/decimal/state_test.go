package decimal

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSumsAsBytes compares sums as bytes, in pieces that are added, with a Sum.
func TestSumsAsBytes(t *testing.T) {
	number := rapid.OneOf(
		rapid.StringMatching(`-?[0-9]{1,5}(\.[0-9]{1,4})?`),
		rapid.StringMatching(`-?9[0-9]{15,18}(\.[0-9]{1,300})?`),
		rapid.StringMatching(`[0-9]e-?[0-9]{1,3}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		var want Sum
		var total []byte
		for range rapid.IntRange(0, 4).Draw(t, "pieces") {
			var piece []byte
			for _, text := range rapid.SliceOfN(number, 0, 5).Draw(t, "numbers") {
				var err error
				if piece, err = AddTo(piece, []byte(text)); err != nil {
					t.Fatalf("add %q: %v", text, err)
				}
				if err := want.Add([]byte(text)); err != nil {
					t.Fatalf("add %q to the twin: %v", text, err)
				}
			}
			var err error
			if total, err = AddSums(total, piece); err != nil {
				t.Fatalf("add a sum: %v", err)
			}
		}
		if got, want := string(AppendSum(nil, total)), string(want.Append(nil)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if _, err := AddTo(total, []byte("1e")); err == nil {
			t.Fatal("1e was taken for a number")
		}
		if got, want := string(AppendSum(nil, total)), string(want.Append(nil)); got != want {
			t.Fatalf("after an error: got %s, want %s", got, want)
		}
	})
}

func TestMean(t *testing.T) {
	for _, test := range []struct {
		sum    string
		n      uint64
		digits int
		want   string
	}{
		{"10", 4, 3, "2.5"}, {"1", 3, 4, "0.3333"}, {"-2", 3, 4, "-0.6667"}, {"0", 7, 2, "0"},
		{"1", 8, 2, "0.13"}, {"6", 3, 12, "2"}, {"1e30", 1, 0, "1000000000000000000000000000000"},
	} {
		sum, err := AddTo(nil, []byte(test.sum))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendMean(nil, sum, test.n, test.digits)); got != test.want {
			t.Errorf("%s / %d: got %s, want %s", test.sum, test.n, got, test.want)
		}
	}
}
