package client

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// The limits of a client.
const (
	// handshakeMax bounds the handshake when the caller's context has no earlier end.
	handshakeMax = 10 * time.Second
	// closeMax is how long Close lets the coordinator read what is still queued.
	closeMax = 2 * time.Second
	// queuedMax is how many bytes may be queued for the coordinator before bulk has to wait.
	queuedMax = protocol.QueueMax / 2
)

// Config says how to reach a coordinator and as what.
type Config struct {
	// Address is where Dial connects: "unix:" and a path, a path with a slash in it, or host:port.
	Address string
	// Token proves the client where the transport does not; nil: the transport proves.
	Token []byte
	// TokenFile is read by Dial when Token is nil and Address is no Unix socket; "": no token.
	TokenFile string
	Role      protocol.Role // zero: RoleClient
	// TLS is how Dial connects to a port that wants certificates: they prove both sides, so Token and
	// TokenFile are not used. It must verify the server; Dial fills in an empty ServerName. nil, or a
	// Unix socket: no TLS.
	TLS     *tls.Config
	Product string // of the caller, for people: "fanfold 0.1.0"
}

// Client is one connection to a coordinator. Its methods are safe for concurrent use. Their errors
// are *fanfold.Error; KindUnreachable means that the connection is lost and stays so.
type Client struct {
	conn       *protocol.Conn
	connection uint64
	uploads    sync.WaitGroup // those that do not hang in Submission.Stdin
	flush      chan struct{}  // capacity one: what was sent is to be written; never closed
	bulk       chan struct{}  // capacity one: held by whoever waits to send bulk; never closed
	read       chan struct{}  // closed when the reading goroutine has ended

	mu      sync.Mutex // guards what follows
	pending map[uint64]pending
	last    uint64 // number of the newest request
	lost    error  // why nothing can be asked any more
	closed  bool   // Close waits for no further goroutine
}

// pending is a request that waits for messages. Its methods must not block.
type pending interface {
	// take handles one message for the request, and says whether it was the last. Data in it is
	// valid during the call only.
	take(m protocol.Body) (last bool)
	// fail ends the request.
	fail(err error)
}

// New shakes hands on an open connection, which the Client owns from then on, also when it fails.
func New(ctx context.Context, conn *protocol.Conn, cfg Config) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeMax)
	defer cancel()
	role := cfg.Role
	if role == 0 {
		role = protocol.RoleClient
	}
	hello := protocol.Hello{Role: uint8(role), Product: cfg.Product}
	_, w, err := protocol.Connect(ctx, conn, hello, cfg.Token)
	if err != nil {
		conn.Close()
		return nil, unreachable("log in", err)
	}
	c := &Client{
		conn: conn, connection: w.Connection, read: make(chan struct{}),
		bulk:    make(chan struct{}, 1),
		flush:   make(chan struct{}, 1),
		pending: map[uint64]pending{},
	}
	go c.run()
	c.uploads.Go(c.flusher)
	return c, nil
}

// unreachable gives an error that has none the kind of a connection that does not work.
func unreachable(op string, err error) error {
	var known *fanfold.Error
	if errors.As(err, &known) {
		return err
	}
	return fanfold.Errorf(fanfold.KindUnreachable, op, "%w", err)
}

// Connection is the number that the coordinator's log gives this connection.
func (c *Client) Connection() uint64 { return c.connection }

// Close ends the connection, and with it the jobs that are neither detached nor have an ID. It
// waits for the client's goroutines, but not for one that hangs in Submission.Stdin.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeMax)
	defer cancel()
	// Whether the coordinator still reads what is queued decides nothing for us.
	_ = c.conn.Shutdown(ctx)
	<-c.read
	c.uploads.Wait()
	return nil
}

var errClosed = fanfold.Errorf(fanfold.KindUnreachable, "ask coordinator", "the client was closed")

// start numbers a request and registers it.
func (c *Client) start(p pending) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		return 0, c.lost
	}
	c.last++
	c.pending[c.last] = p
	return c.last, nil
}

// drop forgets a request, so that messages that still come for it are ignored.
func (c *Client) drop(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, number)
}

// send sends a message at once.
func (c *Client) send(m protocol.Body) error {
	if err := c.conn.Send(m); err != nil {
		return unreachable("ask coordinator", err)
	}
	c.conn.Flush()
	return nil
}

// sendBulk sends a message once the queue has room for it. One at a time waits, so that many do not
// find the same room.
func (c *Client) sendBulk(ctx context.Context, m protocol.Body) error {
	select {
	case c.bulk <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.bulk }()
	for {
		if err := c.conn.WaitQueued(ctx, queuedMax); err != nil {
			return unreachable("send input", err)
		}
		if err := c.send(m); !errors.Is(err, protocol.ErrQueueFull) {
			return err
		} // the tasks of a stream have taken the room
	}
}
