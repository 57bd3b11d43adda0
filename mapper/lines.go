package mapper

import (
	"bytes"
	"errors"
	"io"

	"github.com/fanfold/fanfold"
)

// lineLimits are sizes in bytes.
type lineLimits struct {
	block  int // of a block of whole lines, unless a line is longer
	behind int // read at a time behind the end of a range
	line   int // of a line, without its LF
}

var defaultLimits = lineLimits{block: 1 << 20, behind: 64 << 10, line: fanfold.RecordMax}

// bufferMin is how many bytes the buffer for a tiny input has.
const bufferMin = 512

// noEnd is the end of a range that goes on to the end of its input.
const noEnd = -1

// lines cuts an input into blocks of whole lines. Its buffer serves one input after the other; it
// grows with a line that is longer than a block and shrinks after it.
type lines struct {
	limits     lineLimits
	r          io.Reader
	end        int64 // lines that start at this offset or behind it belong to others; or noEnd
	buf        []byte
	start, top int   // buf[start:top] was read and not given out
	offset     int64 // of buf[start] in the input
	eof        bool
}

// reset starts with an input, of which r gives the bytes from offset to end and beyond. size is how
// many there are at all; negative: not known.
func (l *lines) reset(r io.Reader, offset, end, size int64) {
	want := l.limits.block
	if size >= 0 {
		want = int(min(int64(want), max(bufferMin, size+1)))
	}
	if len(l.buf) < want {
		l.buf = make([]byte, want)
	}
	*l = lines{limits: l.limits, r: r, end: end, buf: l.buf, offset: offset}
}

// skipLine drops everything up to the first LF: the range of the line before has it.
func (l *lines) skipLine() error {
	for {
		have := l.buf[l.start:l.top]
		if i := bytes.IndexByte(have, '\n'); i >= 0 {
			l.advance(i + 1)
			return nil
		}
		l.advance(len(have))
		if l.eof || l.end != noEnd && l.offset >= l.end {
			return nil
		}
		if err := l.fill(); err != nil {
			return err
		}
	}
}

func (l *lines) advance(n int) {
	l.start += n
	l.offset += int64(n)
}

// next gives a block of whole lines and its offset, valid until the next call, and io.EOF behind
// the last. Only the last line of an input may lack its LF.
func (l *lines) next() (block []byte, offset int64, err error) {
	for l.end == noEnd || l.offset < l.end {
		have := l.buf[l.start:l.top]
		n := l.whole(have)
		if n == 0 && l.eof {
			n = len(have)
		}
		if n > 0 {
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

// whole is how many bytes of what was read are whole lines that start before the end.
func (l *lines) whole(have []byte) int {
	if l.end != noEnd && l.offset+int64(len(have)) >= l.end {
		last := int(l.end - 1 - l.offset) // the line with this byte is the last
		if i := bytes.IndexByte(have[last:], '\n'); i >= 0 {
			return last + i + 1
		}
	}
	return bytes.LastIndexByte(have, '\n') + 1
}

// errLongLine is for fill's caller, who knows the input's name.
var errLongLine = errors.New("line too long")

// fill reads on behind what was not given out.
func (l *lines) fill() error {
	l.makeRoom()
	if l.top == len(l.buf) {
		return errLongLine
	}
	room := l.buf[l.top:]
	if l.end != noEnd {
		before := max(l.end-l.offset-int64(l.top), 0)
		behind := int64(max(l.limits.behind, l.top)) // doubled each time, for a long last line
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
func (l *lines) makeRoom() {
	have := l.buf[l.start:l.top]
	size := len(l.buf)
	switch {
	case len(have) == size:
		size = min(2*size, l.limits.line+1)
	case size > l.limits.block && len(have) < l.limits.block:
		size = l.limits.block
	}
	if size != len(l.buf) {
		l.buf = make([]byte, size)
	}
	l.start, l.top = 0, copy(l.buf, have)
}
