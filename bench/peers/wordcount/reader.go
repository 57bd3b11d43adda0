package main

import (
	"io"
	"slices"
	"sync"
)

const (
	blockBytes = 1 << 20

	// padBytes is what may be read behind a block, and is blank: the 64 bytes of the step that its
	// last byte is in, and the 16 of a word that starts at its end.
	padBytes = 64 + 16
)

// reader cuts an input into blocks that end behind white space, so that no word is in two.
type reader struct {
	mu   sync.Mutex // guards all below, and that blocks are read one at a time
	src  io.Reader
	rest []byte // the start of a word, read with the block before
	err  error  // of src, once it has ended
}

// next reads a block into buf, which grows for a word longer than it. It gives its length, 0 at the
// end of the input.
func (r *reader) next(buf []byte) ([]byte, int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if size := len(r.rest) + blockBytes + padBytes; len(buf) < size {
		buf = make([]byte, size)
	}
	n := copy(buf, r.rest)
	r.rest = r.rest[:0]
	for r.err == nil {
		start, limit := n, len(buf)-padBytes
		for n < limit && r.err == nil {
			var m int
			m, r.err = r.src.Read(buf[n:limit])
			n += m
		}
		if r.err != nil {
			break
		}
		if end := lastSpace(buf, start, n); end >= 0 {
			r.rest = append(r.rest, buf[end:n]...)
			n = end
			break
		}
		buf = slices.Grow(buf, len(buf))[:2*len(buf)]
	}
	if r.err != nil && r.err != io.EOF {
		return buf, 0, r.err
	}
	for i := range padBytes {
		buf[n+i] = ' '
	}
	return buf, n, nil
}

// lastSpace is the offset behind the last white space in buf[start:end], or -1.
func lastSpace(buf []byte, start, end int) int {
	for ; end > start; end-- {
		if c := buf[end-1]; c == ' ' || '\t' <= c && c <= '\r' {
			return end
		}
	}
	return -1
}
