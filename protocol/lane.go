package protocol

import (
	"encoding/binary"
	"errors"

	"github.com/fanfold/fanfold"
)

// lane is a queue of messages, already in frames.
type lane struct {
	buf    []byte
	frame  int  // where the last frame starts
	open   bool // whether that one takes further messages
	inBulk bool // its class
	spare  []byte
}

// add puts a message into the last frame or into a new one.
func (l *lane) add(v Body, isBulk bool, most int) error {
	before := *l
	if !l.open || isBulk && !l.inBulk {
		l.begin(isBulk)
	}
	at := len(l.buf)
	l.buf = appendMessage(l.buf, v)
	size := len(l.buf) - at
	if err := vet(l.buf[at:], most); err != nil {
		before.buf = l.buf[:len(before.buf)]
		*l = before
		return fanfold.Errorf(fanfold.KindTooLarge, "send "+v.kind().String(), "%w", err)
	}
	if at > l.frame+4 && len(l.buf)-l.frame-4 > frameCut {
		l.buf = append(l.buf, 0, 0, 0, 0) // the message gets a frame of its own
		copy(l.buf[at+4:], l.buf[at:at+size])
		l.frame, l.inBulk = at, isBulk
	}
	binary.BigEndian.PutUint32(l.buf[l.frame:], uint32(len(l.buf)-l.frame-4))
	return nil
}

func (l *lane) begin(isBulk bool) {
	l.frame, l.open, l.inBulk = len(l.buf), true, isBulk
	l.buf = append(l.buf, 0, 0, 0, 0)
}

// vet refuses a message that the peer would not take. Only a long one can have too many elements.
func vet(msg []byte, most int) error {
	if len(msg) > most {
		return errors.New("the message is longer than a frame may be")
	}
	if len(msg) <= frameCut {
		return nil
	}
	_, _, err := check(msg, ElementsMax)
	return err
}

// take gives all that is queued. It is valid until the next take.
func (l *lane) take() []byte {
	l.buf, l.spare = l.spare[:0], l.buf
	l.open = false
	return l.spare
}

// giveBack drops buffers that a burst has left large.
func (l *lane) giveBack() {
	if len(l.buf) == 0 && cap(l.buf)+cap(l.spare) > keepMax {
		l.buf, l.spare = nil, nil
	}
}

// wholeFrames is the length of the first frames of b: as many as fit into most bytes, at least one.
func wholeFrames(b []byte, most int) (n int) {
	for n < len(b) {
		size := 4 + int(binary.BigEndian.Uint32(b[n:]))
		if n > 0 && n+size > most {
			break
		}
		n += size
	}
	return n
}
