package shuffle

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// smallSegment writes a segment file of three partitions, the middle one empty.
func smallSegment(t testing.TB) (c Config, path string, rows [][]pair) {
	t.Helper()
	c = testConfig(t.TempDir(), fanfold.Program{}, 3)
	c.NoInline = true
	s := newSegment(c)
	add := func(part uint32, key string, value []byte) {
		if err := s.append(part, []byte(key), value); err != nil {
			t.Fatal(err)
		}
	}
	add(0, "", nil)
	add(0, "ab", []byte{})
	add(2, "c", []byte("de"))
	out, err := s.finish()
	if err != nil {
		t.Fatal(err)
	}
	if out.Records != 3 || out.File != outputName {
		t.Fatalf("output %+v", out)
	}
	rows = [][]pair{{{"", "-"}, {"ab", "="}}, nil, {{"c", "=de"}}}
	return c, filepath.Join(c.Dir, out.File), rows
}

// The bytes of a segment are what the package comment says: other hosts and versions read them.
func TestSegmentLayout(t *testing.T) {
	c, path, _ := smallSegment(t)
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block := func(part, count byte, rows, crc string) string {
		n := fmt.Sprintf("%02x000000", len(rows)/2)
		return fmt.Sprintf("00000000"+"%02x000000"+"%02x000000", part, count) + n + n + crc + rows
	}
	entry := func(offset, length, records byte) string {
		const u64 = "%02x00000000000000"
		return fmt.Sprintf(u64+u64+u64, offset, length, records)
	}
	want := block(0, 2, "0000"+"02616201", "40fc23ea") +
		block(2, 1, "0163"+"036465", "a1fb95d7") +
		entry(0, 30, 2) + entry(30, 0, 0) + entry(30, 29, 1) +
		"03000000" + "00000000" + "202365fc" + "01000000" + hex.EncodeToString([]byte("fanfold\n"))
	if hex.EncodeToString(got) != want {
		t.Errorf("got  %x\nwant %s", got, want)
	}

	c.NoInline = false
	s := newSegment(c)
	for _, r := range []struct {
		part       uint32
		key, value string
	}{{0, "ab", ""}, {2, "c", "de"}} {
		if err := s.append(r.part, []byte(r.key), []byte(r.value)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := s.finish()
	if err != nil || out.File != "" || len(out.Inline) != 3 || len(out.Inline[1]) != 0 {
		t.Fatalf("inline output %+v, %v", out, err)
	}
	if !bytes.HasSuffix(got[:59], out.Inline[2]) {
		t.Errorf("inline part %x is not the blocks of the file", out.Inline[2])
	}
}

// An output is inline while each part and all of them are small enough, whole or not at all.
func TestSegmentGoesInlineUpToItsLimits(t *testing.T) {
	const full = fanfold.InlinePartMax - blockHeaderLen // bytes of rows in the largest part
	const most = fanfold.InlineAttemptMax / fanfold.InlinePartMax
	tests := []struct {
		name   string
		parts  []int // bytes of rows in each
		inline bool
	}{
		{"largest part", []int{10, full, 10}, true},
		{"too large a part", []int{10, full + 1, 10}, false},
		{"as many as may be", slices.Repeat([]int{full}, most), true},
		{"one more", slices.Repeat([]int{full}, most+1), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := testConfig(t.TempDir(), fanfold.Program{}, len(test.parts))
			s := newSegment(c)
			for p, size := range test.parts {
				if size > 10 {
					size -= 2 // more bytes of lengths
				}
				if err := s.append(uint32(p), make([]byte, size-2), nil); err != nil {
					t.Fatal(err)
				}
			}
			out, err := s.finish()
			if err != nil {
				t.Fatal(err)
			}
			if (out.File == "") != test.inline || (len(out.Inline) > 0) != test.inline {
				t.Errorf("file %q and %d inline parts", out.File, len(out.Inline))
			}
			for p, source := range sourcesOf(c, 7, out) {
				if got := mustRead(t, c, source); len(got) != 1 {
					t.Errorf("part %d has %d records", p, len(got))
				}
			}
		})
	}
}

// readSegment reads all partitions of a segment file.
func readSegment(c Config, path string, records int64) (rows [][]pair, err error) {
	for p := range c.Partitions {
		got, err := readRows(c, Source{Task: 7, Path: path, Part: p, Records: records})
		if err != nil {
			return nil, err
		}
		rows = append(rows, got)
	}
	return rows, nil
}

// wantSourceError checks that an error blames task 7, with a kind.
func wantSourceError(t testing.TB, what string, err error) {
	t.Helper()
	lost, ok := err.(*SourceError)
	if !ok || lost.Task != 7 {
		t.Fatalf("%s: error %v, want a SourceError of task 7", what, err)
	}
	switch kind := fanfold.KindOf(lost.Err); kind {
	case fanfold.KindCorrupt, fanfold.KindUnsupported, fanfold.KindDisk:
	default:
		t.Fatalf("%s: error %v of kind %v", what, err, kind)
	}
}

func TestR19EveryDamageIsFound(t *testing.T) {
	c, path, want := smallSegment(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readSegment(c, path, 3); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("undamaged: %v, %v", got, err)
	}
	damaged := 0
	check := func(what string, bad []byte) {
		t.Helper()
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readSegment(c, path, 3)
		wantSourceError(t, what, err)
		damaged++
	}
	for i := range good {
		for _, flip := range []byte{1, 0x80, 0xFF} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			check(fmt.Sprintf("byte %d ^ %x", i, flip), bad)
		}
		check(fmt.Sprintf("cut at %d", i), good[:i])
		check(fmt.Sprintf("%d cut off the start", i+1), good[i+1:])
		check(fmt.Sprintf("byte %d dropped", i), slices.Delete(bytes.Clone(good), i, i+1))
		check(fmt.Sprintf("byte put in at %d", i), slices.Insert(bytes.Clone(good), i, 'x'))
	}
	check("longer", append(bytes.Clone(good), 0))
	if damaged < 7*len(good) {
		t.Errorf("vacuous: %d cases", damaged)
	}
}

func TestR19DamagedInlinePart(t *testing.T) {
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	in := []record{{key: []byte("a"), value: []byte("b")}, {key: []byte("c")}}
	sources, _ := collect(t, c, 0, in)
	good := sources[0]
	good.Task = 7
	comparePairs(t, "undamaged", mustRead(t, c, good), sortedPairs(in, 0, 1))
	for i := range good.Inline {
		for _, bad := range [][]byte{
			append(bytes.Clone(good.Inline[:i]), good.Inline[i]^1),
			good.Inline[:i],
			append(append(bytes.Clone(good.Inline[:i]), good.Inline[i]^0x40), good.Inline[i+1:]...),
		} {
			s := good
			s.Inline = bad
			_, err := readRows(c, s)
			wantSourceError(t, fmt.Sprintf("byte %d", i), err)
		}
	}
}

// What is whole but not what was promised is found, too.
func TestR19WrongPromises(t *testing.T) {
	c, path, _ := smallSegment(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	part := whole[30:59] // partition 2
	one := c
	one.Partitions = 1
	tests := []struct {
		name   string
		c      Config
		source Source
	}{
		{"missing file", c, Source{Path: path + "x", Records: 3}},
		{"a folder", c, Source{Path: filepath.Dir(path), Records: 3}},
		{"fewer records", c, Source{Path: path, Records: 2}},
		{"more records", c, Source{Path: path, Records: 4}},
		{"no such partition", c, Source{Path: path, Part: 3, Records: 3}},
		{"another partition inline", c, Source{Inline: part, Part: 1, Records: 3}},
		{"more records inline", c, Source{Inline: part, Part: 2, Records: 0}},
		{"fewer records inline", one, Source{Inline: nil, Records: 3}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.source.Task = 7
			_, err := readRows(test.c, test.source)
			wantSourceError(t, test.name, err)
			if !strings.Contains(err.Error(), "output of task 7: ") {
				t.Errorf("error %q does not name the task", err)
			}
		})
	}
}

func TestUnsortedSourceIsCorrupt(t *testing.T) {
	var buf bytes.Buffer
	w := blockWriter{w: &buf, target: 10} // a block for each row
	for _, key := range []string{"b", "b", "a"} {
		if err := w.append(0, []byte(key), []byte("12345678")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	_, err := readRows(c, Source{Task: 7, Inline: buf.Bytes(), Records: 3})
	wantSourceError(t, "unsorted", err)
}

// A row that is larger than a block is its own block, and blocks stay near their size.
func TestBlockSizes(t *testing.T) {
	var buf bytes.Buffer
	w := blockWriter{w: &buf, target: 1000}
	sizes := []int{1, 500, 400, 600, 5000, 3, 1000, 990, 20_000, 1}
	for _, n := range sizes {
		if err := w.append(0, nil, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	if cap(w.buf) > 4*w.target {
		t.Errorf("the writer keeps %d bytes", cap(w.buf))
	}
	rows := 0
	for b := buf.Bytes(); len(b) > 0; {
		h := parseBlockHeader(b)
		if h.raw > 1000 && h.count > 1 {
			t.Errorf("a block of %d bytes has %d rows", h.raw, h.count)
		}
		rows += int(h.count)
		b = b[blockHeaderLen+int(h.stored):]
	}
	if rows != len(sizes) {
		t.Errorf("%d rows, want %d", rows, len(sizes))
	}
}

func FuzzBlocks(f *testing.F) {
	_, path, _ := smallSegment(f)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:30], uint32(0))
	f.Add(whole[30:59], uint32(2))
	f.Add(whole[:59], uint32(0))
	c := testConfig("", fanfold.Program{}, 3)
	f.Fuzz(func(t *testing.T, data []byte, part uint32) {
		read := func(fix bool) {
			if fix { // the CRC, so that what is behind it is reached
				data = bytes.Clone(data)
				fixBlocks(data)
			}
			got, err := readRows(c, Source{Task: 7, Inline: data, Part: int(part), Records: 1 << 40})
			if err != nil {
				wantSourceError(t, "fuzz", err)
			}
			if len(got) > len(data)/2 {
				t.Errorf("%d rows in %d bytes", len(got), len(data))
			}
		}
		read(false)
		read(true)
	})
}

// fixBlocks makes the CRCs of blocks right.
func fixBlocks(b []byte) {
	for len(b) >= blockHeaderLen {
		h := parseBlockHeader(b)
		if int64(h.stored) > int64(len(b)-blockHeaderLen) {
			return
		}
		stored := b[blockHeaderLen:][:h.stored]
		crc := blockCRC(b, stored)
		b[20], b[21], b[22], b[23] = byte(crc), byte(crc>>8), byte(crc>>16), byte(crc>>24)
		b = b[blockHeaderLen+len(stored):]
	}
}

func FuzzIndex(f *testing.F) {
	_, path, _ := smallSegment(f)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, 0)
	f.Add(whole, 2)
	f.Add(whole[59:], 1)
	f.Fuzz(func(t *testing.T, data []byte, part int) {
		e, err := readIndex(bytes.NewReader(data), int64(len(data)), part)
		if err != nil {
			if fanfold.KindOf(err) == fanfold.KindUser {
				t.Errorf("error %v has no kind", err)
			}
			return
		}
		if e.offset < 0 || e.length < 0 || e.offset+e.length > int64(len(data)) || e.records > e.total {
			t.Errorf("%d bytes: entry %+v", len(data), e)
		}
	})
}
