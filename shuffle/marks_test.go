package shuffle

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"pgregory.net/rapid"
)

// ranged is a source that is read by ranges of keys, and the records that it was made of.
func ranged(t fataler, c Config, every int, records []record) (Source, []pair) {
	c.Ranges = true
	sources, _ := collect(t, c, every, records)
	return sources[0], sortedPairs(records, 0, 1)
}

// TestRangesOfKeys checks that what the ranges of some cuts give is, one behind the other, all.
func TestRangesOfKeys(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		c := testConfig(tempDir(t, dir), fanfold.Program{}, 1)
		c.NoInline = rapid.Bool().Draw(t, "file")
		source, want := ranged(t, c, spillEvery().Draw(t, "spill"), records(400).Draw(t, "records"))
		cuts := rapid.SliceOfN(keys(), 0, 4).Draw(t, "cuts")
		cuts = slices.DeleteFunc(cuts, func(k []byte) bool { return len(k) == 0 }) // the last bound
		slices.SortFunc(cuts, bytes.Compare)
		var got []pair
		read, from := int64(0), []byte(nil)
		for _, below := range append(cuts, nil) {
			source.Keys = &KeyRange{from, below}
			from = below
			one := source
			if source.Path != "" && rapid.Bool().Draw(t, "extract") {
				one = extractOf(t, c.Dir, source)
			}
			in, err := Merge(c, []Source{one})
			if err != nil {
				t.Fatalf("merge: %v", err)
			}
			var r row
			more := true
			for more {
				if more, err = in.rows.next(&r); err != nil {
					t.Fatalf("read: %v", err)
				}
				if more {
					got = append(got, pairOf(r.key, r.value))
				}
			}
			read += in.Records()
			in.Close()
		}
		comparePairs(t, "all ranges", got, want)
		if read != int64(len(want)) {
			t.Fatalf("%d records were counted of %d", read, len(want))
		}
	})
}

// extractOf gives the same source as another host would have it.
func extractOf(t fataler, dir string, s Source) Source {
	whole, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatalf("read segment: %v", err)
	}
	e, err := Find(bytes.NewReader(whole), int64(len(whole)), uint32(s.Part), s.Keys)
	if err != nil {
		t.Fatalf("find: %v", err)
	}
	f, err := os.CreateTemp(dir, "extract")
	if err != nil {
		t.Fatalf("make extract: %v", err)
	}
	defer f.Close()
	x := NewExtract(f, uint32(s.Part))
	if _, err := x.Write(whole[e.Offset:][:e.Bytes]); err != nil {
		t.Fatalf("write extract: %v", err)
	}
	if err := x.Finish(-1); err != nil {
		t.Fatalf("finish extract: %v", err)
	}
	s.Path, s.Extract = f.Name(), true
	return s
}

// longKeys gives n keys that ascend and have more in common than a mark has room for.
func longKeys(n int) (list []record) {
	common := strings.Repeat("c", fanfold.SampleKeyMax)
	for i := range n {
		list = append(list, record{key: fmt.Appendf(nil, "%s%08d", common, i)})
	}
	return list
}

func numbered(n int) (list []record) {
	for i := range n {
		list = append(list, record{key: fmt.Appendf(nil, "%08d", i), value: make([]byte, 90)})
	}
	return list
}

// TestRangeSkipsBlocks checks that a range far from the first key does not read what is before it,
// and that one of keys that marks cannot tell apart is found all the same.
func TestRangeSkipsBlocks(t *testing.T) {
	for _, test := range []struct {
		name    string
		records []record
		skips   bool
	}{{"short", numbered(20_000), true}, {"long", longKeys(10_000), false}} {
		t.Run(test.name, func(t *testing.T) {
			c := testConfig(t.TempDir(), fanfold.Program{}, 1)
			c.Memory = 16 << 20
			source, want := ranged(t, c, 0, test.records)
			from := len(want) * 9 / 10
			source.Keys = &KeyRange{From: []byte(want[from].key)}
			in, err := Merge(c, []Source{source})
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			var r row
			if more, err := in.rows.next(&r); err != nil || !more || string(r.key) != want[from].key {
				t.Fatalf("the first key is %q (%v, %v), want %q", r.key, more, err, want[from].key)
			}
			info, err := os.Stat(source.Path)
			if err != nil {
				t.Fatal(err)
			}
			if skips := in.Bytes() < info.Size()/4; skips != test.skips {
				t.Errorf("%d bytes of %d were read for the first key", in.Bytes(), info.Size())
			}
		})
	}
}

// TestMarksAreBounded checks that their number, and the keys in a sample, do not grow with the
// output, and that they are spread evenly.
func TestMarksAreBounded(t *testing.T) {
	m := marks{stride: markStrideMin}
	const rows = 1 << 20
	for i := range rows {
		m.note(fmt.Appendf(nil, "%08d", i), 50, int64(i))
	}
	if n := len(m.list); n > marksMax || n < marksMax/2 {
		t.Errorf("%d marks", n)
	}
	keys := m.sample()
	if len(keys) != fanfold.SampleMax {
		t.Fatalf("%d keys in the sample", len(keys))
	}
	for i, key := range keys {
		var n int
		fmt.Sscanf(string(key), "%d", &n)
		if want := (2*i + 1) * rows / (2 * fanfold.SampleMax); n < want-rows/50 || n > want+rows/50 {
			t.Errorf("key %d of the sample is that of row %d, want about %d", i, n, want)
		}
	}
	if few := (&marks{}).sample(); len(few) != 0 {
		t.Errorf("the sample of nothing has %d keys", len(few))
	}
}

// TestR19DamagedMarks checks that a bit that flips in the marks is found, and blamed on the source.
func TestR19DamagedMarks(t *testing.T) {
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	source, want := ranged(t, c, 0, numbered(2000))
	source.Keys = &KeyRange{From: []byte(want[1000].key)}
	whole, err := os.ReadFile(source.Path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(source.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	index, err := readIndex(f, int64(len(whole)), marksPartition)
	if err != nil || index.records == 0 {
		t.Fatalf("%d marks, %v", index.records, err)
	}
	for at := index.offset; at < index.offset+index.length; at += index.length/40 + 1 {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 4
		if err := os.WriteFile(source.Path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readRows(c, source)
		wantKind(t, err, fanfold.KindCorrupt)
	}
}
