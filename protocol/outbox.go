package protocol

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// What Send and Read return of a connection whose other side does not read.
var (
	ErrQueueFull = errors.New("the outbound queue is full")
	ErrStalled   = errors.New("the peer has stopped reading")
)

// outbox is what a Conn has to write, and the state that Send and the writer share.
type outbox struct {
	wake  chan struct{}    // holds one: the writer is to write; never closed
	limit atomic.Int64     // nanoseconds that a write may take; 0: any
	some  func([]byte) int // writes what the transport takes at once; nil: no way to do that

	mu       sync.Mutex // guards what follows
	urgent   lane       // goes first
	ordered  lane
	writing  bool   // by the writer, or in a Flush: whoever sets it writes all there is
	again    bool   // another Flush came during that of one who writes
	rest     []byte // what the transport did not take of a Flush: goes before the lanes
	queued   int    // bytes in both lanes, and taken but not yet written
	queueMax int
	mark     int           // queued behind the last bulk message, while that is above queueMax
	bulkMax  int           // bytes of a bulk frame that the peer takes
	err      error         // why nothing can be sent any more
	dead     bool          // what is queued will not be written either
	reason   error         // why the transport was closed
	drained  chan struct{} // closed when queued falls, or dead is set; nil while nobody waits
}

func (o *outbox) init(rw io.ReadWriteCloser) {
	o.some = newDirect(rw)
	o.wake = make(chan struct{}, 1)
	o.queueMax, o.bulkMax = QueueMax, BulkMax
	o.limit.Store(int64(WriteTimeout))
}

// Send puts a message into the outbound queue; it travels after the next Flush at the latest. It
// never blocks, keeps nothing of v, and is safe for concurrent use. The order of messages is kept,
// but those that the package comment calls urgent go ahead of all others.
//
// It returns ErrQueueFull when QueueMax bytes are queued (bulk messages), or ControlMax above what
// bulk has left (all others): who sends bulk must stay below, by the peer's credit and WaitQueued.
// A message longer than the peer takes is refused with fanfold.KindTooLarge. Other errors say that
// the connection is closed or that a write went wrong.
func (c *Conn) Send(v Body) error {
	_, err := c.Queue(v)
	return err
}

// Queue is Send, and tells how many bytes are queued then.
func (c *Conn) Queue(v Body) (queued int, err error) {
	how := kinds[v.kind()].travel
	o := &c.out
	o.mu.Lock()
	err = o.add(v, how)
	queued = o.queued
	o.mu.Unlock()
	return queued, err
}

// add is Send. The caller holds mu.
func (o *outbox) add(v Body, how travel) error {
	if o.err != nil {
		return o.err
	}
	l, full, most := &o.ordered, o.queueMax, o.bulkMax
	if how != bulk {
		full, most = max(o.queueMax, o.mark)+ControlMax, ControlMax
		if how == urgent {
			l = &o.urgent
		}
	}
	if o.queued >= full {
		return ErrQueueFull
	}
	before := len(l.buf)
	if err := l.add(v, how == bulk, most); err != nil {
		return err
	}
	o.queued += len(l.buf) - before
	if how == bulk {
		o.mark = o.queued
	}
	if len(l.buf) >= writeMax && !o.writing {
		o.startWriter()
	}
	return nil
}

// sendText queues a line for a reader of text.
func (c *Conn) sendText(line string) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.urgent.buf = append(o.urgent.buf, line...)
	o.urgent.open = false
	o.queued += len(line)
}

// Flush has what is queued written. It never blocks: it writes what the transport takes at once, if
// that is not much and nobody else is writing, and leaves the rest to the writer.
func (c *Conn) Flush() {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.writing:
		o.again = true
	case o.queued == 0 || o.dead:
	case o.some == nil || o.queued > directMax:
		o.startWriter()
	default:
		o.writing, o.again = true, false
		b, then := o.takeLocked()
		if len(b) == 0 {
			b = then // directMax is less than writeMax: it is either or both in one
		}
		o.mu.Unlock()
		n := o.some(b)
		o.mu.Lock()
		o.wroteLocked(n)
		o.rest = b[n:]
		if o.writing = len(o.rest) > 0 || o.again && o.queued > 0; o.writing {
			o.startWriter()
		}
	}
}

// startWriter has the writer write all that is queued. The caller holds mu, and nobody else writes.
func (o *outbox) startWriter() {
	o.writing = true
	o.wake <- struct{}{} // there is room: it holds one only while nobody writes yet
}

// Queued is the number of bytes that are not yet written.
func (c *Conn) Queued() int {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.queued
}

// WaitQueued flushes, and blocks until fewer bytes than below are queued, or ctx ends, or nothing
// can be written any more.
func (c *Conn) WaitQueued(ctx context.Context, below int) error {
	o := &c.out
	c.Flush()
	for {
		o.mu.Lock()
		if o.drained == nil {
			o.drained = make(chan struct{})
		}
		drained, queued, dead, err := o.drained, o.queued, o.dead, o.err
		o.mu.Unlock()
		switch {
		case dead:
			return err
		case queued < below:
			return nil
		}
		select {
		case <-drained:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// SetQueueMax changes the limit of the outbound queue from QueueMax.
func (c *Conn) SetQueueMax(bytes int) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.queueMax = bytes
}

// SetWriteTimeout changes the time that a write of up to 256 KiB may take from WriteTimeout; 0
// means no limit. When it has passed, the connection is closed and ErrStalled is the reason.
func (c *Conn) SetWriteTimeout(d time.Duration) {
	c.out.limit.Store(int64(d))
}

// setPeerMax tells how long a bulk frame the peer takes.
func (c *Conn) setPeerMax(bytes uint32) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if bytes != 0 {
		c.out.bulkMax = min(int(bytes), BulkMax)
	}
}

// endFrame sees to it that what follows goes into another frame.
func (o *outbox) endFrame() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.urgent.open, o.ordered.open = false, false
}

// seal ends sending: what is queued will still be written.
func (o *outbox) seal() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = net.ErrClosed
	}
}

// fail ends sending and writing, for the first cause given.
func (o *outbox) fail(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failLocked(cause)
}

func (o *outbox) failLocked(cause error) {
	if o.err == nil {
		o.err = cause
	}
	o.dead = true
	o.urgent, o.ordered, o.queued = lane{}, lane{}, 0
	o.notify()
}

// abort is fail with the transport closed. It reports whether it was the first.
func (o *outbox) abort(reason error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reason != nil {
		return false
	}
	o.reason = reason
	o.failLocked(reason)
	return true
}

// notify wakes those who wait in WaitQueued. The caller holds mu.
func (o *outbox) notify() {
	if o.drained != nil {
		close(o.drained)
		o.drained = nil
	}
}

// take gives the writer all that is queued: the urgent part, and what follows it. Both are one when
// they are short, for one write call. When there is nothing, writing has ended.
func (o *outbox) take() (first, then []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if rest := o.rest; len(rest) > 0 {
		o.rest = nil
		return rest, nil
	}
	if first, then = o.takeLocked(); len(first)+len(then) == 0 {
		o.urgent.giveBack()
		o.ordered.giveBack()
		o.writing = false
	}
	return first, then
}

func (o *outbox) takeLocked() (first, then []byte) {
	first, then = o.urgent.take(), o.ordered.take()
	if len(first) > 0 && len(first)+len(then) <= writeMax {
		o.urgent.spare = append(first, then...)
		return o.urgent.spare, nil
	}
	return first, then
}

// takeUrgent gives what has become urgent meanwhile.
func (o *outbox) takeUrgent() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.urgent.take()
}

// wrote accounts for n bytes.
func (o *outbox) wrote(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wroteLocked(n)
}

func (o *outbox) wroteLocked(n int) {
	if !o.dead {
		o.queued -= n
	}
	if o.queued < o.queueMax {
		o.mark = 0
	}
	o.notify()
}
