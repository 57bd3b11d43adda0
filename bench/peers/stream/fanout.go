package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/cli"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/jobs"
	"github.com/fanfold/fanfold/protocol"
)

// lengths answers each task with its length, and makes the sum of all of them at the end.
var lengths = fanfold.Program{
	Name: "lengths", Doc: "sum up the lengths of tasks", Fold: fanfold.Sum, Associative: true,
	Handle: func(*fanfold.Task) (fanfold.Handler, error) { return length{}, nil },
}

type length struct{}

// Handle writes the length in decimal digits.
func (length) Handle(_ context.Context, in []byte, reply *fanfold.Reply) error {
	var digits [20]byte
	_, err := reply.Write(strconv.AppendInt(digits[:0], int64(len(in)), 10))
	return err
}

// serve is Fanfold with lengths: a coordinator, or one of its task processes.
func serve() {
	cli.Main(append([]fanfold.Program{lengths}, jobs.All...)...)
	os.Exit(0)
}

// measureFanout opens a stream, has depth tasks called at once, and takes what the reducer makes of
// the results; again and again, until all tasks are called. Times are those of a whole round.
func measureFanout(ctx context.Context, r *run) (f figures, err error) {
	var times []time.Duration
	tasks := make([]client.Task, r.depth)
	for i := range tasks {
		tasks[i].Data = make([]byte, r.payload)
	}
	pid := r.server.Process.Pid
	if err := r.fanOut(ctx, tasks); err != nil { // to warm up
		return f, err
	}
	before, begin := cpuOf(pid), time.Now()
	for range r.tasks / r.depth {
		one := time.Now()
		if err := r.fanOut(ctx, tasks); err != nil {
			return f, err
		}
		times = append(times, time.Since(one))
	}
	f.Tasks, f.Seconds = len(times)*r.depth, time.Since(begin).Seconds()
	f.CPUMicros = micros(cpuOf(pid)-before) / float64(f.Tasks)
	f.take(times)
	return f, nil
}

func (r *run) fanOut(ctx context.Context, tasks []client.Task) error {
	s, err := r.client.Open(ctx, client.StreamSpec{
		Job: fanfold.Job{Program: lengths.Name}, Info: protocol.InfoOf(&lengths),
		Open: protocol.OpenSpec{Reduce: true},
	})
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.CallAll(ctx, tasks)
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].State != fanfold.Succeeded {
			return fmt.Errorf("task %d %s: %w", i, list[i].State, list[i].Err)
		}
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	sum, _, err := s.Wait()
	if want := strconv.Itoa(len(tasks) * r.payload); err == nil && string(sum) != want {
		err = fmt.Errorf("the sum of the results is %q, want %s", sum, want)
	}
	return err
}
