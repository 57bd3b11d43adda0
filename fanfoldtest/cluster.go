package fanfoldtest

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// DefaultSlots is the number of slots of a Cluster.
const DefaultSlots = 2

// noRacePause spares task processes with the race detector in them the second that it waits at
// their exit.
const noRacePause = "GORACE=atexit_sleep_ms=0"

// Config describes a Cluster. The zero value of each field means its default.
type Config struct {
	Programs []fanfold.Program
	Slots    int // DefaultSlots

	// Processes runs attempts in task processes instead of goroutines. The test's TestMain must
	// call Main, with the same programs.
	Processes bool

	Memory   int64              // bytes for the buffers of an attempt
	TasksMax int                // attempts after which a task process is replaced
	Limits   coordinator.Limits // of the coordinator
	Log      hclog.Logger       // of coordinator and worker; nil: thrown away
}

// Cluster is a coordinator with one worker and one client. It ends with its test, which fails when
// something is left of it then.
type Cluster struct {
	t      testing.TB
	server *coordinator.Server
	agent  *worker.Agent
	client *client.Client
	root   string // of the agent's directory

	stop       context.CancelFunc // ends the agent
	agentEnded chan error         // what its Run returned
	attached   sync.WaitGroup     // connections to the server
}

// Start starts a Cluster.
func Start(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	infos := map[string]protocol.ProgramInfo{}
	for i := range cfg.Programs {
		infos[cfg.Programs[i].Name] = protocol.InfoOf(&cfg.Programs[i])
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Cluster{
		t: t, root: filepath.Join(t.TempDir(), "work"), stop: stop,
		agentEnded: make(chan error, 1),
		server: coordinator.New(coordinator.Config{
			Storage: files(), Programs: infos, SpoolDir: t.TempDir(), Limits: cfg.Limits,
			Log: cfg.Log,
		}),
	}
	t.Cleanup(c.close)
	if err := c.startAgent(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	var err error
	c.client, err = client.New(t.Context(), c.attach("test", protocol.RoleClient), client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cluster) startAgent(ctx context.Context, cfg Config) (err error) {
	w := worker.Config{
		Name: "test", Slots: cmp.Or(cfg.Slots, DefaultSlots), Root: c.root,
		Memory: cfg.Memory, TasksMax: cfg.TasksMax, Log: cfg.Log,
		SkipHash: true, Env: []string{noRacePause},
		Attach: func(_ fanfold.Slot, conn *protocol.Conn) {
			// How a process ends is what some tests are about.
			_ = c.server.Attach(ctx, conn, identity("test", protocol.RoleProcess))
		},
	}
	if !cfg.Processes {
		w.Inside = &worker.Inside{Programs: cfg.Programs, Storage: files(), Log: c.t.Output()}
	}
	if c.agent, err = worker.New(w); err != nil {
		return err
	}
	control := c.attach("test", protocol.RoleWorker)
	go func() { c.agentEnded <- c.agent.Run(ctx, control) }()
	return nil
}

// attach connects somebody to the server.
func (c *Cluster) attach(name string, role protocol.Role) *protocol.Conn {
	ours, theirs := protocol.Pair()
	c.attached.Go(func() {
		// The end of a connection is for its other side to judge.
		_ = c.server.Attach(context.Background(), ours, identity(name, role))
	})
	return theirs
}

func identity(name string, role protocol.Role) protocol.Identity {
	return protocol.Identity{Name: name, UID: os.Getuid(), Roles: []protocol.Role{role}}
}

// close ends all in the order in which users do, and looks at what is left.
func (c *Cluster) close() {
	if c.client != nil {
		_ = c.client.Close() // whether the connection was lost has shown by now
	}
	c.stop()
	if c.agent != nil {
		if err := <-c.agentEnded; err != nil {
			c.t.Errorf("the worker ended: %v", err)
		}
	}
	if err := c.server.Close(); err != nil {
		c.t.Errorf("close the coordinator: %v", err)
	}
	c.attached.Wait()
	left, err := filepath.Glob(filepath.Join(c.root, "*-*"))
	if err != nil || len(left) > 0 {
		c.t.Errorf("the worker left %v, %v", left, err)
	}
}

// Client is a connection to the coordinator, which the Cluster closes.
func (c *Cluster) Client() *client.Client { return c.client }

// Connect makes another connection to the coordinator, which the caller closes.
func (c *Cluster) Connect() *client.Client {
	c.t.Helper()
	conn := c.attach("test", protocol.RoleClient)
	another, err := client.New(c.t.Context(), conn, client.Config{})
	if err != nil {
		c.t.Fatal(err)
	}
	return another
}

// PIDs are the ids of the task processes by slot; 0 where none runs just now.
func (c *Cluster) PIDs() []int { return c.agent.PIDs() }

// Kill sends a signal to the task process of a slot.
func (c *Cluster) Kill(slot fanfold.Slot, signal syscall.Signal) error {
	pid := c.agent.PIDs()[slot]
	if pid == 0 {
		return syscall.ESRCH
	}
	return syscall.Kill(pid, signal)
}
