package worker

import (
	"time"

	"github.com/fanfold/fanfold/protocol"
)

const (
	beatInterval = time.Second // the least time between two Beats of an attempt
	statusMax    = 1 << 10     // bytes of a status that travel
)

// beat tells the coordinator that an attempt makes progress. It costs no timer: it is called
// whenever there is some, on the attempt's goroutine.
type beat struct {
	conn    *protocol.Conn
	attempt uint64
	last    time.Time // of the last Beat, or the attempt's start
	bytes   int64     // of input read
	text    string    // the status last set
}

// read says how many bytes of input have been read so far.
func (b *beat) read(bytes int64) {
	b.bytes = bytes
	b.send()
}

// status says that user code has set a status.
func (b *beat) status(text string) {
	b.text = text[:min(len(text), statusMax)]
	b.send()
}

func (b *beat) send() {
	now := time.Now()
	if now.Sub(b.last) < beatInterval {
		return
	}
	b.last = now
	// An error of the connection is the reader's to see.
	_ = b.conn.Send(&protocol.Beat{Attempt: b.attempt, Bytes: b.bytes, Status: b.text})
	b.conn.Flush()
}
