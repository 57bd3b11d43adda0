package aggregate_test

import (
	"context"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/aggregate"
)

// fold has an aggregator take the values in pieces, which are merged.
func fold(t *rapid.T, made aggregate.Maker, values []string) []string {
	a, err := made(fanfold.NewTask(context.Background(), fanfold.Task{}))
	if err != nil {
		t.Fatalf("make: %v", err)
	}
	var states [][]byte
	for len(values) > 0 {
		n := rapid.IntRange(1, len(values)).Draw(t, "piece")
		var state []byte
		for _, v := range values[:n] {
			if state, err = a.Add(state, []byte(v)); err != nil {
				t.Fatalf("add %q: %v", v, err)
			}
		}
		states, values = append(states, state), values[n:]
	}
	for len(states) > 1 {
		at := rapid.IntRange(0, len(states)-2).Draw(t, "merge")
		if states[at], err = a.Merge(states[at], slices.Clone(states[at+1])); err != nil {
			t.Fatalf("merge: %v", err)
		}
		states = slices.Delete(states, at+1, at+2)
	}
	var got []string
	if err := a.Result(states[0], func(v []byte) { got = append(got, string(v)) }); err != nil {
		t.Fatalf("result: %v", err)
	}
	return got
}

func rat(text string) *big.Rat {
	r, _ := new(big.Rat).SetString(text)
	return r
}

// decimals draws numbers, some of which need more than 64 bits.
func decimals() *rapid.Generator[[]string] {
	number := rapid.OneOf(
		rapid.StringMatching(`-?[0-9]{1,4}(\.[0-9]{1,3})?`),
		rapid.StringMatching(`-?[89][0-9]{17,30}(\.[0-9]{1,20})?`),
		rapid.StringMatching(`-?[0-9]{1,2}e-?[0-9]{1,2}`),
		rapid.SampledFrom([]string{"0", "-0", "0.0", "1", "1.0", "01"}),
	)
	return rapid.SliceOfN(number, 1, 12)
}

// TestNumbers compares each aggregation of numbers with a naive one.
func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := decimals().Draw(t, "values")
		total := new(big.Rat)
		for _, v := range values {
			total.Add(total, rat(v))
		}
		descending := slices.Clone(values)
		slices.SortStableFunc(descending, func(a, b string) int { return rat(b).Cmp(rat(a)) })
		ascending := slices.Clone(values)
		slices.SortStableFunc(ascending, func(a, b string) int { return rat(a).Cmp(rat(b)) })
		k := rapid.IntRange(1, 5).Draw(t, "k")

		sum := fold(t, aggregate.Sum(), values)
		if len(sum) != 1 || rat(sum[0]).Cmp(total) != 0 {
			t.Errorf("sum %q, want %s", sum, total.FloatString(20))
		}
		mean := total.Quo(total, new(big.Rat).SetInt64(int64(len(values)))).FloatString(12)
		if avg := fold(t, aggregate.Avg(), values); len(avg) != 1 || rat(avg[0]).Cmp(rat(mean)) != 0 {
			t.Errorf("mean %q, want %s", avg, mean)
		}
		for _, test := range []struct {
			name  string
			maker aggregate.Maker
			want  []string
		}{
			{"min", aggregate.Min(), ascending[:1]}, {"max", aggregate.Max(), descending[:1]},
			{"top", aggregate.TopK(k), descending[:min(k, len(descending))]},
		} {
			if got := fold(t, test.maker, values); !slices.Equal(got, test.want) {
				t.Errorf("%s: got %q, want %q", test.name, got, test.want)
			}
		}
	})
}

// TestOf folds a user's type by a function that is associative, and not commutative.
func TestOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.StringMatching(`[a-c]{0,3}`), 1, 9).Draw(t, "values")
		join := aggregate.Of(fanfold.Strings(), func(a, b string) string { return a + b })
		if got := fold(t, join, values); !slices.Equal(got, []string{strings.Join(values, "")}) {
			t.Errorf("got %q", got)
		}
		lengths := make([]string, len(values))
		most := int64(0)
		for i, v := range values {
			lengths[i], most = strconv.Itoa(len(v)), max(most, int64(len(v)))
		}
		longest := aggregate.Of(fanfold.Ints(), func(a, b int64) int64 { return max(a, b) })
		if got := fold(t, longest, lengths); got[0] != strconv.FormatInt(most, 10) {
			t.Errorf("longest: got %q, want %d", got, most)
		}
	})
}

func TestWhatIsNoNumber(t *testing.T) {
	for name, maker := range map[string]aggregate.Maker{
		"sum": aggregate.Sum(), "min": aggregate.Min(), "max": aggregate.Max(),
		"avg": aggregate.Avg(), "top": aggregate.TopK(2),
		"ints": aggregate.Of(fanfold.Ints(), func(a, b int64) int64 { return a + b }),
	} {
		a, err := maker(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range [][]byte{nil, first(t, a)} {
			if _, err := a.Add(state, []byte("cat")); err == nil {
				t.Errorf("%s: cat was taken for a number", name)
			}
		}
	}
	for _, k := range []int{0, -1, aggregate.TopKMax + 1} {
		if _, err := aggregate.TopK(k)(nil); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("top %d: got %v, want a usage error", k, err)
		}
	}
}

func first(t *testing.T, a fanfold.Aggregator) []byte {
	state, err := a.Add(nil, []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	return state
}
