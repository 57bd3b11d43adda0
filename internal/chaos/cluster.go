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
}

// cluster is a coordinator and what belongs to it.
type cluster struct {
	site        *site
	dir         string
	coordinator *process
	tcp         string         // address of the coordinator's port
	admin       string         // address of its admin listener
	client      *client.Client // of who looks on
	slots       int64          // that it has when all is well
	files       int            // that the coordinator has open when nothing happens
}

// newCluster starts a cluster and waits until it serves.
func (s *site) newCluster(ctx context.Context, set settings) (c *cluster, err error) {
	s.next++
	set.slots = cmp.Or(set.slots, slotsOf)
	c = &cluster{site: s, dir: filepath.Join(s.dir, strconv.Itoa(s.next))}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err := os.MkdirAll(c.work(), 0o700); err != nil {
		return nil, err
	}
	if set.disk > 0 {
		size := fmt.Sprintf("size=%d,nr_inodes=%d,mode=0700", set.disk, set.disk/smallDisk*smallNodes)
		if err := unix.Mount("tmpfs", c.work(), "tmpfs", 0, size); err != nil {
			return nil, fmt.Errorf("mount %s: %w", c.work(), err)
		}
	}
	if err := c.startCoordinator(set); err != nil {
		return nil, err
	}
	if c.client, err = c.dial(ctx, c.tcp); err != nil {
		return nil, err
	}
	c.slots = int64(set.slots)
	if err := c.awaitIdle(ctx); err != nil {
		return nil, err
	}
	c.files, err = openFiles(c.coordinator.pid())
	return c, err
}

func (c *cluster) startCoordinator(set settings) (err error) {
	c.coordinator, err = c.site.start(host{}, "coordinator", "coordinator",
		"--listen", loopback+":0", "--slots", strconv.Itoa(set.slots),
		"--tls-dir", c.site.certs("coordinator"), "--admin", loopback+":0",
		"--state-dir", c.state(), "--work-dir", c.work())
	if err != nil {
		return err
	}
	c.tcp, err = c.coordinator.await("listening on " + loopback + ":")
	if err != nil {
		return err
	}
	c.tcp = loopback + ":" + c.tcp
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

// served are the processes of the cluster that serve.
func (c *cluster) served() []*process { return []*process{c.coordinator} }

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
	if c.coordinator != nil {
		err = errors.Join(err, c.coordinator.stop(), c.checkNothingLeft())
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
