package transfer

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// link is a connection to a peer. Its goroutine is read, which also writes what comes to the
// extracts: a disk that is slow holds up its own peers, and they wait for credit.
type link struct {
	peer    *peer
	conn    *protocol.Conn
	timer   *time.Timer // calls expire when nothing has happened for too long
	decoded []byte

	mu      sync.Mutex // guards what follows
	streams map[uint64]*incoming
	ended   error // why there will be no more; nil: it works
}

// open adds a stream.
func (l *link) open(number uint64, in *incoming) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		return l.ended
	}
	if len(l.streams) == 0 {
		l.timer.Reset(l.peer.fetcher.cfg.Stall)
	}
	l.streams[number] = in
	return nil
}

// close takes a stream off. What still comes for it is dropped.
func (l *link) close(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.streams, number)
	if len(l.streams) == 0 && l.ended == nil {
		l.timer.Reset(idleTime)
	}
}

// expire ends a link that is idle, or whose peer is silent.
func (l *link) expire() {
	l.end(fanfold.Errorf(fanfold.KindTimeout, "fetch segment",
		"nothing came from %s for %v", l.peer.address, l.peer.fetcher.cfg.Stall))
	l.conn.Close()
}

// end gives the link its first reason to end, and tells its streams.
func (l *link) end(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = why
	}
	for number, in := range l.streams {
		in.done <- l.ended
		delete(l.streams, number)
	}
}

// read takes what the peer sends, until the connection ends.
func (l *link) read() {
	var b protocol.Batch
	err := l.conn.Read(&b)
	for ; err == nil; err = l.conn.Read(&b) {
		for m := range b.All() {
			if err := l.take(m); err != nil {
				l.end(fanfold.Errorf(fanfold.KindProtocol, "fetch segment", "%w", err))
				l.conn.Close()
			}
		}
		l.conn.Flush()
		l.touch()
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the connection was closed")
	}
	l.timer.Stop()
	l.end(fanfold.Errorf(fanfold.KindUnreachable, "fetch segment", "from %s: %w",
		l.peer.address, err))
	l.conn.Close()
	l.peer.lose()
}

// touch notes that the peer is not silent.
func (l *link) touch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.streams) > 0 && l.ended == nil {
		l.timer.Reset(l.peer.fetcher.cfg.Stall)
	}
}

// take handles one message. An error breaks the connection.
func (l *link) take(m protocol.Message) error {
	switch m.Kind {
	case protocol.KindPiece:
	case protocol.KindError:
		var f protocol.Failure
		if err := protocol.Decode(m, &f); err != nil {
			return err
		}
		return f.Err()
	case protocol.KindBye:
		return nil
	default:
		return errors.New("message of kind " + m.Kind.String() + " to a fetcher")
	}
	var p protocol.Piece
	if err := protocol.Decode(m, &p); err != nil {
		return err
	}
	l.mu.Lock()
	in := l.streams[p.Stream]
	l.mu.Unlock()
	if in == nil {
		return nil // it was given up
	}
	data, err := l.decode(&p)
	if err == nil {
		err = in.take(&p, data)
	}
	if err != nil || p.Last {
		l.finish(p.Stream, in, err)
		return nil
	}
	// An error is the end of the connection, which Read gives.
	_ = l.conn.Send(&protocol.Credit{Stream: p.Stream, Bytes: int64(len(data))})
	return nil
}

// finish takes a stream off that has come to its end.
func (l *link) finish(number uint64, in *incoming, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[number] == in {
		delete(l.streams, number)
		in.done <- err
	}
}
