//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// run is one fault in one job.
type run struct {
	*cluster
	fault *fault
	kind  job
	seed  uint64
	rng   *rand.Rand // of the goroutine that strikes
	work  work
	reach dialer // how the job's client gets to the coordinator

	happened bool     // somebody has seen the fault
	said     []string // for people
}

func newRun(f *fault, kind job, seed uint64) *run {
	return &run{fault: f, kind: kind, seed: seed, rng: rand.New(rand.NewPCG(seed, 1))}
}

// saw notes that the fault has happened, and how that was seen.
func (r *run) saw(format string, args ...any) {
	r.happened = true
	r.say(format, args...)
}

func (r *run) say(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *run) told() string { return strings.Join(r.said, "; ") }

// perform does a run on a cluster of its own.
func (s *site) perform(ctx context.Context, r *run) (err error) {
	c, err := s.newCluster(ctx, r.fault.needs)
	if err != nil {
		return fmt.Errorf("start cluster: %w", err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return r.on(ctx, c)
}

// on does a run on a cluster, which is as before when it ends.
func (r *run) on(ctx context.Context, c *cluster) (err error) {
	r.cluster = c
	r.reach = func(ctx context.Context) (*client.Client, error) { return c.dial(ctx, c.at) }
	if r.work, err = r.kind.prepare(c.dir, r.seed, r.fault); err != nil {
		return fmt.Errorf("prepare job: %w", err)
	}
	if r.fault.before != nil {
		after, err := r.fault.before(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.fault.name, err)
		}
		defer after()
	}
	beside, err := c.lookOn(ctx)
	if err != nil {
		return err
	}
	err = r.strike(ctx)
	ping, lookErr := beside.stop()
	r.say("ping p99 %s", ping.Round(100*time.Microsecond))
	if err := errors.Join(err, lookErr); err != nil {
		return err
	}
	return r.check(ctx)
}

// strike runs the job and has the fault happen meanwhile.
func (r *run) strike(ctx context.Context) error {
	if err := r.work.start(ctx, r.reach); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	part := 0.1 + 0.5*r.rng.Float64()
	if r.fault.early {
		part = 0.02
	}
	if err := r.awaitPart(ctx, part); err != nil {
		return fmt.Errorf("before the fault: %w", err)
	}
	if err := r.fault.strike(ctx, r); err != nil {
		return fmt.Errorf("%s: %w", r.fault.name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.work.await(ctx)
}

// check looks for what the run has left, and for the traces of the fault.
func (r *run) check(ctx context.Context) error {
	info, err := r.client.Job(ctx, r.work.id())
	if err != nil {
		return fmt.Errorf("I3: the job that has ended: %w", err)
	}
	resident, memoryErr := r.checkMemory()
	r.say("%d MiB", resident>>20)
	if n := detours(&info); n > 0 {
		r.say("%d attempts failed or lost", n)
	}
	if slowest := r.work.slowest(); slowest > 0 {
		r.say("slowest answer %s", slowest.Round(100*time.Microsecond))
	}
	if n := r.work.again(); n > 0 {
		r.say("connected again %d times", n)
	}
	err = errors.Join(checkInfo(&info), memoryErr, r.awaitIdle(ctx), r.checkFiles(ctx))
	if err == nil && !r.happened {
		err = errors.New("I12: nobody saw that the fault has happened")
	}
	return err
}

// awaitPart waits until a part of the job is done, or it has ended.
func (r *run) awaitPart(ctx context.Context, part float64) error {
	return await(ctx, func() (bool, error) {
		info, err := r.client.Job(ctx, r.work.id())
		switch {
		case err != nil || r.over():
			return true, err
		case len(info.Tasks) > 0:
			return float64(info.Tasks[0].Succeeded) >= part*callersMax*callsMin, nil
		case len(info.Stages) == 0 || info.Stages[0].Total == 0:
			return false, nil
		}
		maps := info.Stages[0]
		return float64(maps.Succeeded) >= part*float64(maps.Total), nil
	})
}

// over reports whether the job has ended.
func (r *run) over() bool {
	select {
	case <-r.work.done():
		return true
	default:
		return false
	}
}

// detours are the attempts of a job that did not do well.
func detours(info *protocol.JobInfo) (n uint64) {
	for _, s := range info.Stages {
		n += uint64(s.Failures)
	}
	for _, t := range info.Tasks {
		n += t.Retried + t.Failed + t.Lost
	}
	return n
}

// awaitDetour waits until an attempt of the job is seen to have failed, or to be lost.
func (r *run) awaitDetour(ctx context.Context) error {
	return await(ctx, func() (bool, error) {
		info, err := r.client.Job(ctx, r.work.id())
		if err != nil {
			return false, err
		}
		n := detours(&info)
		if n > 0 {
			r.happened = true
		}
		return n > 0 || fanfold.State(info.State) >= fanfold.Succeeded, nil
	})
}
