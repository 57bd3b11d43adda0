//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// loopback is this host.
const loopback = "127.0.0.1"

// slotsOf is how many slots the coordinator has, where nothing else is said.
const slotsOf = 2

// settings say which cluster a run needs.
type settings struct {
	slots int   // of the coordinator; 0: slotsOf
	disk  int64 // size of the file system for intermediate data; 0: that of the site

	workers int  // of their own; then the coordinator has no slots
	network bool // each of them on a host of its own
	proxied bool // each of them behind a proxy
}

// cluster is a coordinator and what belongs to it.
type cluster struct {
	site        *site
	dir         string
	coordinator *process
	workers     []*worker
	network     *network       // nil: all is on this host
	at          string         // where clients connect
	tcp         string         // address of the coordinator's port
	admin       string         // address of its admin listener
	client      *client.Client // of who looks on
	slots       int64          // that it has when all is well
	files       int            // that the coordinator has open when nothing happens
}

// newCluster starts a cluster and waits until it serves.
func (s *site) newCluster(ctx context.Context, set settings) (_ *cluster, err error) {
	number := strconv.FormatInt(s.next.Add(1), 10)
	if set.workers == 0 {
		set.slots = cmp.Or(set.slots, slotsOf)
	}
	c := &cluster{site: s, dir: filepath.Join(s.dir, number)}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err := os.MkdirAll(c.work(), 0o700); err != nil {
		return nil, err
	}
	if set.disk > 0 {
		if err := mountSmall(c.work(), set.disk); err != nil {
			return nil, err
		}
	}
	if err := c.startAll(set); err != nil {
		return nil, err
	}
	if c.client, err = c.dial(ctx, c.at); err != nil {
		return nil, err
	}
	if err := c.awaitIdle(ctx); err != nil {
		return nil, err
	}
	c.files, err = openFiles(c.coordinator.pid())
	return c, err
}

// mountSmall mounts a file system with so many bytes, and few files for them.
func mountSmall(dir string, bytes int64) error {
	options := fmt.Sprintf("size=%d,nr_inodes=%d,mode=0700", bytes, bytes/smallDisk*smallNodes)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return nil
}

// startAll starts the coordinator and its workers.
func (c *cluster) startAll(set settings) (err error) {
	at := host{address: loopback}
	if set.network {
		name := filepath.Base(c.site.dir) + "-" + filepath.Base(c.dir)
		if c.network, err = newNetwork(name, set.workers+1); err != nil {
			return fmt.Errorf("make network: %w", err)
		}
		at = c.network.hosts[0]
	}
	if err := c.startCoordinator(at, set); err != nil {
		return err
	}
	c.slots = int64(set.slots)
	for range set.workers {
		w, err := c.addWorker(set)
		if err != nil {
			return err
		}
		if err := w.start(); err != nil {
			return err
		}
		c.slots += int64(w.slots)
	}
	return nil
}

// startCoordinator starts the coordinator on a host; clients on others get to it by its socket.
func (c *cluster) startCoordinator(at host, set settings) (err error) {
	c.coordinator, err = c.site.start(at, "coordinator", "coordinator",
		"--listen", at.address+":0", "--slots", strconv.Itoa(set.slots),
		"--tls-dir", c.site.certs("coordinator"), "--admin", loopback+":0",
		"--state-dir", c.state(), "--work-dir", c.work())
	if err != nil {
		return err
	}
	c.tcp, err = c.coordinator.await("listening on " + at.address + ":")
	if err != nil {
		return err
	}
	c.tcp = at.address + ":" + c.tcp
	c.at = c.tcp
	if c.network != nil {
		c.at = filepath.Join(c.state(), "coordinator.sock")
	}
	c.admin, err = c.coordinator.await("metrics on http://")
	c.admin = strings.TrimSuffix(c.admin, "/metrics")
	return err
}

func (c *cluster) state() string { return filepath.Join(c.dir, "state") }
func (c *cluster) work() string  { return filepath.Join(c.dir, "work") }

// dial connects to the coordinator, at its port or a proxy of that.
func (c *cluster) dial(ctx context.Context, address string) (*client.Client, error) {
	return client.Dial(ctx, client.Config{
		Address: address, TLS: c.site.keeper.Client(loopback, "coordinator"), Product: "chaos",
	})
}

// awaitIdle waits until all slots are there, and idle.
func (c *cluster) awaitIdle(ctx context.Context) error {
	var stats map[string]int64
	err := await(ctx, func() (ok bool, err error) {
		stats, err = c.stats(ctx)
		return stats["fanfold_slots_ready"] == c.slots && stats["fanfold_slots_busy"] == 0, err
	})
	if err != nil {
		return fmt.Errorf("I8: %d slots of %d are ready, and %d busy: %w",
			stats["fanfold_slots_ready"], c.slots, stats["fanfold_slots_busy"], err)
	}
	return nil
}

// stats are the coordinator's numbers by name.
func (c *cluster) stats(ctx context.Context) (map[string]int64, error) {
	list, err := c.client.Stats(ctx)
	byName := make(map[string]int64, len(list))
	for _, s := range list {
		byName[s.Name] = s.Value
	}
	return byName, err
}

// folders are those in which the cluster keeps what it needs while it runs.
func (c *cluster) folders() []string {
	all := []string{c.work(), c.state()}
	for _, w := range c.workers {
		all = append(all, w.work())
	}
	return all
}

// served are the processes of the cluster that serve.
func (c *cluster) served() []*process {
	all := []*process{c.coordinator}
	for _, w := range c.workers {
		all = append(all, w.process)
	}
	return all
}

// processes are the task processes of all workers.
func (c *cluster) processes(ctx context.Context) (pids []int, err error) {
	workers, err := c.client.Workers(ctx)
	for _, w := range workers {
		pids = append(pids, taskProcesses(w)...)
	}
	return pids, err
}

func taskProcesses(w protocol.WorkerInfo) (pids []int) {
	for _, pid := range w.Processes {
		if pid != 0 {
			pids = append(pids, int(pid))
		}
	}
	return pids
}

// close ends the cluster and checks that nothing of it is left.
func (c *cluster) close() error {
	var err error
	if c.client != nil {
		err = c.client.Close()
	}
	for _, w := range c.workers {
		err = errors.Join(err, w.close())
	}
	if c.coordinator != nil {
		err = errors.Join(err, c.coordinator.stop(), c.checkNothingLeft())
	}
	if c.network != nil {
		err = errors.Join(err, c.network.close())
	}
	return errors.Join(err, unmount(c.dir), os.RemoveAll(c.dir))
}

// tick is how often something is looked at that is waited for.
const tick = time.Millisecond

// await waits until done says true or an error.
func await(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	every := time.NewTicker(tick)
	defer every.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
