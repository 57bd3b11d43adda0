package coordinator

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/listen"
	"github.com/fanfold/fanfold/protocol"
)

// queueMax is how many batches and posts wait for the owner before their senders do.
const queueMax = 256

// errClosed is what Attach and Drain return after Close.
var errClosed = fanfold.Errorf(fanfold.KindUnreachable, "serve", "the coordinator has closed")

// Server is a coordinator. Its methods are safe for concurrent use.
type Server struct {
	cfg     Config
	owner   *owner
	batches chan *batch       // from readers to the owner; never closed
	posts   chan func(*owner) // from anywhere to the owner; never closed
	ctx     context.Context   // ends when the owner closes the Server
	cancel  context.CancelFunc
	work    sync.WaitGroup // every goroutine that may post, and the owner until it has closed all
	ended   chan struct{}  // closed when the owner has ended

	mu         sync.Mutex // guards what follows
	closed     bool       // nothing may be added to work
	failed     error      // why the Server had to give up
	handshakes handshakes
	last       uint64 // number of the newest connection
}

// New starts a Server, which Close ends.
func New(cfg Config) *Server {
	cfg.complete()
	s := &Server{
		cfg:     cfg,
		batches: make(chan *batch, queueMax),
		posts:   make(chan func(*owner), queueMax),
		ended:   make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	quit := make(chan struct{}) // closed when nobody is left who may post
	go func() {
		<-s.ctx.Done()
		s.work.Wait()
		close(quit)
	}()
	o := newOwner(s)
	s.owner = o
	s.work.Add(1)
	go func() {
		defer close(s.ended)
		o.run(quit)
	}()
	return s
}

// begin adds the caller to the goroutines that Close waits for, unless it is too late.
func (s *Server) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.work.Add(1)
	return nil
}

// call runs f in the owner and waits for it. The caller is in s.work.
func (s *Server) call(f func(*owner)) {
	done := make(chan struct{})
	s.posts <- func(o *owner) {
		defer close(done)
		f(o)
	}
	<-done
}

// Identify says who a peer is as far as its transport proves it: a nil Identity means that it must
// prove itself by the token, an error refuses it. It may talk to the peer until ctx ends, as TLS
// does, and gives the connection to use instead of c; it is part of the handshake, with its limits.
type Identify func(ctx context.Context, c net.Conn) (net.Conn, *protocol.Identity, error)

// Serve accepts connections until ctx ends (then it returns nil) or the listener fails. It closes
// the listener; connections live on until Close. A peer whose Identity has no Roles may be
// anything.
func (s *Server) Serve(ctx context.Context, l net.Listener, identify Identify) error {
	if err := s.begin(); err != nil {
		l.Close()
		return err
	}
	defer s.work.Done()
	ctx, cancel := s.within(ctx)
	defer cancel()
	warn := func(err error) { s.cfg.Log.Warn("accept", "error", err) }
	err := listen.Accept(ctx, l, warn, func(c net.Conn) {
		h := s.enter(context.Background(), hostOf(c.RemoteAddr())) // here: the oldest is evicted first
		s.work.Go(func() { s.accepted(h, c, identify) })
	})
	if err != nil {
		return fanfold.Errorf(fanfold.KindUnreachable, "accept connection", "%w", err)
	}
	return s.failure()
}

// accepted serves one connection of a listener, as h.
func (s *Server) accepted(h *shaking, c net.Conn, identify Identify) {
	conn, id, err := identify(h.ctx, c)
	if err != nil {
		h.leave()
		if cause := context.Cause(h.ctx); errors.Is(cause, errEvicted) {
			err = cause
		}
		s.cfg.Log.Warn("refuse connection", "from", c.RemoteAddr(), "error", err)
		c.Close()
		return
	}
	// How the connection ended is in the log.
	_ = s.serve(context.Background(), h, protocol.NewConn(conn), id)
}

// Attach serves a connection that is open already, for a peer that is known to be id. It shakes
// hands, and blocks until the connection has ended, which ctx brings about too. The error says why
// it ended: nil after the peer or Close closed it in order.
func (s *Server) Attach(ctx context.Context, c *protocol.Conn, id protocol.Identity) error {
	if err := s.begin(); err != nil {
		c.Close()
		return err
	}
	defer s.work.Done()
	h := s.enter(ctx, "")
	h.attached = true
	return s.serve(ctx, h, c, &id)
}

// serve shakes hands with a peer, as h, and reads what it sends. The Server's end ends h;
// whoever was let in is dismissed by the owner, after what it is still to be told. The caller is in
// s.work.
func (s *Server) serve(
	ctx context.Context, h *shaking, c *protocol.Conn, id *protocol.Identity,
) error {
	defer c.Close()
	p, err := s.handshake(h, c, id)
	h.leave()
	if err != nil {
		s.cfg.Log.Info("refuse connection", "error", err)
		farewell(c)
		return err
	}
	unwatch := context.AfterFunc(ctx, func() { c.Close() })
	defer unwatch()
	s.call(func(o *owner) { o.open(p) })
	err = orderly(s.read(p))
	s.call(func(o *owner) { err = o.gone(p, err) })
	if err != nil {
		farewell(c)
	}
	return err
}

// Drain refuses new jobs from now on, and returns when the running ones have ended, or ctx.
func (s *Server) Drain(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.work.Done()
	done := make(chan struct{})
	s.call(func(o *owner) { o.drain(func() { close(done) }) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close cancels all jobs, closes all connections and waits for every goroutine of the Server. The
// error is the one that had made the Server give up, if any.
func (s *Server) Close() error {
	s.shut(nil)
	<-s.ended
	return s.failure()
}

// shut has the owner close everything, once.
func (s *Server) shut(failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed, s.failed = true, failed
	go func() { s.posts <- (*owner).close }() // the owner may be the caller; it takes it
}

// failure is what made the Server give up, or nil.
func (s *Server) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// within is ctx, ending with the Server at the latest.
func (s *Server) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unwatch := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { unwatch(); cancel() }
}
