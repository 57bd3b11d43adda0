package coordinator

import (
	"container/list"
	"context"
	"errors"
	"net"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// errEvicted ends the oldest handshake when there are too many.
var errEvicted = fanfold.Errorf(fanfold.KindBusy, "shake hands",
	"too many connections that have not proved who they are")

// allRoles is what a peer may be, unless its identity says otherwise.
var allRoles = []protocol.Role{protocol.RoleClient, protocol.RoleAdmin, protocol.RoleViewer,
	protocol.RoleWorker, protocol.RoleProcess}

// handshakes are the connections that have not proved themselves, the oldest first.
type handshakes struct {
	under list.List // of *shaking
}

// shaking is one handshake under way, from the first byte of the transport's own.
type shaking struct {
	ctx    context.Context // ends with the time for it, the Server, or its eviction
	number uint64          // of the connection
	host   string          // where it comes from; "": this host
	evict  context.CancelCauseFunc

	attached bool   // it came by Attach
	leave    func() // must be called when it is over
}

// handshake lets a peer prove itself and introduces it to the owner.
func (s *Server) handshake(
	h *shaking, c *protocol.Conn, id *protocol.Identity,
) (*peer, error) {
	c.SetWriteTimeout(s.cfg.Limits.StalledAfter)
	p := &peer{id: h.number, conn: c, attached: h.attached,
		free: make(chan *batch, batchesPerPeer)}
	for range batchesPerPeer {
		p.free <- &batch{}
	}
	cfg := protocol.AcceptConfig{
		Identity:   id,
		Token:      s.cfg.Token,
		Connection: h.number,
		Hello:      protocol.Hello{Role: uint8(protocol.RoleCoordinator), Product: s.cfg.Product},
		Roles:      allRoles,
		Welcome: func(
			hello protocol.Hello, id protocol.Identity,
		) (w protocol.Welcome, err error) {
			p.hello, p.identity, p.role = hello, id, protocol.Role(hello.Role)
			s.call(func(o *owner) { w, err = o.admit(p) })
			return w, err
		},
	}
	_, _, err := protocol.Accept(h.ctx, c, cfg)
	if cause := context.Cause(h.ctx); err != nil && errors.Is(cause, errEvicted) {
		err = cause
	}
	if err != nil && p.role != 0 {
		s.call(func(o *owner) { o.unwelcome(p) })
	}
	return p, err
}

// enter notes a handshake under way and gives the connection its number. When there are too many,
// of all or of its host, the oldest of them is evicted.
func (s *Server) enter(ctx context.Context, host string) *shaking {
	h := &shaking{host: host}
	ctx, ended := s.within(ctx)
	ctx, timedOut := context.WithTimeout(ctx, s.cfg.Limits.Handshake)
	h.ctx, h.evict = context.WithCancelCause(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if oldest := s.handshakes.oldest(s.cfg.Limits, host); oldest != nil {
		s.handshakes.under.Remove(oldest).(*shaking).evict(errEvicted)
	}
	s.last++
	h.number = s.last
	e := s.handshakes.under.PushBack(h)
	h.leave = func() {
		h.evict(nil)
		timedOut()
		ended()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.handshakes.under.Remove(e)
	}
	return h
}

// oldest gives the handshake that has to make room for one more from a host, if any has to.
func (h *handshakes) oldest(l Limits, host string) *list.Element {
	var first *list.Element
	n := 0
	for e := h.under.Front(); e != nil && host != ""; e = e.Next() {
		if e.Value.(*shaking).host != host {
			continue
		}
		if n++; first == nil {
			first = e
		}
	}
	switch {
	case first != nil && n >= l.HandshakesPerHost:
		return first
	case h.under.Len() >= l.HandshakesMax:
		return h.under.Front()
	}
	return nil
}

// hostOf gives the host of an address, "" when it is this one.
func hostOf(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() {
		return ""
	}
	return tcp.IP.String()
}
