// Command stream drives Fanfold's dispatch for the benchmarks, as bench/peers/dispatch drives that
// of others: it starts a coordinator with two task processes, sends tasks over TCP, and prints one
// JSON object of what that took. Each task is answered with its first 8 bytes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

const (
	slots       = 2
	answerBytes = 8
	startMax    = 10 * time.Second
)

// load is what is to be sent: so many tasks, at most depth of them unanswered at a time.
type load struct {
	tasks, depth, payload int
	keys                  int // different keys; 0: none
}

// figures are what is printed; see bench/peers/dispatch.
type figures struct {
	Tasks     int     `json:"tasks"`
	Seconds   float64 `json:"seconds"`
	P50Micros float64 `json:"p50_us"`
	P99Micros float64 `json:"p99_us"`
	CPUMicros float64 `json:"server_cpu_us"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "stream:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var l load
	program := flag.String("fanfold", "fanfold", "`path` of the program under test")
	flag.IntVar(&l.tasks, "tasks", 100000, "`number` of tasks")
	flag.IntVar(&l.depth, "depth", 4096, "tasks that are not answered at a time")
	flag.IntVar(&l.payload, "payload", 64, "`bytes` of a task")
	flag.IntVar(&l.keys, "keys", 0, "`number` of keys; 0: tasks have none")
	socket := flag.Bool("socket", false, "use the Unix socket instead of TCP")
	flag.Parse()
	if l.tasks < 1 || l.depth < 1 || l.payload < 0 {
		return errors.New("want a task and a depth of one at least")
	}
	dir, err := os.MkdirTemp("", "stream-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, cfg, err := start(ctx, *program, dir)
	if err != nil {
		return err
	}
	defer func() {
		_ = server.Process.Signal(syscall.SIGINT) // or it has ended
		err = errors.Join(err, ended(server.Wait()))
	}()
	if *socket {
		cfg = client.Config{Address: filepath.Join(dir, "socket")}
	}
	c, err := dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	f, err := measure(ctx, c, server.Process.Pid, l)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// ended is nil for a server that ended because it was interrupted.
func ended(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 128+int(syscall.SIGINT) {
		return nil
	}
	return err
}

// start starts a coordinator with its state in dir.
func start(ctx context.Context, program, dir string) (*exec.Cmd, client.Config, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, client.Config{}, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, client.Config{}, err
	}
	cmd := exec.CommandContext(ctx, program, "coordinator", "--listen", address,
		"--slots", strconv.Itoa(slots), "--state-dir", dir)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	return cmd, client.Config{Address: address, TokenFile: filepath.Join(dir, "token")}, cmd.Start()
}

// dial connects as soon as the coordinator listens.
func dial(ctx context.Context, cfg client.Config) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := client.Dial(ctx, cfg)
		if fanfold.KindOf(err) != fanfold.KindUnreachable {
			return c, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// measure sends the load twice: a tenth of it to warm up, and all of it.
func measure(ctx context.Context, c *client.Client, pid int, l load) (f figures, err error) {
	s, err := c.Open(ctx, client.StreamSpec{Job: fanfold.Job{
		Program: "echo", Params: map[string]string{"bytes": strconv.Itoa(answerBytes)},
	}})
	if err != nil {
		return f, err
	}
	defer s.Close()
	warm := l
	warm.tasks = max(1, l.tasks/10)
	if _, err := send(ctx, s, warm); err != nil {
		return f, fmt.Errorf("warm up: %w", err)
	}
	before, begin := cpuOf(pid), time.Now()
	times, err := send(ctx, s, l)
	if err != nil {
		return f, err
	}
	f.Tasks, f.Seconds = l.tasks, time.Since(begin).Seconds()
	f.CPUMicros = float64((cpuOf(pid) - before).Nanoseconds()) / 1e3 / float64(l.tasks)
	if len(times) > 0 {
		slices.Sort(times)
		f.P50Micros = float64(times[len(times)/2].Nanoseconds()) / 1e3
		f.P99Micros = float64(times[len(times)*99/100].Nanoseconds()) / 1e3
	}
	return f, nil
}

// send sends all tasks and takes all answers. With a depth of one it gives the times.
func send(ctx context.Context, s *client.Stream, l load) (times []time.Duration, err error) {
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

// cpuOf is the CPU time that a process has had; without one it is 0.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	return time.Duration(user+system) * tick
}
