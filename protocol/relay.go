package protocol

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	relayBuffer = 64 << 10 // bytes, for each direction
	// relayLinger is how long one direction of a relay may take to end after the other.
	relayLinger = 5 * time.Second
)

// Relay passes on, unseen, what the two sides of two connections say to each other, until both
// have ended or ctx does; then both are closed. Their handshakes are over, and nothing is queued on
// either. When one side has ended, what it said before still reaches the other.
func Relay(ctx context.Context, near, far *Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unwatch := context.AfterFunc(ctx, func() {
		_ = near.abort(net.ErrClosed)
		_ = far.abort(net.ErrClosed)
	})
	defer unwatch()
	linger := time.AfterFunc(time.Hour, cancel)
	linger.Stop()
	var both sync.WaitGroup
	for _, way := range [][2]*Conn{{near, far}, {far, near}} {
		both.Go(func() {
			way[0].pass(way[1])
			linger.Reset(relayLinger)
		})
	}
	both.Wait()
	linger.Stop()
	_ = near.Close()
	_ = far.Close()
}

// pass gives to another connection what comes on this one, and then the end. What the other does
// not take is dropped, so that whoever sends it is not held up, and finds the end there.
func (c *Conn) pass(to *Conn) {
	b, n := append(make([]byte, 0, relayBuffer), c.rest...), len(c.rest)
	var stuck, err error
	for {
		if n > 0 && stuck == nil {
			_, stuck = to.rw.Write(b[:n])
		}
		if err != nil {
			break
		}
		b = b[:cap(b)]
		n, err = c.readTransport(b)
	}
	if h, ok := to.rw.(interface{ CloseWrite() error }); !ok || h.CloseWrite() != nil {
		_ = to.abort(net.ErrClosed)
	}
}
