package shuffle

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fanfold/fanfold"
	"pgregory.net/rapid"
)

// twinOrder sorts as simply as can be: by partition, key and arrival.
func twinOrder(b *buffer) []rowRef {
	refs := slices.Clone(b.refs)
	slices.SortFunc(refs, func(x, y rowRef) int {
		return cmp.Or(cmp.Compare(x.where>>arenaBits, y.where>>arenaBits),
			bytes.Compare(b.keyOf(x, nil), b.keyOf(y, nil)), cmp.Compare(x.where, y.where))
	})
	return refs
}

// checkOrder sorts keys and gives how often a ref was looked at.
func checkOrder(t fataler, partitions int, keys [][]byte) int64 {
	t.Helper()
	c := testConfig("", fanfold.Program{}, partitions)
	c.Memory = 64 << 20
	b := newBuffer(c, newMeter(c))
	for i, key := range keys {
		if err := b.append(uint32(i*7%partitions), key, nil); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	want := twinOrder(b)
	b.sort()
	for i := range want {
		if b.refs[i] != want[i] {
			t.Fatalf("ref %d of %d: got %+v of key %.40q, want %+v of key %.40q", i, len(want),
				b.refs[i], b.keyOf(b.refs[i], nil), want[i], b.keyOf(want[i], nil))
		}
	}
	return b.looks
}

// TestOrderLikeTheTwin sorts keys made of few pieces, so that many begin alike, are equal, or
// differ in zeros at their end only.
func TestOrderLikeTheTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
			"", "\x00", "\x00\x00\x00", "a", "b", "\xff", "12345678", "12345679",
			"\x00\x00\x00\x00\x00\x00\x00\x00", "a long beginning that many keys share, as addresses do",
		}), 1, 6).Draw(t, "pieces")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		keys := make([][]byte, rapid.IntRange(0, 3000).Draw(t, "keys"))
		most := rapid.IntRange(1, 8).Draw(t, "most")
		for i := range keys {
			for range random.IntN(most + 1) {
				keys[i] = append(keys[i], pieces[random.IntN(len(pieces))]...)
			}
		}
		checkOrder(t, rapid.SampledFrom([]int{1, 2, 10, 1000}).Draw(t, "partitions"), keys)
	})
}

// Neither skewed nor equal keys nor long common beginnings make sorting slow.
func TestOrderOfHardKeys(t *testing.T) {
	const n = 20_000
	tests := []struct {
		name string
		key  func(i int, r *rand.Rand) []byte
	}{
		{"random", func(_ int, r *rand.Rand) []byte { return fmt.Appendf(nil, "%x", r.Uint64()) }},
		{"ascending", func(i int, _ *rand.Rand) []byte { return fmt.Appendf(nil, "%09d", i) }},
		{"descending", func(i int, _ *rand.Rand) []byte { return fmt.Appendf(nil, "%09d", n-i) }},
		{"equal", func(int, *rand.Rand) []byte { return []byte("the one and only key") }},
		{"empty", func(int, *rand.Rand) []byte { return nil }},
		{"zeros", func(_ int, r *rand.Rand) []byte { return make([]byte, r.IntN(40)) }},
		{"mostly one", func(_ int, r *rand.Rand) []byte {
			return fmt.Appendf(nil, "hot key number %d", max(0, r.IntN(100)-90))
		}},
		{"late difference", func(_ int, r *rand.Rand) []byte {
			return append(bytes.Repeat([]byte("p"), 333), byte(r.IntN(256)), byte(r.IntN(256)))
		}},
		{"stairs", func(i int, _ *rand.Rand) []byte { return bytes.Repeat([]byte("s"), i%500) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			keys := make([][]byte, n)
			for i := range keys {
				keys[i] = tt.key(i, random)
			}
			looks, bytes := checkOrder(t, 1, keys), 0
			for _, key := range keys {
				bytes += len(key)
			}
			// Each ref is looked at a few times, and again for each eight bytes that some share.
			if most := int64(10*n + bytes); looks > most {
				t.Errorf("looked %d times at one of %d refs, %d times at most", looks, n, most)
			}
			checkOrder(t, 3, keys)
		})
	}
}
