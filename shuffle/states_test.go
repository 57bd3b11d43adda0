package shuffle

import (
	"bytes"
	"testing"

	"github.com/fanfold/fanfold"
	"pgregory.net/rapid"
)

// chain is an Aggregator whose state is all values in their order. Before it adds one it changes
// all that is there and back, as one may that works in place.
type chain struct{}

func (chain) Add(state, value []byte) ([]byte, error) {
	fanfold.Descend(state)
	state = append(append(state, ^byte('|')), value...)
	n := len(state) - len(value)
	fanfold.Descend(state[:n])
	return state, nil
}

func (chain) Merge(state, later []byte) ([]byte, error) { return append(state, later...), nil }

func (chain) Result(state []byte, emit func([]byte)) error {
	emit(state)
	if len(state) > 20 {
		emit(nil) // a second record of the key
	}
	return nil
}

// chained is the dumb twin.
func chained(records []record) (pairs []pair) {
	states := map[string][]byte{}
	var keys []record
	for _, r := range records {
		if states[string(r.key)] == nil {
			keys = append(keys, record{key: r.key})
		}
		states[string(r.key)] = append(append(states[string(r.key)], '|'), r.text()...)
	}
	for _, p := range sortedPairs(keys, 0, 1) {
		state := states[p.key]
		pairs = append(pairs, pairOf([]byte(p.key), state))
		if len(state) > 20 {
			pairs = append(pairs, pair{p.key, "-"})
		}
	}
	return pairs
}

// aggregated collects records in some pieces, and reduces them.
func aggregated(t fataler, c Config, every int, pieces ...[]record) []pair {
	t.Helper()
	var sources []Source
	for i, records := range pieces {
		c := c
		c.Dir += "/" + string(rune('a'+i))
		mkdir(t, c.Dir)
		source, _ := collect(t, c, every, records)
		source[0].Task = uint32(i)
		sources = append(sources, source[0])
	}
	in, err := Merge(c, sources)
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	defer in.Close()
	var got keeper
	out := &Output{dest: &got}
	if err := in.Fold(out); err != nil {
		t.Fatalf("fold: %v", err)
	}
	return got.pairs
}

// keeper is a destination that keeps what it is given.
type keeper struct{ pairs []pair }

func (k *keeper) append(_ uint32, key, value []byte) error {
	k.pairs = append(k.pairs, pairOf(key, value))
	return nil
}

func (k *keeper) finish() (fanfold.Output, error) { return fanfold.Output{}, nil }

func (k *keeper) total() int64 { return int64(len(k.pairs)) }

func (k *keeper) discard() {}

func TestAggregator(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		c := testConfig(tempDir(t, dir), fanfold.Program{}, 1)
		c.Aggregator = chain{}
		c.NoInline = rapid.Bool().Draw(t, "file")
		every := spillEvery().Draw(t, "spill")
		a, b := records(200).Draw(t, "a"), records(200).Draw(t, "b")
		got := aggregated(t, c, every, a, b)
		comparePairs(t, "results", got, chained(append(bytesOf(a), b...)))
	})
}

func bytesOf(records []record) []record { return append([]record(nil), records...) }

// TestAggregatorOutgrowsTheMemory has a state of one key grow beyond all memory, among others.
func TestAggregatorOutgrowsTheMemory(t *testing.T) {
	var records []record
	value := bytes.Repeat([]byte("v"), 3000)
	for i := range 1500 {
		records = append(records, record{key: []byte("a key that is too long for a slot"), value: value})
		if i%100 == 0 {
			records = append(records, record{key: []byte{byte(i / 100)}, value: value[:i]})
		}
	}
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	c.Aggregator = chain{}
	col := NewCollector(c)
	emit(t, col, records)
	if col.Spills() == 0 {
		t.Error("vacuous: nothing was spilled")
	}
	if most := col.store.(*table).peak; most > MemoryMin {
		t.Errorf("%d bytes were held", most)
	}
	col.Close()
	comparePairs(t, "results", aggregated(t, c, 0, records), chained(records))
}
