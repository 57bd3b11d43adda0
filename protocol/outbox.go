package protocol

import (
	"context"
	"errors"
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
	wake  chan struct{} // holds one: there is something to write; never closed
	limit atomic.Int64  // nanoseconds that a write may take; 0: any

	mu       sync.Mutex // guards what follows
	urgent   lane       // goes first
	ordered  lane
	queued   int // bytes in both lanes, and taken but not yet written
	queueMax int
	mark     int           // queued behind the last bulk message, while that is above queueMax
	bulkMax  int           // bytes of a bulk frame that the peer takes
	err      error         // why nothing can be sent any more
	dead     bool          // what is queued will not be written either
	reason   error         // why the transport was closed
	drained  chan struct{} // closed when queued falls, or dead is set; nil while nobody waits
}

func (o *outbox) init() {
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
	o := &c.out
	k := v.kind()
	isBulk := kinds[k].travel == bulk
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	l, full, most := &o.ordered, max(o.queueMax, o.mark)+ControlMax, ControlMax
	switch kinds[k].travel {
	case bulk:
		full, most = o.queueMax, o.bulkMax
	case urgent:
		l = &o.urgent
	}
	if o.queued >= full {
		return ErrQueueFull
	}
	before := len(l.buf)
	if err := l.add(v, isBulk, most); err != nil {
		return err
	}
	o.queued += len(l.buf) - before
	if isBulk {
		o.mark = o.queued
	}
	if len(l.buf) >= writeMax {
		c.Flush()
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

// Flush has what is queued written. It never blocks.
func (c *Conn) Flush() {
	select {
	case c.out.wake <- struct{}{}:
	default: // it has been asked for
	}
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
// they are short, for one write call.
func (o *outbox) take() (first, then []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first, then = o.urgent.take(), o.ordered.take()
	switch {
	case len(first)+len(then) == 0:
		o.urgent.giveBack()
		o.ordered.giveBack()
	case len(first) > 0 && len(first)+len(then) <= writeMax:
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
	if !o.dead {
		o.queued -= n
	}
	if o.queued < o.queueMax {
		o.mark = 0
	}
	o.notify()
}
