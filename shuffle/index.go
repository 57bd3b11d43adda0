package shuffle

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/fanfold/fanfold"
)

const (
	indexEntryLen  = 24
	trailerLen     = 24
	segmentVersion = 1
	segmentMagic   = "fanfold\n"

	indexReadBytes = 1024 * indexEntryLen // of an index are held at a time
)

// indexEntry says where the blocks of one partition are in a segment.
type indexEntry struct {
	offset, length int64 // bytes
	records        int64
}

func (e indexEntry) appendTo(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.offset))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.length))
	return binary.LittleEndian.AppendUint64(dst, uint64(e.records))
}

func parseIndexEntry(b []byte) indexEntry {
	return indexEntry{
		offset:  int64(binary.LittleEndian.Uint64(b)),
		length:  int64(binary.LittleEndian.Uint64(b[8:])),
		records: int64(binary.LittleEndian.Uint64(b[16:])),
	}
}

// appendIndex appends the index and the trailer of a segment.
func appendIndex(dst []byte, index []indexEntry) []byte {
	start := len(dst)
	for _, e := range index {
		dst = e.appendTo(dst)
	}
	crc := crc32.Checksum(dst[start:], castagnoli)
	var t [trailerLen]byte
	binary.LittleEndian.PutUint32(t[:], uint32(len(index)))
	binary.LittleEndian.PutUint32(t[12:], segmentVersion)
	copy(t[16:], segmentMagic)
	binary.LittleEndian.PutUint32(t[8:], trailerCRC(crc, t[:]))
	return append(dst, t[:]...)
}

// trailerCRC goes on with the CRC of the index over a trailer, its CRC left out.
func trailerCRC(crc uint32, trailer []byte) uint32 {
	return crc32.Update(crc32.Update(crc, castagnoli, trailer[:8]), castagnoli, trailer[12:])
}

// partIndex is what the index of a segment says of one partition, and of all together.
type partIndex struct {
	indexEntry
	partitions int
	total      int64 // records
}

// readIndex checks the index and the trailer of a segment of size bytes, and finds a partition.
func readIndex(f io.ReaderAt, size int64, part int) (partIndex, error) {
	var t [trailerLen]byte
	if size < trailerLen {
		return partIndex{}, corrupt("a segment of %d bytes", size)
	}
	if err := readFull(f, t[:], size-trailerLen); err != nil {
		return partIndex{}, err
	}
	if string(t[16:]) != segmentMagic {
		return partIndex{}, corrupt("this is no segment")
	}
	if v := binary.LittleEndian.Uint32(t[12:]); v != segmentVersion {
		return partIndex{}, fanfold.Errorf(fanfold.KindUnsupported, "read segment", "version %d", v)
	}
	n := int64(binary.LittleEndian.Uint32(t[:]))
	end := size - trailerLen - n*indexEntryLen
	if n > PartitionsMax || end < 0 || binary.LittleEndian.Uint32(t[4:]) != 0 {
		return partIndex{}, corrupt("the trailer of a segment contradicts its size")
	}
	if part < 0 || int64(part) >= n {
		return partIndex{}, corrupt("a segment of %d partitions where %d is wanted", n, part)
	}
	w := indexWalk{part: part, found: partIndex{partitions: int(n)}}
	if err := w.read(f, end, n*indexEntryLen); err != nil {
		return partIndex{}, err
	}
	if binary.LittleEndian.Uint32(t[8:]) != trailerCRC(w.crc, t[:]) {
		return partIndex{}, corrupt("the checksum of an index does not match")
	}
	if w.broken || w.offset != end {
		return partIndex{}, corrupt("an index has gaps")
	}
	return w.found, nil
}

// indexWalk reads an index from its start to its end without holding it.
type indexWalk struct {
	part   int
	found  partIndex
	crc    uint32
	offset int64 // where the next partition must start
	broken bool
}

func (w *indexWalk) read(f io.ReaderAt, at, length int64) error {
	buf := make([]byte, min(length, indexReadBytes))
	for i := 0; length > 0; {
		b := buf[:min(length, indexReadBytes)]
		if err := readFull(f, b, at); err != nil {
			return err
		}
		w.crc = crc32.Update(w.crc, castagnoli, b)
		at, length = at+int64(len(b)), length-int64(len(b))
		for ; len(b) > 0; b = b[indexEntryLen:] {
			w.take(i, parseIndexEntry(b))
			i++
		}
	}
	return nil
}

func (w *indexWalk) take(i int, e indexEntry) {
	if e.offset != w.offset || e.length < 0 || e.records < 0 || e.records > e.length {
		w.broken = true
	}
	if w.broken {
		return
	}
	w.offset += e.length
	if w.offset < 0 {
		w.broken = true
	}
	w.found.total += e.records
	if i == w.part {
		w.found.indexEntry = e
	}
}

func readFull(f io.ReaderAt, p []byte, off int64) error {
	if n, err := f.ReadAt(p, off); n < len(p) {
		return fanfold.Errorf(fanfold.KindDisk, "read segment", "%w", err)
	}
	return nil
}
