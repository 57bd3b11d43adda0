package coordinator

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// weights gives keys as "a=3 b=1".
func weights(text string) (all []weighed) {
	for item := range strings.FieldsSeq(text) {
		var w weighed
		key, n, _ := strings.Cut(item, "=")
		fmt.Sscan(n, &w.bytes)
		w.key = []byte(key)
		all = append(all, w)
	}
	return all
}

func TestEvenCuts(t *testing.T) {
	for _, test := range []struct {
		name, keys string
		n          int
		want       string
	}{
		{"even", "a=1 b=1 c=1 d=1", 2, "c"},
		{"unsorted, twice", "d=1 a=1 c=1 b=1 a=1 d=1", 2, "c"},
		{"as many as keys", "a=1 b=1 c=1", 3, "b c"},
		{"a heavy key by itself", "a=1 b=1 hot=90 x=1 y=1", 3, "hot x"},
		{"a heavy key first", "a=90 b=1 c=1 d=1 e=1", 3, "b d"},
		{"a heavy key last", "a=1 b=1 c=1 d=1 z=90", 3, "z z"},
		{"one key", "a=5 a=5", 4, "\x00 \x00 \x00"},
		{"nothing", "", 3, "\x00 \x00"},
		{"fewer keys than ranges", "a=1 b=1", 4, "b b b"},
		{"the empty key is never a bound", "=9 a=1", 2, "a"},
	} {
		got := bytes.Join(evenCuts(weights(test.keys), test.n), []byte(" "))
		if string(got) != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestEvenCutsAreEven checks that no range has more than its share and half of a key, but for one
// that begins with a key that has.
func TestEvenCutsAreEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "ranges")
		var all []weighed
		total, most := int64(0), int64(0)
		for range rapid.IntRange(0, 60).Draw(t, "keys") {
			w := weighed{[]byte(rapid.StringN(0, 3, 3).Draw(t, "key")), rapid.Int64Range(1, 50).Draw(t, "n")}
			all, total = append(all, w), total+w.bytes
		}
		of := map[string]int64{}
		for _, w := range all {
			of[string(w.key)] += w.bytes
			most = max(most, of[string(w.key)])
		}
		cuts := evenCuts(slices.Clone(all), n)
		if len(cuts) != n-1 || !slices.IsSortedFunc(cuts, bytes.Compare) {
			t.Fatalf("cuts %q of %d ranges", cuts, n)
		}
		held := make([]int64, n)
		for key, bytesOfKey := range of {
			at := 0
			for at < n-1 && key >= string(cuts[at]) {
				at++
			}
			held[at] += bytesOfKey
		}
		for i, h := range held {
			if h > total/int64(n)+2*most {
				t.Errorf("range %d of %d has %d of %d, where a key has %d at most", i, n, h, total, most)
			}
		}
	})
}
