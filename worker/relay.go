package worker

import (
	"context"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

const (
	// relayTime is how long a task process may take until the coordinator has it, its turn to dial
	// and the dialTime of its own included.
	relayTime = time.Minute
	dialTime  = 10 * time.Second
	// dialsMax is how many connections of task processes shake hands at a time: the coordinator has
	// a limit for each host.
	dialsMax = 4
)

// relay takes the connection of a slot's process to a coordinator that is elsewhere, on a
// connection of its own, until either ends or ctx does. The agent shakes hands on both sides, and
// says itself which slot the process is of; then it looks at nothing.
func (a *Agent) relay(ctx context.Context, slot fanfold.Slot, near *protocol.Conn) error {
	shaking, done := context.WithTimeout(ctx, relayTime)
	defer done()
	var far *protocol.Conn
	_, _, err := protocol.Accept(shaking, near, protocol.AcceptConfig{
		Identity: &protocol.Identity{Name: a.cfg.Name},
		Roles:    []protocol.Role{protocol.RoleProcess},
		Hello:    protocol.Hello{Product: a.cfg.Product},
		Welcome: func(
			hello protocol.Hello, _ protocol.Identity,
		) (w protocol.Welcome, err error) {
			hello.Name, hello.Slots, hello.Product = a.cfg.Name, []uint32{uint32(slot)}, a.cfg.Product
			far, w, err = a.dial(shaking, hello)
			return w, err
		},
	})
	if err == nil {
		protocol.Relay(ctx, near, far)
	} else if far != nil {
		_ = far.Close()
	}
	return err
}

// dial connects to the coordinator for a process.
func (a *Agent) dial(
	ctx context.Context, hello protocol.Hello,
) (*protocol.Conn, protocol.Welcome, error) {
	select {
	case a.dials <- struct{}{}:
		defer func() { <-a.dials }()
	case <-ctx.Done():
		return nil, protocol.Welcome{}, context.Cause(ctx)
	}
	ctx, done := context.WithTimeout(ctx, dialTime)
	defer done()
	c, token, err := a.cfg.Dial(ctx)
	if err != nil {
		return nil, protocol.Welcome{}, err
	}
	_, w, err := protocol.Connect(ctx, c, hello, token)
	if err != nil {
		return nil, w, err // c is closed
	}
	return c, w, nil
}
