package worker

import (
	"context"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// relayTime is how long a task process and the coordinator may take to shake hands.
const relayTime = 10 * time.Second

// relay takes the connection of a slot's process to a coordinator that is elsewhere, on a
// connection of its own, until either ends or ctx does. The agent shakes hands on both sides, and
// says itself which slot the process is of; then it looks at nothing.
func (a *Agent) relay(ctx context.Context, slot fanfold.Slot, near *protocol.Conn) error {
	shaking, done := context.WithTimeout(ctx, relayTime)
	defer done()
	far, token, err := a.cfg.Dial(shaking)
	if err != nil {
		return err
	}
	_, _, err = protocol.Accept(shaking, near, protocol.AcceptConfig{
		Identity: &protocol.Identity{Name: a.cfg.Name},
		Roles:    []protocol.Role{protocol.RoleProcess},
		Hello:    protocol.Hello{Product: a.cfg.Product},
		Welcome: func(ours protocol.Hello, _ protocol.Identity) (protocol.Welcome, error) {
			ours.Name, ours.Slots, ours.Product = a.cfg.Name, []uint32{uint32(slot)}, a.cfg.Product
			_, w, err := protocol.Connect(shaking, far, ours, token)
			return w, err
		},
	})
	if err != nil {
		_ = far.Close()
		return err
	}
	protocol.Relay(ctx, near, far)
	return nil
}
