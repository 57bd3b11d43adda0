package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// open opens a stream of echoes.
func (r *run) open(ctx context.Context) (*client.Stream, error) {
	job := fanfold.Job{
		Program: "echo", Params: map[string]string{"bytes": strconv.Itoa(answerBytes)},
	}
	if r.mapper != "" {
		job = fanfold.Job{Program: fanfold.CommandProgram, Command: &fanfold.Command{
			Mapper: strings.Fields(r.mapper), Feed: fanfold.FeedPipelined,
		}}
	}
	return r.client.Open(ctx, client.StreamSpec{Job: job})
}

// measureTasks sends the load twice: a tenth of it to warm up, and all of it.
func measureTasks(ctx context.Context, r *run) (f figures, err error) {
	s, err := r.open(ctx)
	if err != nil {
		return f, err
	}
	defer s.Close()
	warm := r.load
	warm.tasks = max(1, r.tasks/10)
	if _, err := warm.send(ctx, s); err != nil {
		return f, fmt.Errorf("warm up: %w", err)
	}
	pid := r.server.Process.Pid
	before, begin := cpuOf(pid), time.Now()
	times, err := r.send(ctx, s)
	if err != nil {
		return f, err
	}
	f.Tasks, f.Seconds = r.tasks, time.Since(begin).Seconds()
	f.CPUMicros = micros(cpuOf(pid)-before) / float64(r.tasks)
	f.take(times)
	return f, nil
}

// take has the figures tell of times.
func (f *figures) take(times []time.Duration) {
	if len(times) == 0 {
		return
	}
	slices.Sort(times)
	f.P50Micros = micros(times[len(times)/2])
	f.P99Micros = micros(times[len(times)*99/100])
	f.MaxMicros = micros(times[len(times)-1])
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// send sends all tasks and takes all answers. With a depth of one it gives the times.
func (l load) send(ctx context.Context, s *client.Stream) (times []time.Duration, err error) {
	task := client.Task{Data: make([]byte, l.payload)}
	want := min(l.payload, answerBytes)
	if l.depth == 1 {
		for i := range l.tasks {
			l.key(&task, i)
			begin := time.Now()
			r, err := s.Call(ctx, task)
			if err := judge(&r, want, err); err != nil {
				return nil, err
			}
			times = append(times, time.Since(begin))
		}
		return times, nil
	}
	sent, failed := make(chan struct{}, l.depth), make(chan error, 1)
	go func() {
		for i := range l.tasks {
			sent <- struct{}{}
			l.key(&task, i)
			if _, err := s.Send(ctx, task); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	for range l.tasks {
		r, err := s.Recv(ctx)
		if err := judge(r, want, err); err != nil {
			return nil, err
		}
		<-sent
	}
	return nil, <-failed
}

// key gives a task its key.
func (l load) key(t *client.Task, i int) {
	if l.keys > 0 {
		t.Key = strconv.AppendInt(t.Key[:0], int64(i%l.keys), 10)
	}
}

// judge checks a result.
func judge(r *client.Result, want int, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case r.State != fanfold.Succeeded:
		return fmt.Errorf("task %d %s: %w", r.Tag, r.State, r.Err)
	case len(r.Data) != want:
		return fmt.Errorf("task %d: a result of %d bytes, want %d", r.Tag, len(r.Data), want)
	}
	return nil
}
