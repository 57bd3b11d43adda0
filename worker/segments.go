package worker

import (
	"cmp"
	"context"
	"net"
	"os"
	"sync"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle/transfer"
)

// Segments is how an agent exchanges segments with workers on other hosts: those that do not see
// its Root.
type Segments struct {
	// Listen opens the port where others fetch.
	Listen func(ctx context.Context) (net.Listener, error)
	// Advertise is the host by which others reach that port; "": the one that it listens on.
	Advertise string

	// Identify proves those who connect by their transport; nil: by a token of the coordinator's.
	Identify func(ctx context.Context, c net.Conn) (net.Conn, *protocol.Identity, error)
	// Dial connects to the worker of a name, and proves it where Identify does that.
	Dial func(ctx context.Context, address, name string) (net.Conn, error)

	Compress bool // what others send is to be compressed
}

// segments are an agent's two sides of the exchange.
type segments struct {
	server  *transfer.Server
	fetcher *transfer.Fetcher
	address string // HOST:PORT that others connect to
	serving sync.WaitGroup
}

// openSegments starts to serve, until ctx ends. Nobody is let in before welcome.
func (a *Agent) openSegments(ctx context.Context) (*segments, error) {
	cfg := a.cfg.Segments
	l, err := cfg.Listen(ctx)
	if err != nil {
		return nil, fanfold.Errorf(fanfold.KindUnreachable, "serve segments", "%w", err)
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		l.Close()
		return nil, err
	}
	s := &segments{address: net.JoinHostPort(cmp.Or(cfg.Advertise, host), port)}
	s.server = transfer.NewServer(transfer.ServerConfig{
		Open:     func(path string) (*os.File, error) { return openRegular(a.files, path) },
		Identify: cfg.Identify, Product: a.cfg.Product, Log: a.log,
	})
	s.fetcher = transfer.NewFetcher(transfer.FetcherConfig{
		Root: a.files, Dial: cfg.Dial, Name: a.cfg.Name, Product: a.cfg.Product,
		Compress: cfg.Compress, Log: a.log,
	})
	s.serving.Go(func() { s.server.Serve(ctx, l) })
	return s, nil
}

// welcome takes what the coordinator has given the worker. The token is for where the transport
// proves nobody.
func (s *segments) welcome(w *protocol.Welcome, secured bool) {
	token := w.SegmentToken
	if secured {
		token = nil
	}
	s.server.Admit(token, w.SegmentKey)
	s.fetcher.Admit(token)
}

// close waits for the end of both sides; the context of openSegments has ended.
func (s *segments) close() {
	s.fetcher.Close()
	s.serving.Wait()
}
