package protocol

import (
	"context"
	"io"
	"net"
)

// Conn is a connection that carries messages, over any transport: nothing above this package knows
// which. A Conn that is not used any more must be closed. It accepts every message until Accept or
// Connect narrows that down to what the peer's role may send.
type Conn struct {
	rw io.ReadWriteCloser

	// Of the one goroutine that reads.
	rules rules
	rest  []byte // what was read behind the last frame

	in      intake
	out     outbox
	closing chan struct{} // closed by the first abort: the writer ends
	done    chan struct{} // closed by the writer when it has ended
}

// NewConn makes a Conn of a network connection, which it owns from here on.
func NewConn(c net.Conn) *Conn { return newConn(c) }

func newConn(rw io.ReadWriteCloser) *Conn {
	c := &Conn{
		rw:      rw,
		rules:   open,
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	c.out.init(rw)
	go c.write()
	return c
}

// Read waits until at least one whole frame with a message is there, and gives the messages of all
// that are. Only one goroutine may call it, but b may differ from call to call. It returns io.EOF
// when the peer has closed the connection between two frames, and the reason when this side has
// closed it. After an error about a frame (ErrFrame is in its chain) the connection is of no more
// use: tell the peer by Fail, or close it. fanfold.KindDenied says that the peer's role may not
// send such a message.
func (c *Conn) Read(b *Batch) error { return c.read(b, false) }

// read is Read, of one frame or of all.
func (c *Conn) read(b *Batch, one bool) error {
	b.reset(c.rest)
	c.rest = c.rest[:0]
	for {
		want, err := b.parse(&c.rules, one)
		if err != nil {
			return err
		}
		if len(b.msgs) > 0 {
			c.rest = append(c.rest, b.buf[b.at:]...)
			return nil
		}
		if err := b.fill(c.readTransport, want); err != nil {
			return c.reason(err)
		}
	}
}

// reason is why the transport was closed, or err when it was not.
func (c *Conn) reason(err error) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.reason != nil {
		return c.out.reason
	}
	return err
}

// abort closes the transport, without waiting for anyone. Only the first reason counts.
func (c *Conn) abort(reason error) error {
	if !c.out.abort(reason) {
		return nil
	}
	close(c.closing)
	return c.rw.Close()
}

// Close closes the connection and waits until its goroutine has ended. What is queued and not yet
// written is lost: see Shutdown. A pending Read returns net.ErrClosed. It may be called repeatedly,
// and concurrently with everything else.
func (c *Conn) Close() error {
	err := c.abort(net.ErrClosed)
	<-c.done
	return err
}

// Shutdown writes what is queued, as long as ctx lasts, and closes the connection. Nothing can be
// sent from here on, and what the peer sends is dropped. It gives the peer up to a second to read
// what was written.
func (c *Conn) Shutdown(ctx context.Context) error {
	c.out.seal()
	c.Flush()
	err := c.WaitQueued(ctx, 1)
	if err == nil {
		c.linger(ctx)
	}
	if closed := c.Close(); err == nil {
		err = closed
	}
	return err
}

// Fail tells the peer why the connection ends, in an Error message, and closes it; ctx limits how
// long that may take.
func (c *Conn) Fail(ctx context.Context, reason error) error {
	f := FromError(reason)
	if err := c.Send(&f); err != nil {
		c.Close()
		return err
	}
	return c.Shutdown(ctx)
}
