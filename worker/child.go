package worker

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/worker/process"
)

// child is what backs a slot: a task process, or a goroutine in its place.
type child interface {
	Conn() *protocol.Conn     // the agent's end
	PID() int                 // process id
	Kill(grace time.Duration) // asks it to end; does not wait
	Done() <-chan struct{}    // closed when it has ended
	Wait() process.Exit       // blocks until Done
	Tail(n int) []byte        // the last bytes that it printed
	Tree() []int              // its id, and those of all that it has started
}

var (
	_ child = (*process.Process)(nil)
	_ child = (*inside)(nil)
)

// Inside makes an Agent run attempts on goroutines of its own process instead of task processes:
// for tests, where coverage, debuggers and variables of the test are to reach user code. User code
// that takes the process down takes all of it, and code that ignores the end of its context is
// never ended.
type Inside struct {
	Programs []fanfold.Program
	Storage  *storage.Mux
	Log      io.Writer // what attempts print by way of Task.Log; nil: discarded
}

// inside is a task process that is a goroutine.
type inside struct {
	conn *protocol.Conn
	stop context.CancelFunc
	done chan struct{} // closed when Main has returned
	exit process.Exit  // set before done is closed
}

// start starts a Main.
func (i *Inside) start(cfg MainConfig) *inside {
	ours, theirs := protocol.Pair()
	ctx, stop := context.WithCancel(context.Background())
	c := &inside{conn: ours, stop: stop, done: make(chan struct{})}
	cfg.Storage, cfg.Log = i.Storage, i.Log
	go func() {
		defer close(c.done)
		c.exit.Words = "returned"
		if err := Main(ctx, theirs, i.Programs, cfg); err != nil && !errors.Is(err, context.Canceled) {
			c.exit = process.Exit{Code: fanfold.ExitFailed, Words: "ended: " + err.Error()}
		}
	}()
	return c
}

func (c *inside) Conn() *protocol.Conn  { return c.conn }
func (c *inside) PID() int              { return os.Getpid() }
func (c *inside) Kill(time.Duration)    { c.stop() }
func (c *inside) Done() <-chan struct{} { return c.done }
func (c *inside) Tail(int) []byte       { return nil }
func (c *inside) Tree() []int           { return nil } // it is no process

func (c *inside) Wait() process.Exit {
	<-c.done
	return c.exit
}
