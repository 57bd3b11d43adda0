package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fanfold/fanfold/client"
)

const (
	queuedMax  = time.Minute            // for all tasks to have arrived
	drainedMax = 20 * time.Second       // for memory to be given back
	lookPause  = 100 * time.Millisecond // between two looks at it
	stillMax   = 15                     // looks in which it has not moved
)

// measureQueued sends tasks to a coordinator without a task process, and looks at its memory: when
// all are there, and when they were cancelled and no more is given back.
func measureQueued(ctx context.Context, r *run) (f figures, err error) {
	s, err := r.open(ctx)
	if err != nil {
		return f, err
	}
	defer s.Close()
	pid := r.server.Process.Pid
	before, cpu, begin := memoryOf(pid), cpuOf(pid), time.Now()
	task := client.Task{Data: make([]byte, r.payload)}
	limited, stop := context.WithTimeout(ctx, queuedMax)
	defer stop()
	for i := range r.tasks {
		if _, err := s.Send(limited, task); err != nil {
			return f, fmt.Errorf("task %d: %w", i, err)
		}
	}
	s.Flush()
	most := settled(ctx, pid, func(now, last int64) bool { return now > last })
	f.Tasks, f.Seconds = r.tasks, time.Since(begin).Seconds()
	f.CPUMicros = micros(cpuOf(pid)-cpu) / float64(r.tasks)
	f.BytesEach = float64(most-before) / float64(r.tasks)
	if err := s.Cancel(0); err != nil {
		return f, err
	}
	if _, _, err := s.Wait(); err == nil {
		return f, fmt.Errorf("a stream that was cancelled has succeeded")
	}
	left := settled(ctx, pid, func(now, last int64) bool { return now < last-1<<20 })
	f.BytesLeft = max(0, float64(left-before)) / float64(r.tasks)
	return f, nil
}

// settled is the memory of a process when it has not moved for a while, or drainedMax has passed.
func settled(ctx context.Context, pid int, moves func(now, last int64) bool) int64 {
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	last, still := memoryOf(pid), 0
	for begin := time.Now(); still < stillMax && time.Since(begin) < drainedMax; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last
		}
		now := memoryOf(pid)
		if still++; moves(now, last) {
			last, still = now, 0
		}
	}
	return last
}
