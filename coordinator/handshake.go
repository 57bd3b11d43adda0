package coordinator

import (
	"container/list"
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// acceptPause is how long a listener rests that is out of file descriptors.
const acceptPause = 100 * time.Millisecond

// errEvicted ends the oldest handshake when there are too many.
var errEvicted = fanfold.Errorf(fanfold.KindBusy, "shake hands",
	"too many connections that have not proved who they are")

// What a peer may be: of a listener, unless its identity says otherwise, and of Attach.
var (
	clientRoles = []protocol.Role{protocol.RoleClient, protocol.RoleAdmin, protocol.RoleViewer}
	allRoles    = append([]protocol.Role{protocol.RoleWorker, protocol.RoleProcess}, clientRoles...)
)

// handshakes are the connections that have not proved themselves, the oldest first.
type handshakes struct {
	under list.List // of context.CancelCauseFunc
}

// handshake lets a peer prove itself and introduces it to the owner.
func (s *Server) handshake(
	ctx context.Context, c *protocol.Conn, id *protocol.Identity, roles []protocol.Role,
) (*peer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Limits.Handshake)
	defer cancel()
	ctx, evict := context.WithCancelCause(ctx)
	defer evict(nil)
	c.SetWriteTimeout(s.cfg.Limits.StalledAfter)
	number, leave := s.enter(evict)
	defer leave()

	p := &peer{id: number, conn: c, free: make(chan *batch, batchesPerPeer)}
	for range batchesPerPeer {
		p.free <- &batch{}
	}
	cfg := protocol.AcceptConfig{
		Identity:   id,
		Token:      s.cfg.Token,
		Connection: number,
		Hello:      protocol.Hello{Role: uint8(protocol.RoleCoordinator), Product: s.cfg.Product},
		Roles:      roles,
		Welcome: func(h protocol.Hello, id protocol.Identity) (w protocol.Welcome, err error) {
			p.hello, p.identity, p.role = h, id, protocol.Role(h.Role)
			s.call(func(o *owner) { w, err = o.admit(p) })
			return w, err
		},
	}
	_, _, err := protocol.Accept(ctx, c, cfg)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errEvicted) {
		err = cause
	}
	if err != nil && p.role != 0 {
		s.call(func(o *owner) { o.unwelcome(p) })
	}
	return p, err
}

// enter notes a handshake under way and gives the connection its number. leave must be called.
func (s *Server) enter(evict context.CancelCauseFunc) (number uint64, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	under := &s.handshakes.under
	if under.Len() >= s.cfg.Limits.HandshakesMax {
		under.Remove(under.Front()).(context.CancelCauseFunc)(errEvicted)
	}
	e := under.PushBack(evict)
	s.last++
	return s.last, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		under.Remove(e)
	}
}

// temporary reports an error of Accept after which the listener works again.
func temporary(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM) || isTimeout(err)
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
