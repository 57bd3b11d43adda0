package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/process"
)

// The defaults of an Agent.
const (
	DefaultTasksMax = 1_000_000       // attempts of one process, give or take a quarter
	DefaultGrace    = 2 * time.Second // from SIGTERM to SIGKILL when the agent ends

	DefaultProcessesMax = 4 // task processes of a slot, each of another image
)

// Config describes an Agent. Name, Slots, and Attach or Dial must be set; the zero value of each
// other field means its default.
type Config struct {
	Name  string // of the worker, unique at its coordinator
	Slots int    // attempts at a time, 1 to protocol.SlotsMax

	// Attach takes the agent's end of the connection to the process of a slot, on which nothing
	// has been said yet. It runs on a goroutine of its own and returns when the connection has
	// ended; Agent.Run waits for it. The worker's own handshake is over before the first call.
	Attach func(slot fanfold.Slot, c *protocol.Conn)

	// Dial opens a connection to the coordinator, for those of task processes where there is no
	// Attach, and for Join. The token is the one that proves the agent there; nil: the transport
	// does.
	Dial func(ctx context.Context) (c *protocol.Conn, token []byte, err error)

	// Token proves the agent on its control connection; nil: the transport does. Join sets it.
	Token []byte

	// Root is the folder that holds the directories of this user's agents. It must belong to the
	// user and be closed to everybody else; it is made when it does not exist. "": DefaultRoot().
	Root string

	Allow Allow // what jobs may have run

	// SkipHash says that no job will name this program's own image. It saves reading the binary
	// at start.
	SkipHash bool

	// Inside, if set, takes the place of task processes.
	Inside *Inside

	// ProcessesMax is how many task processes a slot may keep, each of another image, so that jobs of
	// different programs take turns without a start each time. One of them runs attempts; the least
	// recently used of the others goes first. The coordinator is told, and keeps to it. 0:
	// DefaultProcessesMax; 1: none waits.
	ProcessesMax int

	// Isolation has each task process run in a PID namespace of its own, where that is permitted:
	// nothing outlives it, and it sees no process of the host. nil: none does.
	Isolation *process.Isolation

	Ceiling Ceiling // of each task process and what it starts; zero: none

	// Leave, when it is closed, has the agent end what it has started and leave; nil: never. Run goes
	// on until the coordinator lets it go.
	Leave <-chan struct{}

	// Joined is called, if set, when the coordinator has let the agent in.
	Joined func(protocol.Welcome)

	Product  string    // of this program, for people; "": "fanfold"
	Segments *Segments // nil: none are exchanged, and all workers must see each other's files
	Labels   []string  // key=value, in order

	Memory   int64         // bytes for an attempt's buffers; 0: by the host's memory and Slots
	TasksMax int           // attempts after which a process is replaced; 0: DefaultTasksMax
	Grace    time.Duration // from SIGTERM to SIGKILL at the end; 0: DefaultGrace
	Env      []string      // name=value, added to the environment of the processes
	Log      hclog.Logger  // nil: nothing is logged
}

// complete checks c and fills in its defaults.
func (c *Config) complete() error {
	switch {
	case c.Name == "":
		return errors.New("worker without a name")
	case c.Slots < 1 || c.Slots > protocol.SlotsMax:
		return fmt.Errorf("%d slots: want 1 to %d", c.Slots, protocol.SlotsMax)
	case c.Attach == nil && c.Dial == nil:
		return errors.New("worker without Attach and Dial")
	case c.Memory < 0 || c.TasksMax < 0 || c.Grace < 0 || c.ProcessesMax < 0:
		return errors.New("negative limit of a worker")
	}
	if err := c.Ceiling.validate(); err != nil {
		return err
	}
	c.Root = cmp.Or(c.Root, DefaultRoot())
	c.Memory = cmp.Or(c.Memory, hostMemory(c.Slots))
	c.TasksMax = cmp.Or(c.TasksMax, DefaultTasksMax)
	c.Grace = cmp.Or(c.Grace, DefaultGrace)
	c.ProcessesMax = cmp.Or(c.ProcessesMax, DefaultProcessesMax)
	c.Product = cmp.Or(c.Product, "fanfold")
	c.Env = slices.Clone(c.Env)
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	return nil
}
