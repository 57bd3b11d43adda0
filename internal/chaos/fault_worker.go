//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/fanfold/fanfold/internal/faultproxy"
	"github.com/fanfold/fanfold/internal/proctree"
)

// lease is after which time a silent worker is lost.
const lease = 10 * time.Second

// workerJobs are those of programs that each worker has itself.
var workerJobs = []string{"wordcount", "sort", "stream"}

// workerFaults befall workers of their own, and their links.
var workerFaults = []fault{
	workerFault("kill-worker", "R13 R16", "SIGKILL to a worker, which comes back", settings{},
		func(ctx context.Context, r *run) error { return r.killWorkers(ctx, 1) }),
	workerFault("kill-one-of-eight", "R16", "SIGKILL to one worker of eight", settings{workers: 8},
		func(ctx context.Context, r *run) error { return r.killWorkers(ctx, 1) }),
	workerFault("kill-half", "R16", "SIGKILL to four workers of eight", settings{workers: 8},
		func(ctx context.Context, r *run) error { return r.killWorkers(ctx, 4) }),
	workerFault("stop-worker", "R15", "SIGSTOP to a worker and its tasks, for longer than the lease",
		settings{}, func(ctx context.Context, r *run) error {
			w := r.someWorker()
			return r.silence(ctx, w, w.name+" is stopped",
				func() error { return signalAll(w.tree(), syscall.SIGSTOP) },
				func() error { return signalAll(w.tree(), syscall.SIGCONT) })
		}),
	workerFault("late-worker", "X14", "a worker joins in the middle of the job", settings{},
		func(ctx context.Context, r *run) error { return r.joinLate(ctx) }),
	workerFault("drain-worker", "R21", "a worker is drained, and comes back", settings{},
		func(ctx context.Context, r *run) error { return r.drainWorker(ctx) }),
	workerFault("partition", "R22", "a worker's cable is pulled, for longer than the lease",
		settings{network: true}, func(ctx context.Context, r *run) error {
			w := r.someWorker()
			return r.silence(ctx, w, w.name+" is cut off",
				func() error { return r.network.unplug(w.host) },
				func() error { return r.network.plug(w.host) })
		}),
	workerFault("mute", "R23", "what a worker sends goes nowhere, for longer than the lease",
		settings{network: true}, func(ctx context.Context, r *run) error {
			w := r.someWorker()
			return r.silence(ctx, w, w.name+" is mute",
				func() error { return r.network.deafen(w.host, r.network.hosts[0]) },
				func() error { return r.network.undeafen(w.host, r.network.hosts[0]) })
		}),
	workerFault("deaf", "R23", "what is sent to a worker goes nowhere, for longer than the lease",
		settings{network: true}, func(ctx context.Context, r *run) error {
			w := r.someWorker()
			return r.silence(ctx, w, w.name+" is deaf",
				func() error { return r.network.deafen(r.network.hosts[0], w.host) },
				func() error { return r.network.undeafen(r.network.hosts[0], w.host) })
		}),
	workerFault("power-off", "R24", "a worker's host is gone from one moment to the next",
		settings{network: true},
		func(ctx context.Context, r *run) error { return r.powerOff(ctx) }),
	workerFault("slow-network", "R26", "all workers send 1 MB/s", settings{network: true},
		func(ctx context.Context, r *run) error { return r.slowNetwork(ctx) }),
	workerLink("worker-reset", "R22", "a worker's connection is aborted", faultproxy.Reset),
	workerLink("worker-cut", "R22", "a worker's connection is closed", faultproxy.Cut),
	workerLink("worker-flip", "R19", "a bit of a worker's connection is flipped", faultproxy.Flip),
	workerLink("worker-repeat", "R25", "bytes of a worker's connection come twice",
		faultproxy.Repeat),
	workerLink("worker-stall", "R20", "a worker's connection stands still for a while",
		faultproxy.Stall),
	workerLink("worker-slow", "R26", "200 ms round trip, 1 MiB/s to all workers", faultproxy.Delay,
		faultproxy.Throttle),
}

// workerFault is a fault for a cluster with workers.
func workerFault(
	name, rows, what string, needs settings, strike func(context.Context, *run) error,
) fault {
	needs.workers = max(needs.workers, 3)
	return fault{name: name, rows: rows, what: what, jobs: workerJobs, needs: needs,
		root: needs.network, alone: true, strike: strike}
}

// workerLink is a fault of the connections of one worker, or of all for what lasts.
func workerLink(name, rows, what string, actions ...faultproxy.Action) fault {
	return workerFault(name, rows, what, settings{proxied: true},
		func(ctx context.Context, r *run) error {
			hit := []*worker{r.someWorker()}
			if len(actions) > 1 {
				hit = r.workers
			}
			for _, w := range hit {
				if err := r.disturb(ctx, w.proxy, actions); err != nil {
					return err
				}
			}
			return nil
		})
}

// killWorkers kills some workers at once, and starts them again after a while.
func (r *run) killWorkers(ctx context.Context, n int) error {
	order := r.rng.Perm(len(r.workers))[:n]
	for _, i := range order {
		r.workers[i].kill()
	}
	if err := r.awaitWorkers(ctx, len(r.workers)-n); err != nil {
		return err
	}
	r.saw("%d of %d workers killed", n, len(r.workers))
	if err := rest(ctx, time.Duration(r.rng.IntN(int(time.Second)))); err != nil {
		return err
	}
	for _, i := range order {
		if err := r.workers[i].start(); err != nil {
			return err
		}
	}
	return r.awaitWorkers(ctx, len(r.workers))
}

// silence has nothing heard of a worker until it is lost, and then for a while.
func (r *run) silence(ctx context.Context, w *worker, what string, begin, end func() error) error {
	began, tasks := time.Now(), proctree.Descendants(w.pid())
	if err := begin(); err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	err := r.awaitWorkers(ctx, len(r.workers)-1)
	after := time.Since(began)
	if err == nil {
		err = rest(ctx, time.Duration(r.rng.IntN(int(2*time.Second))))
	}
	state, _ := statusOf(w.pid(), "State") // none: it was killed
	for _, pid := range tasks {
		if syscall.Kill(pid, 0) == nil && !strings.HasPrefix(state, "T") {
			err = errors.Join(err, fmt.Errorf("R22: process %d outlives the lease of %s", pid, w.name))
		}
	}
	if err := errors.Join(err, end()); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	r.saw("%s, seen after %s", what, after.Round(100*time.Millisecond))
	if after > lease+lease/2 {
		return fmt.Errorf("I8: %s: seen after %s only", what, after)
	}
	return r.awaitWorkers(ctx, len(r.workers))
}

// powerOff takes a worker's host off the network, with the worker.
func (r *run) powerOff(ctx context.Context) error {
	w := r.someWorker()
	return r.silence(ctx, w, w.name+" has no power",
		func() error {
			err := r.network.unplug(w.host)
			w.kill()
			return err
		},
		func() error {
			if err := r.network.plug(w.host); err != nil {
				return err
			}
			return w.start()
		})
}

// drainWorker drains a worker, from which no attempt may fail.
func (r *run) drainWorker(ctx context.Context) error {
	w := r.someWorker()
	drain, err := r.site.start(host{}, "drain", "worker", "drain", w.name, "--state-dir", r.state())
	if err != nil {
		return err
	}
	for _, p := range []*process{drain, w.process} {
		select {
		case <-p.ended:
		case <-time.After(patience):
			return fmt.Errorf("I8: %s does not end:\n%s\n%s", p.name, &p.log, &w.log)
		}
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			return fmt.Errorf("%s ended with %d:\n%s", p.name, code, &p.log)
		}
	}
	info, err := r.client.Job(ctx, r.work.id())
	if n := detours(&info); err != nil || n > 0 {
		return fmt.Errorf("R21: %d attempts have failed of a drain: %w", n, err)
	}
	r.saw("%s is drained", w.name)
	if err := w.start(); err != nil {
		return err
	}
	return r.awaitWorkers(ctx, len(r.workers))
}

// joinLate has a further worker join.
func (r *run) joinLate(ctx context.Context) error {
	w, err := r.addWorker(r.fault.needs)
	if err == nil {
		err = w.start()
	}
	if err != nil {
		return err
	}
	if err := r.awaitWorkers(ctx, len(r.workers)); err != nil {
		return err
	}
	r.slots += int64(w.slots)
	r.files += 1 + w.slots                   // its connection, and one of each slot
	return await(ctx, func() (bool, error) { // until it has done something
		workers, err := r.client.Workers(ctx)
		for _, info := range workers {
			if info.Name == w.name && info.Done > 0 {
				r.saw("%s joined, and has done %d tasks", w.name, info.Done)
				return true, nil
			}
		}
		return r.over(), err
	})
}

// slowNetwork throttles what the workers send.
func (r *run) slowNetwork(ctx context.Context) error {
	for _, w := range r.workers {
		if err := r.network.throttle(w.host, "8mbit"); err != nil {
			return err
		}
	}
	r.saw("all workers send 8 Mbit/s")
	return rest(ctx, time.Second)
}

func signalAll(pids []int, sig syscall.Signal) (err error) {
	for _, pid := range pids {
		if one := syscall.Kill(pid, sig); one != syscall.ESRCH && one != nil {
			err = one
		}
	}
	return err
}
