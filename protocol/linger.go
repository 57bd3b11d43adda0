package protocol

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The limits of waiting for a peer to close its side.
const (
	lingerTime = time.Second
	lingerMax  = BulkMax // bytes that it may still send
)

// intake is the reading side of a Conn, which a Shutdown takes over from its reader.
type intake struct {
	mu       sync.Mutex // guards reading from the transport
	shutting atomic.Bool
}

// linger closes this side for writing and drops what the peer still sends, until it closes its side
// or too much time passes. TCP needs that: who closes a socket with bytes in it that nobody has
// read makes the peer's system throw away what was sent last, such as the reason of the end.
func (c *Conn) linger(ctx context.Context) {
	h, ok := c.rw.(interface{ CloseWrite() error })
	if !ok {
		return
	}
	c.in.shutting.Store(true)
	if h.CloseWrite() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lingerTime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.abort(net.ErrClosed) })
	defer stop()
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	drop := make([]byte, readMin)
	for n := 0; n < lingerMax; {
		k, err := c.rw.Read(drop)
		if err != nil {
			return
		}
		n += k
	}
}

// readTransport reads from the transport, unless a Shutdown does.
func (c *Conn) readTransport(b []byte) (int, error) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	n, err := c.rw.Read(b)
	if c.in.shutting.Load() {
		return 0, net.ErrClosed
	}
	return n, err
}
