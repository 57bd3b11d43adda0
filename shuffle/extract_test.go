package shuffle

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fanfold/fanfold"
)

// partitionBytes gives the blocks of a partition of a segment, and its number of records.
func partitionBytes(t testing.TB, path string, part uint32) ([]byte, int64) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	extent, err := Find(bytes.NewReader(whole), int64(len(whole)), part, nil)
	if err != nil {
		t.Fatal(err)
	}
	return whole[extent.Offset:][:extent.Bytes], extent.Records
}

func newExtract(t testing.TB, part uint32) (*Extract, *os.File) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "extract"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return NewExtract(f, part), f
}

// writeIn writes data in pieces of so many bytes.
func writeIn(x *Extract, data []byte, size int) error {
	for piece := range slices.Chunk(data, size) {
		if _, err := x.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

func isCorrupt(err error) bool {
	var e *fanfold.Error
	return errors.As(err, &e) && e.Kind == fanfold.KindCorrupt
}

// An extract gives the rows of its partition, however its bytes were cut.
func TestExtractIsThePartition(t *testing.T) {
	c, path, rows := smallSegment(t)
	for part, want := range rows {
		data, records := partitionBytes(t, path, uint32(part))
		for _, size := range []int{1, 7, blockHeaderLen, 1000} {
			x, f := newExtract(t, uint32(part))
			if err := writeIn(x, data, size); err != nil {
				t.Fatal(err)
			}
			if err := x.Finish(records); err != nil {
				t.Fatal(err)
			}
			in, err := Merge(c, []Source{{Path: f.Name(), Part: part, Extract: true, Records: 3}})
			if err != nil {
				t.Fatal(err)
			}
			var got []pair
			for r := (row{}); ; {
				more, err := in.rows.next(&r)
				if err != nil {
					t.Fatal(err)
				}
				if !more {
					break
				}
				got = append(got, pairOf(r.key, r.value))
			}
			in.Close()
			if !slices.Equal(got, want) {
				t.Errorf("part %d in pieces of %d: got %v, want %v", part, size, got, want)
			}
		}
	}
}

// Every bit that is wrong is found, at the latest at the end, and what was right before it stays.
func TestR19ExtractFindsEveryFlip(t *testing.T) {
	_, path, _ := smallSegment(t)
	one, records := partitionBytes(t, path, 0)
	data := slices.Concat(one, one)
	for bit := range 8 * len(data) {
		x, _ := newExtract(t, 0)
		bad := slices.Clone(data)
		bad[bit/8] ^= 1 << (bit % 8)
		err := writeIn(x, bad, 11)
		if err == nil {
			err = x.Finish(2 * records)
		}
		if err == nil {
			t.Fatalf("bit %d: not found", bit)
		}
		want := int64(0)
		if bit/8 >= len(one) {
			want = int64(len(one))
		}
		if x.Checked() != want {
			t.Fatalf("bit %d: %d bytes are right, want %d", bit, x.Checked(), want)
		}
		if err := x.Rewind(); err != nil {
			t.Fatal(err)
		}
		if err := writeIn(x, data[want:], 5); err != nil {
			t.Fatalf("bit %d, again: %v", bit, err)
		}
		if err := x.Finish(2 * records); err != nil {
			t.Fatalf("bit %d, again: %v", bit, err)
		}
	}
}

// What is of another partition, too little or too much is refused.
func TestR19ExtractOfSomethingElse(t *testing.T) {
	_, path, _ := smallSegment(t)
	data, records := partitionBytes(t, path, 0)
	tests := []struct {
		name    string
		part    uint32
		data    []byte
		records int64
	}{
		{"another partition", 2, data, records},
		{"nothing", 0, nil, records},
		{"cut in the header", 0, data[:5], records},
		{"cut in the rows", 0, data[:len(data)-1], records},
		{"fewer records", 0, data, records + 1},
		{"more records", 0, data, records - 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			x, _ := newExtract(t, test.part)
			err := writeIn(x, test.data, 1000)
			if err == nil {
				err = x.Finish(test.records)
			}
			if !isCorrupt(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A reader does not take an extract for a segment, nor the reverse, where that matters.
func TestR19ExtractIsNoSegment(t *testing.T) {
	c, path, _ := smallSegment(t)
	data, records := partitionBytes(t, path, 2)
	x, f := newExtract(t, 2)
	if err := errors.Join(writeIn(x, data, 1000), x.Finish(records)); err != nil {
		t.Fatal(err)
	}
	for i, s := range []Source{
		{Path: f.Name(), Part: 2, Records: 3},
		{Path: path, Part: 2, Extract: true, Records: 3},
		{Path: f.Name(), Part: 2, Extract: true, Records: 0},
	} {
		if _, err := Merge(c, []Source{s}); !errors.Is(err, ErrSource) || !isCorrupt(err) {
			t.Error(fmt.Errorf("%d: got %w", i, err))
		}
	}
}
