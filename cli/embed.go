package cli

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// localName is the name of the worker that lives in the coordinator's process.
const localName = "local"

// endGrace is how long tasks that are asked to end at the end of the process may take.
const endGrace = time.Second

// localFlags describe the worker in this process.
type localFlags struct {
	slots   int
	memory  size
	workDir string
	isolate isolate

	taskMemory    size
	taskProcesses int

	segments *worker.Segments // nil: it needs no other worker's
}

// node is a coordinator with a worker of its own in this process: the whole of Fanfold.
type node struct {
	server *coordinator.Server
	stop   context.CancelFunc // ends the worker
	agent  sync.WaitGroup
	failed error // why the worker ended; valid after agent.Wait
}

// startNode starts a coordinator, and a worker if it has slots.
func (a *app) startNode(cfg coordinator.Config, local localFlags) (*node, error) {
	log := a.logger()
	cfg.Product, cfg.Storage, cfg.Programs = product, a.files, a.infos()
	cfg.SpoolDir, cfg.Slots, cfg.Log = local.workDir, local.slots, log.Named("coordinator")
	n := &node{server: coordinator.New(cfg), stop: func() {}}
	if local.slots == 0 {
		return n, nil
	}
	who := protocol.Identity{Name: localName, UID: os.Getuid(),
		Roles: []protocol.Role{protocol.RoleWorker, protocol.RoleProcess}}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	serve := func(c *protocol.Conn) {
		if err := n.server.Attach(ctx, c, who); err != nil {
			log.Debug("connection ended", "error", err)
		}
	}
	agent, err := worker.New(worker.Config{
		Name: localName, Slots: local.slots, Root: local.workDir, Memory: int64(local.memory),
		Attach:  func(_ fanfold.Slot, c *protocol.Conn) { serve(c) },
		Allow:   worker.AllowAny, // only our own uid gets in
		Product: product, Grace: endGrace,
		Isolation: local.isolate.wanted(),
		Ceiling: worker.Ceiling{
			Memory: int64(local.taskMemory), Processes: local.taskProcesses,
		},
		Log: log.Named("worker"), Segments: local.segments,
	})
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	ours, theirs := protocol.Pair()
	n.agent.Go(func() { serve(ours) })
	n.agent.Go(func() { n.failed = agent.Run(ctx, theirs) })
	return n, nil
}

// client connects to the node's coordinator without leaving the process.
func (n *node) client(ctx context.Context) (*client.Client, error) {
	ours, theirs := protocol.Pair()
	who := protocol.Identity{Name: "run", UID: os.Getuid(),
		Roles: []protocol.Role{protocol.RoleClient}}
	n.agent.Go(func() { _ = n.server.Attach(context.Background(), ours, who) })
	return client.New(ctx, theirs, client.Config{Product: product})
}

// close cancels what still runs, ends the task processes and waits until all is gone.
func (n *node) close() error {
	err := n.server.Close()
	n.stop()
	n.agent.Wait()
	return errors.Join(err, n.failed)
}

func (a *app) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Name: "fanfold", Level: hclog.LevelFromString(a.logLevel.value), Output: a.stderr,
		DisableTime: true,
	})
}

// validate checks the flags of the worker in this process.
func (l *localFlags) validate() error {
	if l.slots < 0 {
		return usagef("", "--slots %d: want a number of task processes", l.slots)
	}
	return nil
}

// defaultSlots is one task process for each processor.
func defaultSlots() int { return runtime.NumCPU() }
