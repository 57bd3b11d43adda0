//go:build linux

package main

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/pause"
)

// stuckAfter is when an attempt that is stopped counts as hung.
const stuckAfter = time.Second

// processFaults befall task processes, and what is above and below them.
var processFaults = []fault{
	{
		name: "kill-task", rows: "R01 R02", what: "SIGKILL to a task process, up to five times",
		strike: func(ctx context.Context, r *run) error {
			return r.repeat(ctx, 1+r.rng.IntN(5), r.killTask)
		},
	},
	{
		name: "kill-all-tasks", rows: "R01 R16", what: "SIGKILL to all task processes at once",
		strike: func(ctx context.Context, r *run) error {
			pids, err := r.processes(ctx)
			for _, pid := range pids {
				r.kill(pid)
			}
			return err
		},
	},
	{
		name: "kill-shim", rows: "R10", what: "SIGKILL to what watches over a task process",
		strike: func(ctx context.Context, r *run) error {
			pid, err := r.someTask(ctx)
			if err != nil || pid == 0 {
				return err
			}
			shim, err := statusOf(pid, "PPid")
			if err != nil {
				return nil // it has gone
			}
			n, err := strconv.Atoi(shim)
			if err == nil && n > 1 {
				r.kill(n)
			}
			return err
		},
	},
	{
		name: "stop-task", rows: "R06", what: "SIGSTOP to a task process, for good",
		jobs:  []string{"wordcount", "sort", "command"},
		adapt: func(j *fanfold.Job) { j.ProgressTimeout = stuckAfter },
		strike: func(ctx context.Context, r *run) error {
			pid, err := r.someTask(ctx)
			if err != nil || pid == 0 {
				return err
			}
			if syscall.Kill(pid, syscall.SIGSTOP) != nil {
				return nil
			}
			return r.awaitDetour(ctx)
		},
	},
	{
		name: "stop-coordinator", rows: "R15", what: "SIGSTOP to the coordinator, and SIGCONT",
		strike: func(ctx context.Context, r *run) error {
			r.coordinator.signal(syscall.SIGSTOP)
			defer r.coordinator.signal(syscall.SIGCONT)
			err := await(ctx, func() (bool, error) {
				state, err := statusOf(r.coordinator.pid(), "State")
				return strings.HasPrefix(state, "T"), err
			})
			if err != nil {
				return err
			}
			pause := time.Duration(r.rng.IntN(int(time.Second)))
			r.saw("stopped for %s", pause.Round(time.Millisecond))
			return rest(ctx, pause)
		},
	},
}

// kill ends a process of the cluster, and has seen it when the process was there to be killed.
func (r *run) kill(pid int) {
	if syscall.Kill(pid, syscall.SIGKILL) == nil {
		r.saw("killed %d", pid)
	}
}

// killTask kills one of the task processes.
func (r *run) killTask(ctx context.Context) error {
	pid, err := r.someTask(ctx)
	if err == nil && pid != 0 {
		r.kill(pid)
	}
	return err
}

// someTask chooses one of the task processes; 0: there is none just now.
func (r *run) someTask(ctx context.Context) (int, error) {
	pids, err := r.processes(ctx)
	if len(pids) == 0 || err != nil {
		return 0, err
	}
	return pids[r.rng.IntN(len(pids))], nil
}

// repeat does something n times, at random times, as long as the job runs.
func (r *run) repeat(ctx context.Context, n int, do func(context.Context) error) error {
	for range n {
		if err := do(ctx); err != nil {
			return err
		}
		next := time.NewTimer(time.Duration(r.rng.IntN(int(200 * time.Millisecond))))
		defer next.Stop()
		select {
		case <-next.C:
		case <-r.work.done():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// rest waits for a time.
func rest(ctx context.Context, d time.Duration) error {
	pause.For(ctx, d)
	return context.Cause(ctx)
}
