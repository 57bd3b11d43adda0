package coordinator

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

const (
	// batchesPerPeer is how many batches a reader has: it fills one while the owner works on another.
	batchesPerPeer = 2
	// farewellWait is how long a peer may take to read what was sent before its connection closes.
	farewellWait = time.Second
)

// peer is one connection after its handshake.
type peer struct {
	id       uint64
	conn     *protocol.Conn
	hello    protocol.Hello
	identity protocol.Identity
	role     protocol.Role
	attached bool        // it came by Attach: it lives and dies with this process
	free     chan *batch // batches to fill, at most batchesPerPeer; never closed

	// What follows is the owner's.
	closing  bool           // nothing more is taken from it
	why      error          // why the owner closes it
	touched  bool           // in owner.touched
	queued   int            // bytes in its outbound queue, or less by now
	deaf     scheduler.Time // since when nothing can be written to it; 0: it can
	draining bool           // a goroutine waits for room in its outbound queue
	heard    scheduler.Time // when a message came last

	client  *consumer // nil: no client
	worker  *worker   // nil: no worker's control connection
	process *process  // nil: no task process
}

// maySend reports whether a message of a kind may come from a peer of a role.
func maySend(role protocol.Role, kind protocol.Kind) bool {
	switch kind {
	case protocol.KindBye:
		return true
	case protocol.KindSubmit, protocol.KindInputs, protocol.KindInput, protocol.KindInputEnd,
		protocol.KindCancel, protocol.KindTask, protocol.KindCancelTask:
		return role == protocol.RoleClient || role == protocol.RoleAdmin
	case protocol.KindCredit, protocol.KindAttach, protocol.KindQuery:
		return role == protocol.RoleClient || role == protocol.RoleAdmin ||
			role == protocol.RoleViewer
	case protocol.KindDone, protocol.KindBeat, protocol.KindReturn, protocol.KindPartial,
		protocol.KindAsk, protocol.KindSnapshot, protocol.KindSample:
		return role == protocol.RoleProcess || role == protocol.RoleWorker && kind == protocol.KindBeat
	case protocol.KindPulled:
		return role == protocol.RoleWorker
	case protocol.KindExited, protocol.KindResult, protocol.KindLog, protocol.KindHeartbeat:
		return role == protocol.RoleWorker
	}
	return false
}

// read hands the peer's messages to the owner until the connection ends, and returns when the owner
// has dealt with the last of them. The error says why it has ended.
func (s *Server) read(p *peer) error {
	defer func() {
		for range batchesPerPeer {
			<-p.free
		}
	}()
	for {
		b := <-p.free
		if err := p.conn.Read(&b.raw); err != nil {
			p.free <- b
			return err
		}
		err := b.parse(p)
		s.owner.offer(b)
		if err != nil {
			return err
		}
	}
}

// orderly is nil for the errors with which a connection ends that was closed in order.
func orderly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) ||
		errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// farewell closes a connection after what is queued was written, or could not be.
func farewell(c *protocol.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), farewellWait)
	defer cancel()
	// The connection ends either way; whoever reads it sees how.
	_ = c.Shutdown(ctx)
}

// send queues a message for a peer, to be written when the owner has nothing left to read. A peer
// that lets its control messages pile up is cut off.
func (o *owner) send(p *peer, m protocol.Body) {
	if p.closing {
		return
	}
	var err error
	if p.queued, err = p.conn.Queue(m); err != nil {
		o.notSent(p, err)
		return
	}
	o.touch(p)
}

// notSent handles an error of Conn.Send.
func (o *owner) notSent(p *peer, err error) {
	var refused *fanfold.Error
	switch {
	case errors.Is(err, protocol.ErrQueueFull) || errors.As(err, &refused):
		o.end(p, err)
	case p.deaf == 0: // it has gone, but what it has said before is still to be read
		p.deaf = o.now()
	}
}

// touch makes sure that what is queued for p is written, and that what waits for room is sent.
func (o *owner) touch(p *peer) {
	if !p.touched {
		p.touched = true
		o.touched = append(o.touched, p)
	}
}

// end closes a connection for a reason, which the peer is told. Its reader then reports that it is
// gone, and what it had is given up.
func (o *owner) end(p *peer, why error) {
	if p.closing {
		return
	}
	p.closing, p.why = true, why
	o.log.Info("close connection", "connection", p.id, "role", p.role, "error", why)
	f := protocol.FromError(fanfoldError(why, fanfold.KindProtocol, "serve connection"))
	// A connection that is broken cannot be told why.
	_ = p.conn.Send(&f)
	o.srv.work.Go(func() { farewell(p.conn) })
}

// dismiss closes a connection in order: that is no failure.
func (o *owner) dismiss(p *peer, reason string) {
	if p.closing {
		return
	}
	p.closing = true
	_ = p.conn.Send(&protocol.Bye{Reason: reason}) // or it is closed already
	o.srv.work.Go(func() { farewell(p.conn) })
}
