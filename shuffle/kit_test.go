package shuffle

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"pgregory.net/rapid"
)

// record is an emitted record; number says that n was given to Add.
type record struct {
	key, value []byte
	n          int64
	number     bool
}

// text is the value as programs without a fold see it.
func (r record) text() []byte {
	if r.number {
		return strconv.AppendInt(nil, r.n, 10)
	}
	return r.value
}

// pair is a key and a value that can be compared and printed; no value is "-", others start with =.
type pair struct{ key, value string }

func pairOf(key, value []byte) pair {
	if value == nil {
		return pair{string(key), "-"}
	}
	return pair{string(key), "=" + string(value)}
}

func newTask() *fanfold.Task {
	return fanfold.NewTask(context.Background(), fanfold.Task{})
}

func testConfig(dir string, program fanfold.Program, partitions int) Config {
	return Config{
		Task: newTask(), Program: &program, Partitions: partitions, Memory: MemoryMin, Dir: dir,
	}
}

// spill writes out what a collector holds although it is not full.
func spill(t fataler, c *Collector) {
	t.Helper()
	var err error
	switch s := c.store.(type) {
	case *buffer:
		if s.sort(); len(s.refs) > 0 {
			err = s.spill()
		}
	case *table:
		if s.used > 0 {
			err = s.spill()
		}
	}
	if err != nil {
		t.Fatalf("spill: %v", err)
	}
}

func emit(t fataler, s fanfold.Sink, records []record) {
	t.Helper()
	e := fanfold.NewEmitter(s)
	for _, r := range records {
		if r.number {
			e.Add(r.key, r.n)
		} else {
			e.Emit(r.key, r.value)
		}
	}
	e.Flush()
	if err := e.Err(); err != nil {
		t.Fatalf("emit: %v", err)
	}
}

// fataler is what testing.T and rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// collect collects records, spills after so many of them (0: never), and gives the output as a
// source for each partition.
func collect(t fataler, c Config, every int, records []record) ([]Source, *Collector) {
	t.Helper()
	col := NewCollector(c)
	defer col.Close()
	for every > 0 && len(records) > every {
		emit(t, col, records[:every])
		spill(t, col)
		records = records[every:]
	}
	emit(t, col, records)
	out, err := col.Finish()
	if err != nil {
		t.Fatalf("finish: %v", err)
	}
	return sourcesOf(c, 0, out), col
}

// sourcesOf is what a reduce of each partition is told of an output.
func sourcesOf(c Config, task uint32, out fanfold.Output) []Source {
	sources := make([]Source, c.Partitions)
	for p := range sources {
		sources[p] = Source{Task: task, Part: p, Records: out.Records}
		if out.Inline != nil {
			sources[p].Inline = out.Inline[p]
		}
		if out.File != "" {
			sources[p].Path = c.Dir + "/" + out.File
		}
	}
	return sources
}

// readRows reads sources to their end.
func readRows(c Config, sources ...Source) ([]pair, error) {
	in, err := Merge(c, sources)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var pairs []pair
	var r row
	for {
		more, err := in.rows.next(&r)
		if err != nil || !more {
			return pairs, err
		}
		pairs = append(pairs, pairOf(r.key, r.value))
	}
}

func mustRead(t fataler, c Config, sources ...Source) []pair {
	t.Helper()
	pairs, err := readRows(c, sources...)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return pairs
}

// sortedPairs is the dumb twin of a buffer: the records of a partition, sorted, equal keys in order
// of arrival.
func sortedPairs(records []record, part, partitions int) []pair {
	var pairs []pair
	for _, r := range records {
		if Partition(r.key, partitions) == part {
			pairs = append(pairs, pairOf(r.key, r.text()))
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	return pairs
}

func comparePairs(t fataler, what string, got, want []pair) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d records, want %d", what, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: record %d is %.80q, want %.80q", what, i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: got %.200q, want %.200q", what, fmt.Sprint(got), fmt.Sprint(want))
	}
}

// keys draws keys that are nasty together: empty, equal in their first 8 or 16 bytes, of NULs,
// long, and prefixes of each other.
func keys() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return make([]byte, rapid.IntRange(1, 20).Draw(t, "nuls"))
		case 2:
			n := rapid.IntRange(1, 40).Draw(t, "a")
			return bytes.Repeat([]byte("a"), n)
		case 3, 4:
			tail := rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "tail")
			return append([]byte("https://www.example.org/"), tail...)
		case 5:
			return append([]byte("12345678"), rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 9).Draw(t, "tail")...)
		case 6:
			return rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "any")
		case 7:
			if rapid.IntRange(0, 20).Draw(t, "long") == 0 {
				return append(bytes.Repeat([]byte("L"), 64<<10), byte(rapid.IntRange(0, 3).Draw(t, "end")))
			}
		}
		return []byte("hot")
	})
}

func values() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return []byte{}
		}
		return rapid.SliceOfN(rapid.Byte(), 1, 12).Draw(t, "value")
	})
}

// many draws few or many.
func many[T any](one *rapid.Generator[T], most int) *rapid.Generator[[]T] {
	return rapid.Custom(func(t *rapid.T) []T {
		n := rapid.SampledFrom([]int{0, 1, 2, 10, most / 2, most}).Draw(t, "number")
		return rapid.SliceOfN(one, n, n).Draw(t, "records")
	})
}

// spillEvery draws after how many records to spill.
func spillEvery() *rapid.Generator[int] { return rapid.SampledFrom([]int{0, 5, 20, 60}) }

func records(most int) *rapid.Generator[[]record] {
	one := rapid.Custom(func(t *rapid.T) record {
		r := record{key: keys().Draw(t, "key")}
		if rapid.Bool().Draw(t, "number") {
			r.number, r.n = true, rapid.Int64().Draw(t, "n")
		} else {
			r.value = values().Draw(t, "value")
		}
		return r
	})
	return many(one, most)
}

// numbers draws records of Add, mostly small ones.
func numbers(most int) *rapid.Generator[[]record] {
	one := rapid.Custom(func(t *rapid.T) record {
		r := record{key: keys().Draw(t, "key"), number: true}
		if rapid.IntRange(0, 3).Draw(t, "size") == 0 {
			r.n = rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, math.MaxInt64 / 2}).Draw(t, "n")
		} else {
			r.n = rapid.Int64().Draw(t, "n")
		}
		return r
	})
	return many(one, most)
}

// emptyDir checks that nothing is left in a directory.
func emptyDir(t fataler, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("read %s: %v", dir, err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) > 0 {
		t.Fatalf("left behind: %s", strings.Join(names, " "))
	}
}

// openFiles is how many files this process has open that nobody can see any more: spill files.
func openSpills(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	n := 0
	for _, fd := range fds {
		to, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && strings.Contains(to, "/spill-") {
			n++
		}
	}
	return n
}

func wantKind(t fataler, err error, kind fanfold.Kind) {
	t.Helper()
	var e *fanfold.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("error %v, want one of kind %v", err, kind)
	}
}

func tempDir(t *rapid.T, parent string) string {
	dir, err := os.MkdirTemp(parent, "")
	if err != nil {
		t.Fatalf("make directory: %v", err)
	}
	return dir
}

func mkdir(t fataler, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatalf("make directory: %v", err)
	}
}
