package shuffle

import (
	"bytes"
	"context"
	"hash/crc32"
	"io"
	"os"
)

// Extent is where the blocks of one partition lie in a segment, or those of them that may have keys
// of a range.
type Extent struct {
	Offset, Bytes int64
	Records       int64 // of a whole partition; 0 where a range was asked for
}

// Find reads the index of a segment of size bytes and finds a partition; with keys, only the blocks
// that may have some in that range.
func Find(segment io.ReaderAt, size int64, part uint32, keys *KeyRange) (Extent, error) {
	if part >= PartitionsMax {
		return Extent{}, corrupt("no partition %d", part)
	}
	found, err := readIndex(segment, size, int(part))
	if err != nil {
		return Extent{}, err
	}
	e := Extent{found.offset, found.length, found.records}
	if keys == nil {
		return e, nil
	}
	marks, err := readIndex(segment, size, marksPartition)
	if err != nil {
		return Extent{}, err
	}
	start, end, last := int64(0), found.length, int64(-1) // last: of the blocks with keys of the range
	m := &meter{ctx: context.Background()}
	err = readMarks(segment, marks, found.length, m, func(m *mark) bool {
		switch {
		case last >= 0 && m.offset > last:
			end = m.offset
			return false
		case m.before(keys.From):
			start = m.offset
		case last < 0 && len(keys.Below) > 0 && bytes.Compare(m.key, keys.Below) >= 0:
			last = m.offset
		}
		return true
	})
	return Extent{Offset: e.Offset + start, Bytes: end - start}, err
}

// Extract is the copy of one partition of a segment of another host: a segment of a single
// partition, whose blocks keep their number. It takes the bytes of the blocks as they come, in
// pieces of any size, and believes none of them before it has checked the block. The zero value is
// not ready: see NewExtract. It is not safe for concurrent use.
type Extract struct {
	file    *os.File
	part    uint32
	checked indexEntry // the blocks that are right

	// Of the block that is coming.
	at     int64 // bytes in the file
	head   [blockHeaderLen]byte
	headed int // bytes of head that are there
	left   int64
	crc    uint32
	header blockHeader
}

// NewExtract starts an Extract of a partition in an empty file, which stays the caller's.
func NewExtract(file *os.File, part uint32) *Extract { return &Extract{file: file, part: part} }

// Checked is how many bytes have come that belong to blocks which are right: where to go on with.
func (x *Extract) Checked() int64 { return x.checked.length }

// Rewind forgets what has come behind Checked.
func (x *Extract) Rewind() error {
	x.at, x.headed, x.left = x.checked.length, 0, 0
	if err := x.file.Truncate(x.at); err != nil {
		return diskError("cut extract", err)
	}
	return nil
}

// Write takes the next bytes. An error of fanfold.KindCorrupt says that the block is not the one
// that was written; one of KindDisk that the file cannot be written.
func (x *Extract) Write(p []byte) (int, error) {
	if _, err := x.file.WriteAt(p, x.at); err != nil {
		return 0, diskError("write extract", err)
	}
	x.at += int64(len(p))
	for rest := p; len(rest) > 0; {
		n, err := x.take(rest)
		if err != nil {
			return len(p) - len(rest), err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// take checks bytes of one block and gives how many they were.
func (x *Extract) take(p []byte) (int, error) {
	var n int
	if x.headed < blockHeaderLen {
		n = copy(x.head[x.headed:], p)
		if x.headed += n; x.headed < blockHeaderLen {
			return n, nil
		}
		x.header = parseBlockHeader(x.head[:])
		if err := x.header.sound(); err != nil {
			return n, err
		}
		x.left, x.crc = int64(x.header.stored), crc32.Checksum(x.head[:20], castagnoli)
	} else {
		n = int(min(int64(len(p)), x.left))
		x.left -= int64(n)
		x.crc = crc32.Update(x.crc, castagnoli, p[:n])
	}
	if x.left > 0 {
		return n, nil
	}
	switch {
	case x.crc != x.header.crc:
		return n, corrupt("the checksum of a block does not match")
	case x.header.partition != x.part:
		return n, corrupt("a block of partition %d among those of %d", x.header.partition, x.part)
	}
	x.checked.length += blockHeaderLen + int64(x.header.stored)
	x.checked.records += int64(x.header.count)
	x.headed = 0
	return n, nil
}

// Finish ends the segment, which is to have so many records; negative: any number. The caller
// closes the file.
func (x *Extract) Finish(records int64) error {
	if x.at != x.checked.length || records >= 0 && x.checked.records != records {
		return corrupt("%d whole records came of %d", x.checked.records, records)
	}
	if _, err := x.file.WriteAt(appendIndex(nil, []indexEntry{x.checked}), x.at); err != nil {
		return diskError("write extract", err)
	}
	return nil
}

var _ io.Writer = (*Extract)(nil)
