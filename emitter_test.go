package fanfold_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/fanfold/fanfold"
)

// entry is what one record looked like in a Batch.
type entry struct {
	key    string
	value  []byte
	number bool
	n      int64
	hash   uint64
}

// recorder is a Sink that keeps copies, or fails.
type recorder struct {
	batches []int // entries in each
	bytes   []int // in each
	memory  int   // of the last batch's bytes
	entries []entry
	words   [][2]uint64
	err     error
}

func (r *recorder) Flush(b *fanfold.Batch) error {
	r.batches, r.bytes = append(r.batches, b.Len), append(r.bytes, len(b.Bytes))
	r.memory = cap(b.Bytes)
	for i := range b.Len {
		e := entry{key: string(b.Key(i)), value: bytes.Clone(b.Value(i)), hash: b.Hash[i]}
		if b.ValLen[i] == fanfold.Number {
			e.number, e.n = true, b.N[i]
		}
		r.entries = append(r.entries, e)
		k0, k1 := b.HeadWords(i)
		r.words = append(r.words, [2]uint64{k0, k1})
	}
	return r.err
}

func TestEmitterKeepsWhatItIsGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sink recorder
		emit := fanfold.NewEmitter(&sink)
		scratch := rapid.SliceOfN(rapid.Byte(), 0, 40)
		var want []entry
		for range rapid.IntRange(0, 100).Draw(t, "records") {
			key := scratch.Draw(t, "key")
			w := entry{key: string(key)}
			switch rapid.IntRange(0, 2).Draw(t, "call") {
			case 0:
				w.number, w.n = true, rapid.Int64().Draw(t, "n")
				emit.Add(key, w.n)
			case 1:
				value := scratch.Draw(t, "value")
				w.value = bytes.Clone(value)
				emit.Emit(key, value)
				clear(value) // the caller may reuse both
			case 2:
				emit.Emit(key, nil)
			}
			clear(key)
			want = append(want, w)
		}
		emit.Flush()
		if emit.Err() != nil || len(sink.entries) != len(want) {
			t.Fatalf("got %d records, %v, want %d", len(sink.entries), emit.Err(), len(want))
		}
		for i, got := range sink.entries {
			got.hash = 0
			if !equal(got, want[i]) {
				t.Fatalf("record %d: got %+v, want %+v", i, got, want[i])
			}
		}
	})
}

// TestAddWordsIsALoop compares AddWords with what it says that it does.
func TestAddWordsIsALoop(t *testing.T) {
	space := rapid.SampledFrom([]byte(" \t\n\v\f\r"))
	letter := rapid.SampledFrom([]byte("abc\x00\x08\x0e\x1f!\x7f\x80\x89\x8d\xa0\xff"))
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		for range rapid.IntRange(0, 40).Draw(t, "pieces") {
			most := rapid.SampledFrom([]int{3, 10, 20, 100}).Draw(t, "most")
			text = append(text, rapid.SliceOfN(space, 0, 3).Draw(t, "space")...)
			text = append(text, rapid.SliceOfN(letter, 0, most).Draw(t, "word")...)
		}
		text = text[:len(text):len(text)]
		n := rapid.Int64().Draw(t, "n")
		var got, want recorder
		emit, loop := fanfold.NewEmitter(&got), fanfold.NewEmitter(&want)
		emit.Emit([]byte("before"), text[:min(len(text), 3)])
		loop.Emit([]byte("before"), text[:min(len(text), 3)])
		emit.AddWords(text, n)
		for word := range fanfold.Words(text) {
			loop.Add(word, n)
		}
		emit.Flush()
		loop.Flush()
		if !slices.EqualFunc(got.entries, want.entries, equal) ||
			!slices.Equal(got.words, want.words) || !slices.Equal(got.bytes, want.bytes) {
			t.Fatalf("%q: got %+v, want %+v", text, got, want)
		}
	})
}

// equal tells no value from an empty one.
func equal(a, b entry) bool {
	return a.key == b.key && a.number == b.number && a.n == b.n && a.hash == b.hash &&
		bytes.Equal(a.value, b.value) && (a.value == nil) == (b.value == nil)
}

func TestEmptyValueOfEmptyKey(t *testing.T) {
	var sink recorder
	emit := fanfold.NewEmitter(&sink)
	emit.Emit(nil, []byte{})
	emit.Flush()
	if value := sink.entries[0].value; value == nil {
		t.Error("got no value, want an empty one")
	}
}

func TestKeyWords(t *testing.T) {
	// The key stands at the very end of its memory, so that a read past it would be seen.
	memory := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
	for n := range len(memory) + 1 {
		key := memory[len(memory)-n:]
		var sink recorder
		emit := fanfold.NewEmitter(&sink)
		emit.Add(key, 1)
		emit.Flush()
		var padded [24]byte
		copy(padded[:], key)
		want := [2]uint64{
			binary.LittleEndian.Uint64(padded[:8]), binary.LittleEndian.Uint64(padded[8:16]),
		}
		if sink.words[0] != want {
			t.Errorf("key of %d bytes: got %x, want %x", n, sink.words[0], want)
		}
	}
}

func TestHashDependsOnTheKeyAlone(t *testing.T) {
	var sink recorder
	emit := fanfold.NewEmitter(&sink)
	key := bytes.Repeat([]byte{'k'}, 40)
	emit.Add(key, 1)
	emit.Emit(key, []byte("value"))
	for i := range key { // each byte of it counts
		other := bytes.Clone(key)
		other[i]++
		emit.Add(other, 1)
		emit.Add(key[:i], 1) // and its length
		emit.Add(append(key[:i:i], 0), 1)
	}
	emit.Flush()
	if sink.entries[0].hash != sink.entries[1].hash {
		t.Error("one key has two hashes")
	}
	seen := map[uint64]string{}
	for _, e := range sink.entries {
		if other, taken := seen[e.hash]; taken && other != e.key {
			t.Errorf("%q and %q have the same hash", other, e.key)
		}
		seen[e.hash] = e.key
	}
}

func TestEmitterFlushes(t *testing.T) {
	var sink recorder
	emit := fanfold.NewEmitter(&sink)
	for range 2*fanfold.BatchLen + 1 {
		emit.Add([]byte("key"), 1)
	}
	if want := []int{fanfold.BatchLen, fanfold.BatchLen}; !slices.Equal(sink.batches, want) {
		t.Errorf("before Flush: got batches of %v, want %v", sink.batches, want)
	}
	emit.Flush()
	emit.Flush() // nothing is left: the sink is not called
	if want := []int{fanfold.BatchLen, fanfold.BatchLen, 1}; !slices.Equal(sink.batches, want) {
		t.Errorf("after Flush: got batches of %v, want %v", sink.batches, want)
	}
}

// shown is a Prefetcher that notes the first keys of what it is shown.
type shown struct {
	recorder
	ahead []string
}

func (s *shown) Prefetch(b *fanfold.Batch) { s.ahead = append(s.ahead, string(b.Key(0))) }

func TestEmitterShowsFullBatchesAhead(t *testing.T) {
	var sink shown
	emit := fanfold.NewEmitter(&sink)
	var want []entry
	add := func(n int) {
		for range n {
			key := fmt.Sprint(len(want))
			emit.Add([]byte(key), 1)
			want = append(want, entry{key: key, number: true, n: 1})
		}
	}
	add(fanfold.BatchLen)
	if len(sink.batches) != 0 || !slices.Equal(sink.ahead, []string{"0"}) {
		t.Errorf("one batch: %d came and %q were shown, want none and the first",
			len(sink.batches), sink.ahead)
	}
	add(2*fanfold.BatchLen + 1)
	if len(sink.batches) != 2 || !slices.Equal(sink.ahead, []string{"0", "32", "64"}) {
		t.Errorf("three batches: %d came and %q were shown, want two and all",
			len(sink.batches), sink.ahead)
	}
	emit.Emit([]byte("large"), make([]byte, 1<<20)) // does not wait
	want = append(want, entry{key: "large", value: make([]byte, 1<<20)})
	if len(sink.entries) != len(want) {
		t.Errorf("%d records came, want all %d with the large one", len(sink.entries), len(want))
	}
	for i, got := range sink.entries {
		if got.hash = 0; !equal(got, want[i]) {
			t.Fatalf("record %d is %.20q, want %q", i, got.key, want[i].key)
		}
	}
}

func TestEmitterBoundsItsQueue(t *testing.T) {
	const limit = 256 << 10
	var sink recorder
	emit := fanfold.NewEmitter(&sink)
	value := make([]byte, 100<<10)
	for range 6 {
		emit.Emit([]byte("key"), value)
	}
	emit.Flush()
	if want := []int{3, 3}; !slices.Equal(sink.batches, want) {
		t.Errorf("got batches of %v, want %v", sink.batches, want)
	}
	for _, n := range sink.bytes {
		if n > limit+len(value)+len("key") {
			t.Errorf("%d bytes waited, want at most one record above %d", n, limit)
		}
	}
}

func TestEmitterGivesMemoryBack(t *testing.T) {
	var sink recorder
	emit := fanfold.NewEmitter(&sink)
	emit.Emit([]byte("large"), make([]byte, 4<<20))
	large := sink.memory
	emit.Add([]byte("small"), 1)
	emit.Flush()
	if large < 4<<20 || sink.memory > 1<<20 {
		t.Errorf("got %d bytes behind a batch of %d, want them given back", sink.memory, large)
	}
}

func TestEmitterKeepsTheFirstError(t *testing.T) {
	first := errors.New("first")
	sink := recorder{err: first}
	emit := fanfold.NewEmitter(&sink)
	for i := range 10 * fanfold.BatchLen {
		emit.Add(fmt.Appendf(nil, "key %d", i), 1)
		sink.err = fmt.Errorf("error %d", i)
		if i < fanfold.BatchLen-1 {
			sink.err = first
		}
	}
	emit.Flush()
	if emit.Err() != first {
		t.Errorf("got %v, want the first error", emit.Err())
	}
	if len(sink.batches) != 1 {
		t.Errorf("the sink was called %d times, want once", len(sink.batches))
	}
}

func TestEmitterRefusesLargeRecords(t *testing.T) {
	// Mapped and never touched: it costs address space only.
	large, err := syscall.Mmap(-1, 0, fanfold.RecordMax+1,
		syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(large) }()
	tests := []struct {
		name string
		emit func(*fanfold.Emitter)
	}{
		{"key of Add", func(e *fanfold.Emitter) { e.Add(large, 1) }},
		{"key of Emit", func(e *fanfold.Emitter) { e.Emit(large, nil) }},
		{"value of Emit", func(e *fanfold.Emitter) { e.Emit(nil, large) }},
	}
	for _, tt := range tests {
		var sink recorder
		emit := fanfold.NewEmitter(&sink)
		tt.emit(emit)
		emit.Flush()
		if fanfold.KindOf(emit.Err()) != fanfold.KindTooLarge || len(sink.batches) != 0 {
			t.Errorf("%s: got %v and %d calls, want an error of kind too-large and none",
				tt.name, emit.Err(), len(sink.batches))
		}
	}
}

func TestEmitterDoesNotAllocate(t *testing.T) {
	emit := fanfold.NewEmitter(drop{})
	key, value := []byte("a key of some length"), []byte("value")
	emit.Emit(key, value)
	emit.Flush()
	allocs := testing.AllocsPerRun(100, func() {
		for range 2 * fanfold.BatchLen {
			emit.Add(key, 1)
			emit.Emit(key, value)
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations for %d records, want 0", allocs, 4*fanfold.BatchLen)
	}
}

// drop is a Sink that keeps nothing.
type drop struct{}

func (drop) Flush(*fanfold.Batch) error { return nil }
