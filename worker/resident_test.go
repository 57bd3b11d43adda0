package worker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/process"
)

// stayer is a process that ends only when it is killed.
type stayer struct {
	conn *protocol.Conn
	done chan struct{}
}

func (s *stayer) Conn() *protocol.Conn  { return s.conn }
func (s *stayer) PID() int              { return 1 }
func (s *stayer) Kill(time.Duration)    { close(s.done) }
func (s *stayer) Done() <-chan struct{} { return s.done }
func (s *stayer) Tail(int) []byte       { return nil }
func (s *stayer) Tree() []int           { return nil }

func (s *stayer) Wait() process.Exit {
	<-s.done
	return process.Exit{}
}

func TestProcessThatStaysBehindItsConnectionIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := protocol.Pair()
		defer theirs.Close()
		a := &Agent{welcomed: make(chan struct{})}
		a.cfg.Attach = func(_ fanfold.Slot, c *protocol.Conn) { _ = c.Close() }
		close(a.welcomed)
		p := &stayer{ours, make(chan struct{})}
		newSlot(a, 0).attach(t.Context(), p)
		select {
		case <-p.done:
		default:
			t.Error("it has not been killed")
		}
	})
}
