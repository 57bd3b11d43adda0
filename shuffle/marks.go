package shuffle

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/fanfold/fanfold"
)

const (
	marksMax       = 1024 // of a segment
	markStrideMin  = 64   // bytes of rows between two marks, at first
	markValueBytes = 8    // of the offset
	marksPartition = 1    // of a segment with marks: behind that of its rows
)

// marks are keys of a sorted stream, at about even distances, and where in its segment they are:
// what the stream is sampled and searched by. When there are too many, every other one goes.
type marks struct {
	list   []mark
	stride int64 // bytes of rows between two marks
	since  int64 // bytes of rows since the last one
}

// mark says that a row whose key starts with key is in the block at offset.
type mark struct {
	key    []byte
	offset int64
}

// note takes the next row of the stream.
func (m *marks) note(key []byte, bytesOfRow int, offset int64) {
	if m.since += int64(bytesOfRow); m.since < m.stride {
		return
	}
	if len(m.list) == marksMax {
		for i := range marksMax / 2 {
			m.list[i] = m.list[2*i+1]
		}
		m.list, m.stride = m.list[:marksMax/2], 2*m.stride
	}
	m.since = 0
	m.list = append(m.list, mark{bytes.Clone(key[:min(len(key), fanfold.SampleKeyMax)]), offset})
}

// sample is some of the keys, at even distances.
func (m *marks) sample() [][]byte {
	keys := make([][]byte, min(len(m.list), fanfold.SampleMax))
	for i := range keys {
		keys[i] = m.list[(2*i+1)*len(m.list)/(2*len(keys))].key
	}
	return keys
}

// before reports whether the row of the mark certainly has a smaller key.
func (m *mark) before(key []byte) bool {
	if len(m.key) == fanfold.SampleKeyMax && bytes.HasPrefix(key, m.key) {
		return false // what was cut off decides
	}
	return bytes.Compare(m.key, key) < 0
}

// writeMarks writes the marks behind the rows, as a partition of their own.
func (s *segment) writeMarks() error {
	if err := s.turn(marksPartition); err != nil {
		return err
	}
	var value [markValueBytes]byte
	for _, m := range s.marks.list {
		binary.LittleEndian.PutUint64(value[:], uint64(m.offset))
		if err := s.append(marksPartition, m.key, value[:]); err != nil {
			return err
		}
	}
	return s.blocks.flush()
}

// skipTo moves b, which stands at the first block of a segment with marks, to the last one that all
// blocks before have smaller keys than from only.
func (b *blockRows) skipTo(f io.ReaderAt, index partIndex, from []byte) error {
	start := b.off
	return readMarks(f, index, b.end-b.off, b.meter, func(m *mark) bool {
		if !m.before(from) {
			return false
		}
		b.off = start + m.offset
		return true
	})
}

// readMarks gives the marks of a segment whose rows have so many bytes, until yield has enough.
func readMarks(
	f io.ReaderAt, index partIndex, size int64, m *meter, yield func(*mark) bool,
) error {
	b := blockRows{
		src: f, part: marksPartition, onePart: true, sorted: true, meter: m, fail: runError,
		off: index.offset, end: index.offset + index.length, want: index.records, block: blockBytes,
	}
	for {
		var r row
		if more, err := b.next(&r); err != nil || !more {
			return err
		}
		if len(r.value) != markValueBytes {
			return corrupt("a mark of %d bytes", len(r.value))
		}
		at := binary.LittleEndian.Uint64(r.value)
		if at >= uint64(size) {
			return corrupt("a mark of a block that is not there")
		}
		if !yield(&mark{r.key, int64(at)}) {
			return nil
		}
	}
}
