//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/fanfold/fanfold/internal/faultproxy"
	"github.com/fanfold/fanfold/internal/proctree"
)

// worker is a worker of a cluster, and how it gets to the coordinator.
type worker struct {
	*process // nil: it does not run
	cluster  *cluster
	name     string
	host     host              // where it runs
	proxy    *faultproxy.Proxy // between it and the coordinator; nil: none
	slots    int
}

// certificate is the folder with the worker's certificate.
func (w *worker) certificate() string { return w.cluster.site.certs(w.name) }

func (w *worker) work() string { return filepath.Join(w.cluster.dir, w.name) }

// workerName is that of the i-th worker of a cluster, counted from 1.
func workerName(i int) string { return "worker" + strconv.Itoa(i) }

// addWorker prepares the next worker of a cluster; it does not run yet.
func (c *cluster) addWorker(set settings) (*worker, error) {
	i := len(c.workers) + 1
	w := &worker{cluster: c, name: workerName(i), slots: 1}
	if c.network != nil {
		w.host = c.network.hosts[i]
	}
	if set.proxied {
		proxy, err := startProxy(c.tcp)
		if err != nil {
			return nil, err
		}
		w.proxy = proxy
	}
	c.workers = append(c.workers, w)
	return w, os.Mkdir(w.work(), 0o700)
}

// start starts the worker, for the first time or again.
func (w *worker) start() (err error) {
	to := w.cluster.tcp
	if w.proxy != nil {
		to = w.proxy.Addr().String()
	}
	w.process, err = w.cluster.site.start(w.host, w.name, "worker", "--join", to,
		"--tls-dir", w.certificate(), "--slots", strconv.Itoa(w.slots), "--work-dir", w.work())
	return err
}

// tree are the worker and all that it has started.
func (w *worker) tree() []int { return append(proctree.Descendants(w.pid()), w.pid()) }

// close ends the worker and its proxy.
func (w *worker) close() (err error) {
	if w.process != nil {
		err = w.stop()
	}
	if w.proxy != nil {
		w.proxy.Close()
	}
	return err
}

// someWorker chooses a worker.
func (r *run) someWorker() *worker { return r.workers[r.rng.IntN(len(r.workers))] }

// awaitWorkers waits until the coordinator knows so many workers.
func (c *cluster) awaitWorkers(ctx context.Context, n int) error {
	err := await(ctx, func() (bool, error) {
		stats, err := c.stats(ctx)
		return stats["fanfold_workers"] == int64(n), err
	})
	if err != nil {
		return fmt.Errorf("the coordinator does not have %d workers: %w", n, err)
	}
	return nil
}
