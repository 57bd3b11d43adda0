package transfer

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/listen"
	"github.com/fanfold/fanfold/protocol"
)

// ServerConfig describes a Server. Open must be set.
type ServerConfig struct {
	// Open opens a regular file of the worker's, by its path below the worker's directory.
	Open func(path string) (*os.File, error)

	// Identify proves a peer by its transport, as TLS does, and gives the connection to use instead;
	// it is part of the handshake, which ctx limits. nil: peers must have the token of Admit.
	Identify func(ctx context.Context, c net.Conn) (net.Conn, *protocol.Identity, error)

	Product string // for the greeting
	Log     hclog.Logger
}

// errNotYet ends connections that come before Admit.
var errNotYet = errors.New("the coordinator has not let this worker in")

// Server serves segments to the workers of other hosts. Its methods are safe for concurrent use.
type Server struct {
	cfg ServerConfig
	may atomic.Pointer[secrets] // nil: nobody is let in

	mu       sync.Mutex // guards what follows
	entering []*entrance
	sessions int
}

// entrance is a connection that has not proved itself.
type entrance struct{ evict context.CancelFunc }

// NewServer makes a Server; Serve starts it.
func NewServer(cfg ServerConfig) *Server {
	cfg.Product = cmp.Or(cfg.Product, "fanfold")
	if cfg.Log == nil {
		cfg.Log = hclog.NewNullLogger()
	}
	return &Server{cfg: cfg}
}

// secrets are what a Server knows strangers from others by.
type secrets struct{ token, key []byte }

// Admit says by which token peers prove themselves from now on, where Identify does not, and by
// which key tickets are made. Before that nobody is let in.
func (s *Server) Admit(token, key []byte) {
	s.may.Store(&secrets{slices.Clone(token), slices.Clone(key)})
}

// Serve accepts connections until ctx ends, closes the listener, and returns when all connections
// have ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) {
	var all sync.WaitGroup
	defer all.Wait()
	warn := func(err error) { s.cfg.Log.Warn("accept", "error", err) }
	err := listen.Accept(ctx, l, warn, func(c net.Conn) {
		e, shaking := s.enter(ctx) // here: the oldest is evicted first
		all.Go(func() { s.session(ctx, shaking, e, c) })
	})
	if err != nil && !errors.Is(err, net.ErrClosed) {
		warn(err)
	}
}

// enter notes a handshake under way, and ends the oldest one if there are too many.
func (s *Server) enter(ctx context.Context) (*entrance, context.Context) {
	shaking, cancel := context.WithTimeout(ctx, handshakeTime)
	e := &entrance{cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entering) == handshakesMax {
		s.entering[0].evict()
		s.entering = slices.Delete(s.entering, 0, 1)
	}
	s.entering = append(s.entering, e)
	return e, shaking
}

func (s *Server) leave(e *entrance) {
	e.evict()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entering = slices.DeleteFunc(s.entering, func(other *entrance) bool { return other == e })
}

// session serves one connection, until ctx ends.
func (s *Server) session(ctx, shaking context.Context, e *entrance, c net.Conn) {
	conn, peer, err := s.shake(shaking, c)
	s.leave(e)
	if err != nil {
		s.cfg.Log.Warn("refuse connection for segments", "from", c.RemoteAddr(), "error", err)
		return
	}
	defer s.count(-1)
	defer conn.Close()
	unwatch := context.AfterFunc(ctx, func() { conn.Close() })
	defer unwatch()
	x := &session{server: s, conn: conn, open: map[uint64]*outgoing{}}
	if err := x.run(ctx); err != nil {
		s.cfg.Log.Info("close connection for segments", "worker", peer.Name, "error", err)
		bye, cancel := context.WithTimeout(ctx, farewellTime)
		defer cancel()
		_ = conn.Fail(bye, err) // it ends either way
	}
}

// shake lets a worker prove itself. A connection that is let in counts.
func (s *Server) shake(
	ctx context.Context, c net.Conn,
) (*protocol.Conn, protocol.Hello, error) {
	unwatch := context.AfterFunc(ctx, func() { c.Close() })
	defer unwatch()
	var id *protocol.Identity
	if s.cfg.Identify != nil {
		secured, proven, err := s.cfg.Identify(ctx, c)
		if err != nil {
			c.Close()
			return nil, protocol.Hello{}, err
		}
		c, id = secured, proven
	}
	may := s.may.Load()
	if may == nil {
		c.Close()
		return nil, protocol.Hello{}, errNotYet
	}
	conn, counted := protocol.NewConn(c), false
	hello, _, err := protocol.Accept(ctx, conn, protocol.AcceptConfig{
		Identity: id, Token: may.token, Roles: []protocol.Role{protocol.RoleWorker},
		Hello: protocol.Hello{Role: uint8(protocol.RoleWorker), Product: s.cfg.Product},
		Welcome: func(protocol.Hello, protocol.Identity) (w protocol.Welcome, err error) {
			if counted = true; s.count(1) > sessionsMax {
				err = fanfold.Errorf(fanfold.KindBusy, "join", "%d connections are open", sessionsMax)
			}
			return w, err
		},
	})
	if err != nil && counted {
		s.count(-1)
	}
	return conn, hello, err
}

// count counts connections that were let in.
func (s *Server) count(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions += n
	return s.sessions
}

// mayFetch reports whether the ticket of a Fetch is right.
func (s *Server) mayFetch(m *protocol.Fetch) bool {
	return m.Grants(s.may.Load().key)
}
