package shuffle

import (
	"io"

	"github.com/fanfold/fanfold"
)

// blockRows reads the blocks of a run, or of one partition of a segment.
type blockRows struct {
	src      io.ReaderAt // nil: inline holds the blocks
	inline   []byte
	off, end int64 // of src or inline: what was not read yet
	buf      []byte
	rest     []byte // of the block being read
	left     uint32 // rows in rest

	part      uint32
	onePart   bool // else partitions ascend
	sorted    bool // keys ascend within a partition
	last      row  // given before; its key points into the block or to lastKey
	lastKey   []byte
	started   bool
	records   int64     // given so far
	keys      *KeyRange // nil: all
	beyond    int64     // of records: those that are not in keys
	want      int64     // records in all; negative: not known, but no more than most
	most      int64
	meter     *meter
	isSource  bool // blocks and records count as input
	block     int  // bytes that a buffer for a block is made for
	fail      func(error) error
	closeFile func() error // nil: nothing to close
}

// next gives the next row.
func (b *blockRows) next(r *row) (bool, error) {
	for b.left == 0 {
		if b.off == b.end {
			return false, b.finish()
		}
		start := b.off
		if err := b.load(); err != nil {
			return false, b.fail(err)
		}
		if err := b.meter.block(b.input(int(b.off - start))); err != nil {
			return false, err
		}
	}
	key, value, rest, ok := parseRow(b.rest)
	b.left--
	if !ok || (b.left == 0) != (len(rest) == 0) {
		return false, b.fail(corrupt("the rows of a block do not fill it"))
	}
	*r = row{b.part, prefixOf(key), key, value}
	if b.sorted && b.started && r.compare(&b.last) < 0 {
		return false, b.fail(corrupt("rows are out of order"))
	}
	b.rest, b.last, b.started = rest, *r, true
	b.records++
	return true, nil
}

// finish checks at the end that all rows came.
func (b *blockRows) finish() error {
	if b.want >= 0 && b.records != b.want || b.want < 0 && b.records > b.most {
		return b.fail(corrupt("%d records came of %d", b.records, max(b.want, b.most)))
	}
	return b.leave()
}

// leave ends the reading.
func (b *blockRows) leave() error {
	b.buf, b.rest = nil, nil
	b.meter.records += int64(b.input(int(b.records - b.beyond)))
	return nil
}

// input is n where what is read counts as input: it does not in a run.
func (b *blockRows) input(n int) int {
	if b.isSource {
		return n
	}
	return 0
}

// load reads and checks the next block.
func (b *blockRows) load() error {
	b.lastKey = append(b.lastKey[:0], b.last.key...)
	b.last.key = b.lastKey
	if b.end-b.off < blockHeaderLen {
		return corrupt("%d bytes are left where a block should be", b.end-b.off)
	}
	var head [blockHeaderLen]byte
	if err := b.read(head[:], b.off); err != nil {
		return err
	}
	h := parseBlockHeader(head[:])
	if int64(h.stored) > b.end-b.off-blockHeaderLen {
		return corrupt("a block of %d bytes does not end where it should", h.stored)
	}
	stored, err := b.stored(int(h.stored))
	if err != nil {
		return err
	}
	if err := h.check(head[:], stored); err != nil {
		return err
	}
	if b.onePart && h.partition != b.part || h.partition < b.part {
		return corrupt("a block of partition %d among those of %d", h.partition, b.part)
	}
	b.part, b.rest, b.left = h.partition, stored, h.count
	b.off += blockHeaderLen + int64(h.stored)
	return nil
}

// stored gives the n bytes behind the header at off; n is checked.
func (b *blockRows) stored(n int) ([]byte, error) {
	if b.src == nil {
		return b.inline[b.off+blockHeaderLen:][:n], nil
	}
	if n > cap(b.buf) || n <= b.block && cap(b.buf) > 2*b.block {
		ordinary := int(min(int64(b.block), b.end-b.off))
		b.buf = make([]byte, max(n, ordinary))
	}
	b.buf = b.buf[:n]
	return b.buf, b.read(b.buf, b.off+blockHeaderLen)
}

func (b *blockRows) read(p []byte, off int64) error {
	if b.src == nil {
		copy(p, b.inline[off:])
		return nil
	}
	if n, err := b.src.ReadAt(p, off); n < len(p) {
		return fanfold.Errorf(fanfold.KindDisk, "read block", "%w", err)
	}
	return nil
}

func (b *blockRows) close() {
	if b.closeFile != nil {
		_ = b.closeFile()
		b.closeFile = nil
	}
}
