package mapper

import (
	"fmt"
	"io"
)

// What is read ahead: so many pieces of so many bytes.
const (
	aheadPieces = 4
	aheadBytes  = 256 << 10
)

// ahead reads from a reader on a goroutine of its own, a few pieces ahead of whoever reads from it.
type ahead struct {
	free chan []byte   // pieces to be filled
	full chan []byte   // pieces in order; closed by run when err is set
	stop chan struct{} // closed by close
	err  error         // what the reader ended with; valid when full is closed

	piece []byte // that is being read
	rest  []byte // of piece
}

func newAhead(r io.Reader) *ahead {
	a := &ahead{
		free: make(chan []byte, aheadPieces), full: make(chan []byte, aheadPieces),
		stop: make(chan struct{}),
	}
	for range aheadPieces {
		a.free <- make([]byte, aheadBytes)
	}
	go a.run(r)
	return a
}

func (a *ahead) run(r io.Reader) {
	defer close(a.full)
	defer func() {
		if v := recover(); v != nil { // on the attempt's goroutine it would fail the attempt
			a.err = fmt.Errorf("panic: %v", v)
		}
	}()
	for {
		select {
		case <-a.stop:
			return
		case piece := <-a.free:
			n := 0
			for n < len(piece) && a.err == nil {
				var m int
				m, a.err = r.Read(piece[n:])
				n += m
			}
			a.full <- piece[:n]
			if a.err != nil {
				return
			}
		}
	}
}

// Read is io.Reader.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.piece != nil {
			a.free <- a.piece[:cap(a.piece)]
		}
		piece, ok := <-a.full
		a.piece, a.rest = piece, piece
		if !ok {
			return 0, a.err
		}
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// close ends the goroutine, and waits until it has ended.
func (a *ahead) close() {
	close(a.stop)
	for range a.full { // until it is closed
	}
}
