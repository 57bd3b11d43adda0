package shuffle

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/fanfold/fanfold"
)

const (
	blockHeaderLen = 24
	codecRaw       = 0
)

// castagnoli is the polynomial of every CRC here.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockHeader is the header of a block; see the package comment.
type blockHeader struct {
	codec     byte
	zero      [3]byte
	partition uint32
	count     uint32 // rows
	raw       uint32 // bytes of the rows
	stored    uint32 // bytes behind the header
	crc       uint32
}

// put fills in the header of a block that starts with room for it.
func (h blockHeader) put(block []byte) {
	clear(block[:4])
	block[0] = h.codec
	binary.LittleEndian.PutUint32(block[4:], h.partition)
	binary.LittleEndian.PutUint32(block[8:], h.count)
	binary.LittleEndian.PutUint32(block[12:], h.raw)
	binary.LittleEndian.PutUint32(block[16:], h.stored)
	binary.LittleEndian.PutUint32(block[20:], blockCRC(block, block[blockHeaderLen:]))
}

func parseBlockHeader(b []byte) blockHeader {
	return blockHeader{
		codec:     b[0],
		zero:      [3]byte(b[1:4]),
		partition: binary.LittleEndian.Uint32(b[4:]),
		count:     binary.LittleEndian.Uint32(b[8:]),
		raw:       binary.LittleEndian.Uint32(b[12:]),
		stored:    binary.LittleEndian.Uint32(b[16:]),
		crc:       binary.LittleEndian.Uint32(b[20:]),
	}
}

func blockCRC(header, stored []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:20], castagnoli), castagnoli, stored)
}

// check verifies a block whose bytes are all there. What it accepts can be read.
func (h blockHeader) check(header, stored []byte) error {
	if h.crc != blockCRC(header, stored) {
		return corrupt("the checksum of a block does not match")
	}
	return h.sound()
}

// sound checks what a header says by itself.
func (h blockHeader) sound() error {
	switch {
	case h.codec != codecRaw || h.zero != [3]byte{}:
		return fanfold.Errorf(fanfold.KindUnsupported, "read block", "codec %d", h.codec)
	case h.raw != h.stored || h.count == 0:
		return corrupt("the header of a block contradicts itself")
	}
	return nil
}

// corrupt says that bytes are not those that were written.
func corrupt(format string, args ...any) error {
	return fanfold.Errorf(fanfold.KindCorrupt, "read block", format, args...)
}

// blockWriter writes rows as blocks.
type blockWriter struct {
	w       io.Writer
	target  int    // bytes of rows in a block
	buf     []byte // header and rows of the block being filled; empty when count is 0
	part    uint32 // of that block
	count   uint32 // rows in it
	written int64  // bytes
	records int64
}

// append adds a row. Rows come in the order of their partitions.
func (b *blockWriter) append(part uint32, key, value []byte) error {
	if b.count > 0 {
		size := len(b.buf) - blockHeaderLen + len(key) + len(value) + rowOverhead
		if part != b.part || size > b.target {
			if err := b.flush(); err != nil {
				return err
			}
		}
	}
	if b.count == 0 {
		b.part = part
		b.buf = append(b.buf, make([]byte, blockHeaderLen)...)
	}
	b.buf = appendRow(b.buf, key, value)
	b.count++
	return nil
}

// total is how many rows were added.
func (b *blockWriter) total() int64 { return b.records + int64(b.count) }

// flush writes the block being filled.
func (b *blockWriter) flush() error {
	if b.count == 0 {
		return nil
	}
	size := uint32(len(b.buf) - blockHeaderLen)
	blockHeader{partition: b.part, count: b.count, raw: size, stored: size}.put(b.buf)
	if _, err := b.w.Write(b.buf); err != nil {
		return err
	}
	b.written += int64(len(b.buf))
	b.records += int64(b.count)
	b.count = 0
	b.buf = b.buf[:0]
	if cap(b.buf) > 4*b.target {
		b.buf = nil
	}
	return nil
}
