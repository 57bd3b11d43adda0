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

// messageRoom is room for a message, but for its data: most need no more. Few idle connections fill
// more than twice of that.
const messageRoom = 256

// dataLen is the length of the data of a message that may have much.
func dataLen(v Body) int {
	switch m := v.(type) {
	case *Input:
		return len(m.Data)
	case *Result:
		return len(m.Data)
	case *Task:
		return len(m.Data)
	case *Reply:
		return len(m.Data)
	case *Partial:
		return len(m.Data)
	case *Call:
		return len(m.Data)
	case *Return:
		return len(m.Data)
	}
	return 0
}

// add puts a message into the last frame or into a new one.
func (l *lane) add(v Body, isBulk bool, most int) error {
	if room := messageRoom + dataLen(v); room > cap(l.buf)-len(l.buf) {
		l.buf = grown(l.buf, room)
	}
	buf, frame := l.buf, l.frame
	begins := !l.open || isBulk && !l.inBulk
	if begins {
		frame = len(buf)
		buf = append(buf, 0, 0, 0, 0)
	}
	at := len(buf)
	buf = appendMessage(buf, v)
	if size := len(buf) - at; size > frameCut || size > most {
		if err := vet(buf[at:], most); err != nil {
			l.buf = buf[:len(l.buf)]
			return fanfold.Errorf(fanfold.KindTooLarge, "send "+v.kind().String(), "%w", err)
		}
	}
	if begins {
		l.open, l.inBulk = true, isBulk
	} else if len(buf)-frame-4 > frameCut {
		buf = append(buf, 0, 0, 0, 0) // the message gets a frame of its own
		copy(buf[at+4:], buf[at:])
		frame, l.inBulk = at, isBulk
	}
	binary.BigEndian.PutUint32(buf[frame:], uint32(len(buf)-frame-4))
	l.buf, l.frame = buf, frame
	return nil
}

// vet refuses a long message that the peer would not take. Only a long one can have too many
// elements.
func vet(msg []byte, most int) error {
	if len(msg) > most {
		return errors.New("the message is longer than a frame may be")
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
		recycle(l.buf)
		recycle(l.spare)
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
