package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/fanfold/fanfold"
)

// ErrFrame is in the chain of every error about a malformed frame.
var ErrFrame = errors.New("malformed frame")

// Batch is what one Read gave: the messages of all frames that were there whole. Its zero value is
// ready; reuse it, as it keeps its buffer. It is not safe for concurrent use.
type Batch struct {
	msgs []Message
	buf  []byte
	at   int  // where the first frame starts that is not in msgs
	full bool // the last read call left no room in buf
}

// All ranges over the messages in their order. They are valid until the Batch is read into again.
func (b *Batch) All() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for _, m := range b.msgs {
			if !yield(m) {
				return
			}
		}
	}
}

// Len is the number of messages.
func (b *Batch) Len() int { return len(b.msgs) }

// rules are what a connection's state allows its peer to send.
type rules struct {
	control, bulk int   // bytes of a frame
	from          roles // who may send it; 0: only the messages of the handshake may come
	greeting      bool  // text is to be told from a frame
}

// The rules of the states: before and after the handshake.
var (
	handshake = rules{HandshakeMax, HandshakeMax, 0, true}
	open      = rules{ControlMax, BulkMax, byAll, false}
)

// allows reports whether a message of that kind may come.
func (r *rules) allows(k Kind) bool {
	if r.from == 0 {
		return k >= KindHello && k <= KindError
	}
	return kinds[k].from&r.from != 0
}

// reset empties b but for the bytes that came after the last frame.
func (b *Batch) reset(rest []byte) {
	switch size := cap(b.buf); {
	case size < readMin:
		b.buf = make([]byte, 0, readMin)
	case size > keepMax:
		recycle(b.buf)
		b.buf = make([]byte, 0, readMax)
		clear(b.msgs)
	case b.full && size < readMax:
		b.buf = make([]byte, 0, 2*size)
	}
	if cap(b.msgs) > messagesMax {
		b.msgs = nil
	}
	b.msgs, b.buf, b.at, b.full = b.msgs[:0], append(b.buf[:0], rest...), 0, false
}

// parse takes the whole frames that b has, or only the first of them, and gives the length of the
// one that is not whole yet, as far as it is known. A bad frame is left for the next time when good
// ones are before it.
func (b *Batch) parse(r *rules, one bool) (want int, err error) {
	for {
		frame := b.buf[b.at:]
		size, err := r.frameSize(frame)
		if err == nil && (size == 0 || size > len(frame)) {
			return size, nil
		}
		if err == nil {
			err = b.add(frame[4:size], r)
		}
		if err != nil {
			if len(b.msgs) > 0 {
				err = nil
			}
			return 0, err
		}
		b.at += size
		if one && len(b.msgs) > 0 {
			return 0, nil
		}
	}
}

// errText says that a peer's first bytes are text.
var errText = errors.New("the peer sent text")

// frameSize is the length of the frame that starts with b, its own four bytes counted; 0 while too
// little of it is there. What is too long is refused here, before it is read.
func (r *rules) frameSize(b []byte) (int, error) {
	if r.greeting && len(b) > 0 && isText(b[:min(4, len(b))]) {
		return 0, errText // no frame is so long that its first byte is not 0
	}
	if len(b) < 4 {
		return 0, nil
	}
	body := int(binary.BigEndian.Uint32(b))
	most := max(r.control, r.bulk)
	if len(b) >= 6 && body >= 2 && body <= most {
		if k := Kind(b[5]); !k.known() || kinds[k].travel != bulk {
			most = r.control
		}
	}
	if body > most {
		return 0, fanfold.Errorf(fanfold.KindTooLarge, "read frame",
			"%w: it has %d bytes, more than %d", ErrFrame, body, most)
	}
	if len(b) < 6 && body >= 2 {
		return 0, nil
	}
	return 4 + body, nil
}

func isText(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// add checks a frame and appends its messages; of a frame with a fault it appends none.
func (b *Batch) add(frame []byte, r *rules) error {
	n, left := len(b.msgs), ElementsMax
	inBulk, before := false, Kind(0)
	for len(frame) > 0 {
		kind, end, rest, err := checkMessage(frame, left)
		if err == nil && kind != before {
			err = r.accept(kind, before == 0, &inBulk)
		}
		if err != nil {
			b.msgs = b.msgs[:n]
			class := fanfold.KindProtocol
			if errors.Is(err, errRole) {
				class = fanfold.KindDenied
			}
			return fanfold.Errorf(class, "read frame", "%w: %w", ErrFrame, err)
		}
		b.msgs = append(b.msgs, Message{kind, frame[:end:end]})
		frame, left, before = frame[end:], rest, kind
	}
	return nil
}

// What accept finds wrong.
var (
	errUnknown = errors.New("unknown kind of message")
	errRole    = errors.New("the peer may not send it, or not now")
	errClass   = errors.New("a bulk message in a control frame")
)

// accept decides whether a frame may hold a message of that kind. The first fixes the frame's
// class.
func (r *rules) accept(k Kind, first bool, inBulk *bool) error {
	switch {
	case !k.known():
		return fmt.Errorf("%w: %d", errUnknown, k)
	case !r.allows(k):
		return fmt.Errorf("%s: %w", k, errRole)
	case first:
		*inBulk = kinds[k].travel == bulk
	case kinds[k].travel == bulk && !*inBulk:
		return errClass
	}
	return nil
}

// fill reads once, for a frame that is want bytes long. The buffer grows to twice of what it holds,
// whatever a length claims.
func (b *Batch) fill(read func([]byte) (int, error), want int) error {
	if b.at > 0 { // frames without messages
		b.buf = append(b.buf[:0], b.buf[b.at:]...)
		b.at = 0
	}
	if len(b.buf) == cap(b.buf) {
		b.buf = grown(b.buf, 1)
	}
	// What comes behind a long frame is copied: no more than a little of it is read.
	room := b.buf[len(b.buf):min(cap(b.buf), max(want, len(b.buf)+readMax))]
	n, err := read(room)
	b.buf = b.buf[:len(b.buf)+n]
	b.full = n == len(room)
	switch {
	case n > 0:
		return nil // an error comes again
	case err == nil:
		return io.ErrNoProgress
	case errors.Is(err, io.EOF) && len(b.buf) > 0:
		return io.ErrUnexpectedEOF
	}
	return err
}
