package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/fanfold/fanfold/client"
)

const (
	kills       = 20
	recoverMax  = 10 * time.Second       // for another process to have come
	loadedFor   = 100 * time.Millisecond // under load before each kill
	recoverLook = time.Millisecond
)

// measureRecovery kills a task process again and again while depth tasks are on their way, and
// measures how long it takes from there until all tasks are answered that were sent before.
func measureRecovery(ctx context.Context, r *run) (f figures, err error) {
	s, err := r.open(ctx)
	if err != nil {
		return f, err
	}
	defer s.Close()
	var times []time.Duration
	begin := time.Now()
	for range kills {
		if err := r.await(ctx, r.slots); err != nil {
			return f, err
		}
		took, sent, err := r.kill(ctx, s)
		if err != nil {
			return f, err
		}
		times = append(times, took)
		f.Tasks += sent
	}
	f.Seconds = time.Since(begin).Seconds()
	f.take(times)
	return f, nil
}

// await waits until there are so many task processes.
func (r *run) await(ctx context.Context, n int) error {
	tick := time.NewTicker(recoverLook)
	defer tick.Stop()
	for begin := time.Now(); len(taskProcesses(r.server.Process.Pid)) != n; {
		if time.Since(begin) > recoverMax {
			return errors.New("no other task process has come")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// kill keeps depth tasks on their way, kills a process, and stops as soon as all of them that were
// sent before it are answered.
func (r *run) kill(
	ctx context.Context, s *client.Stream,
) (took time.Duration, sent int, err error) {
	task := client.Task{Data: make([]byte, r.payload)}
	want := min(r.payload, answerBytes)
	old := map[uint64]bool{} // tags of what was sent before the kill and is not answered
	alive := true            // the process is
	var killed, at time.Time // at: of the last answer to one of these
	begin := time.Now()
	send := func() error {
		tag, err := s.Send(ctx, task)
		sent++
		if alive {
			old[tag] = true
		}
		return err
	}
	for range r.depth {
		if err := send(); err != nil {
			return 0, 0, err
		}
	}
	for open := r.depth; open > 0; {
		res, err := s.Recv(ctx)
		if err := judge(res, want, err); err != nil {
			return 0, 0, err
		}
		open--
		if old[res.Tag] {
			delete(old, res.Tag)
			if !alive && len(old) == 0 {
				at = time.Now()
			}
		}
		if alive && time.Since(begin) > loadedFor {
			pids := taskProcesses(r.server.Process.Pid)
			if len(pids) == 0 {
				return 0, 0, fmt.Errorf("no task process to kill")
			}
			alive, killed = false, time.Now()
			if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
				return 0, 0, err
			}
		}
		if at.IsZero() {
			if err := send(); err != nil {
				return 0, 0, err
			}
			open++
		}
	}
	return at.Sub(killed), sent, nil
}
