package format

import (
	"bytes"
	"errors"
	"io"

	"github.com/fanfold/fanfold"
)

// Limits are sizes in bytes.
type Limits struct {
	Block  int // of a block of whole records, unless a record is longer
	Behind int // read at a time behind the end of a range
	Record int // of a record, without its end
}

// DefaultLimits are those of map tasks.
var DefaultLimits = Limits{Block: 1 << 20, Behind: 64 << 10, Record: fanfold.RecordMax}

// bufferMin is how many bytes the buffer for a tiny input has.
const bufferMin = 512

// NoEnd is the end of a range that goes on to the end of its input.
const NoEnd = -1

// Reader cuts an input into blocks of whole records. Its buffer serves one input after the other;
// it grows with a record that is longer than a block and shrinks after it.
type Reader struct {
	Format *Format
	Limits Limits

	r          io.Reader
	end        int64 // records that start at this offset or behind it belong to others; or NoEnd
	buf        []byte
	start, top int   // buf[start:top] was read and not given out
	offset     int64 // of buf[start] in the input
	eof        bool
	given      bool // something was given out
}

// Reset starts with an input, of which r gives the bytes from offset to end and beyond. An end is
// for formats that are cut anywhere. Size is how many bytes there are at all; negative: not known.
func (l *Reader) Reset(r io.Reader, offset, end, size int64) {
	want := l.Limits.Block
	if size >= 0 {
		want = int(min(int64(want), max(bufferMin, size+1)))
	}
	if len(l.buf) < want {
		l.buf = make([]byte, want)
	}
	*l = Reader{Format: l.Format, Limits: l.Limits, r: r, end: end, buf: l.buf, offset: offset}
}

// Offset is that of the next block in the input.
func (l *Reader) Offset() int64 { return l.offset }

// SkipRecord drops everything up to the first end of a record: the range before has that record.
func (l *Reader) SkipRecord() error {
	for {
		have := l.buf[l.start:l.top]
		if i := bytes.IndexByte(have, l.Format.Delimiter); i >= 0 {
			l.advance(i + 1)
			return nil
		}
		l.advance(len(have))
		if l.eof || l.end != NoEnd && l.offset >= l.end {
			return nil
		}
		if err := l.fill(); err != nil {
			return err
		}
	}
}

func (l *Reader) advance(n int) {
	l.start += n
	l.offset += int64(n)
}

// Next gives a block of whole records and its offset, valid until the next call, and io.EOF behind
// the last. Only the last record of an input may lack its end. An empty input is one record where
// inputs are never cut.
func (l *Reader) Next() (block []byte, offset int64, err error) {
	for l.end == NoEnd || l.offset < l.end {
		have := l.buf[l.start:l.top]
		n := l.whole(have)
		if n == 0 && l.eof {
			n = len(have)
		}
		if n > 0 || l.eof && !l.given && l.Format.Cut == CutNever {
			l.given = true
			offset = l.offset
			l.advance(n)
			return have[:n:n], offset, nil
		}
		if l.eof {
			break
		}
		if err := l.fill(); err != nil {
			return nil, 0, err
		}
	}
	return nil, 0, io.EOF
}

// whole is how many bytes of what was read are whole records that start before the end.
func (l *Reader) whole(have []byte) int {
	if l.end != NoEnd && l.offset+int64(len(have)) >= l.end {
		last := int(l.end - 1 - l.offset) // the record with this byte is the last
		if i := bytes.IndexByte(have[last:], l.Format.Delimiter); i >= 0 {
			return last + i + 1
		}
	}
	return l.Format.Whole(have)
}

// ErrLong is what Next returns for a record that is longer than the limit, at Offset.
var ErrLong = errors.New("record too long")

// fill reads on behind what was not given out.
func (l *Reader) fill() error {
	l.makeRoom()
	if l.top == len(l.buf) {
		return ErrLong
	}
	room := l.buf[l.top:]
	if l.end != NoEnd {
		before := max(l.end-l.offset-int64(l.top), 0)
		behind := int64(max(l.Limits.Behind, l.top)) // doubled each time, for a long last record
		room = room[:min(int64(len(room)), before+behind)]
	}
	n, err := io.ReadFull(l.r, room)
	l.top += n
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		l.eof, err = true, nil
	}
	return err
}

// makeRoom moves what was not given out to the start of a buffer of the right size.
func (l *Reader) makeRoom() {
	have := l.buf[l.start:l.top]
	size := len(l.buf)
	switch {
	case len(have) == size:
		size = min(2*size, l.Limits.Record+1)
	case size > l.Limits.Block && len(have) < l.Limits.Block:
		size = l.Limits.Block
	}
	if size != len(l.buf) {
		l.buf = make([]byte, size)
	}
	l.start, l.top = 0, copy(l.buf, have)
}
