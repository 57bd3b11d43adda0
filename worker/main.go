package worker

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/worker/process"
)

const (
	leaveGrace = 200 * time.Millisecond // for user code to see that its context has ended
	byeTimeout = 5 * time.Second        // for the last results to be written
)

// MainConfig describes a task process.
type MainConfig struct {
	Name     string       // of the worker that the slot belongs to
	Slot     fanfold.Slot // index within the worker
	Dir      string       // the worker's directory: paths on the wire are relative to it
	Image    []byte       // SHA-256 of this binary; none: it is the worker's own
	Allow    Allow        // what commands it may run
	Storage  *storage.Mux // where inputs are read and outputs are written
	Memory   int64        // bytes for an attempt's buffers when the job does not say; 0: DefaultMemory
	Self     string       // the path of this process's binary, which Entry is called in; "": unknown
	TasksMax int          // attempts and calls after which Main retires; 0: no limit
	Log      io.Writer    // what the attempts print by way of Task.Log; nil: discarded

	// Mark is called, if set, when an attempt begins and when it has ended. The calls of an open
	// job count as one attempt, that of the first of them.
	Mark func(id fanfold.AttemptID, begin bool)
	// Budget is called, if set, before an attempt whose buffers may hold another number of bytes
	// than those of the attempt before.
	Budget func(bytes int64)
}

// Main is the body of a task process. It shakes hands on c, runs the attempts and calls that come,
// one at a time, and returns nil after TasksMax of them (but not while it holds the state of
// shards), when it is told to retire, when c ends, or when ctx does; c is closed then.
// User code that goes on for long although its context has ended is not waited for. Programs are
// found by name; the program "command" is always there.
func Main(ctx context.Context, c *protocol.Conn, programs []fanfold.Program, cfg MainConfig) error {
	defer c.Close()
	cfg.Memory = cmp.Or(cfg.Memory, DefaultMemory)
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	hello := protocol.Hello{
		Role: uint8(protocol.RoleProcess), Name: cfg.Name, Dir: cfg.Dir,
		Slots: []uint32{uint32(cfg.Slot)}, Image: cfg.Image, PID: uint32(process.ID()),
	}
	if _, _, err := protocol.Connect(ctx, c, hello, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in := newInbox(cfg.Dir, programs, cfg.Allow)
	x := newExecutor(ctx, c, in, cfg)
	x.start()
	var err error
	select {
	case err = <-x.lost:
		cancel(errLeft)
		if err != nil {
			complain(c, err)
		}
		_ = c.Close()
	case err = <-x.ended:
		err = errors.Join(err, leave(c))
	case <-ctx.Done():
		_ = c.Close()
	}
	grace := time.NewTimer(leaveGrace)
	defer grace.Stop()
	select {
	case <-x.gone:
	case <-grace.C:
	}
	return err
}

// leave writes the last results and closes c.
func leave(c *protocol.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), byeTimeout)
	defer cancel()
	return c.Shutdown(ctx)
}

// complain tells the coordinator why it is left, where the connection still serves for that.
func complain(c *protocol.Conn, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveGrace)
	defer cancel()
	_ = c.Fail(ctx, err)
}
