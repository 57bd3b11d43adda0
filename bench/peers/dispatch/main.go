// Command dispatch drives one of the task dispatchers that Fanfold is measured against: it starts
// the dispatcher and two workers, sends tasks, and prints one JSON object of what that took. It is
// a module of its own, so that Fanfold does not depend on the clients of its peers.
//
// The one idea needed to read it: a system is three functions, to start its server, to be one of
// its workers, and to send tasks. All workers do the same: they answer with the first 8 bytes.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// workers is how many processes answer tasks.
const workers = 2

// answerBytes is how much of a task its answer has.
const answerBytes = 8

func answer(task []byte) []byte { return task[:min(answerBytes, len(task))] }

// system is a dispatcher of tasks.
type system struct {
	server func(address, dir string) *exec.Cmd // nil: it has none, the workers are asked directly
	work   func(address string) error          // until the server is gone
	send   func(address string, l load) error
}

var systems = map[string]system{
	"gearmand":   {gearmanServer, gearmanWork, gearmanSend},
	"beanstalkd": {beanstalkServer, beanstalkWork, beanstalkSend},
	"nats":       {natsServer, natsWork, natsSend},
	"tcp-echo":   {nil, echoWork, echoSend},
	pipe:         {nil, pipeWork, pipeSend},
}

// load is what is to be sent: so many tasks, at most depth of them unanswered at a time. answered
// is called for each answer.
type load struct {
	tasks, depth int
	payload      []byte
	answered     func()
}

// figures are what is printed.
type figures struct {
	Tasks     int     `json:"tasks"`
	Seconds   float64 `json:"seconds"`
	P50Micros float64 `json:"p50_us"` // of one at a time
	P99Micros float64 `json:"p99_us"`
	CPUMicros float64 `json:"server_cpu_us"` // of the server, per task
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "dispatch:", err)
		os.Exit(1)
	}
}

func run() error {
	name := flag.String("system", "", "gearmand, beanstalkd, nats, tcp-echo or pipe")
	worker := flag.String("worker", "", "be a worker of the server at this `address`")
	tasks := flag.Int("tasks", 100000, "`number` of tasks")
	depth := flag.Int("depth", 4096, "tasks that are not answered at a time")
	size := flag.Int("payload", 64, "`bytes` of a task")
	flag.Parse()
	s, ok := systems[*name]
	switch {
	case !ok:
		return fmt.Errorf("no system %q", *name)
	case *worker != "":
		return s.work(*worker)
	case *tasks < 1 || *depth < 1 || *size < 0:
		return errors.New("want a task and a depth of one at least")
	}
	f, err := measure(*name, s, load{tasks: *tasks, depth: *depth, payload: make([]byte, *size)})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// measure starts a system, warms it up, and measures.
func measure(name string, s system, l load) (f figures, err error) {
	dir, err := os.MkdirTemp("", "dispatch-")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	address, err := freeAddress()
	if err != nil {
		return f, err
	}
	var all []*exec.Cmd
	defer func() {
		for _, c := range slices.Backward(all) {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	var server *exec.Cmd
	if s.server != nil {
		server = s.server(address, dir)
		if err := server.Start(); err != nil {
			return f, err
		}
		all = append(all, server)
		if err := reachable(address); err != nil {
			return f, err
		}
	}
	for range workers {
		if name == pipe {
			break // whoever sends starts it
		}
		c := exec.Command("/proc/self/exe", "-system", name, "-worker", address)
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			return f, err
		}
		all = append(all, c)
		if s.server == nil {
			break // one process has the address
		}
	}
	if name != pipe {
		if err := reachable(address); err != nil {
			return f, err
		}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		for _, c := range all {
			_ = c.Process.Kill()
		}
		os.Exit(1)
	}()
	return timed(s, address, server, l)
}

// timed sends the load twice: a tenth of it to warm up, and all of it.
func timed(s system, address string, server *exec.Cmd, l load) (f figures, err error) {
	warm := l
	warm.tasks, warm.answered = max(1, l.tasks/10), func() {}
	if err := s.send(address, warm); err != nil {
		return f, fmt.Errorf("warm up: %w", err)
	}
	times := make([]time.Duration, 0, l.tasks)
	before, begin := cpuOf(server), time.Now()
	last := begin
	l.answered = func() {
		if l.depth == 1 {
			now := time.Now()
			times = append(times, now.Sub(last))
			last = now
		}
	}
	if err := s.send(address, l); err != nil {
		return f, err
	}
	f.Tasks, f.Seconds = l.tasks, time.Since(begin).Seconds()
	f.CPUMicros = float64((cpuOf(server) - before).Microseconds()) / float64(l.tasks)
	if len(times) > 0 {
		slices.Sort(times)
		f.P50Micros = float64(times[len(times)/2].Nanoseconds()) / 1e3
		f.P99Micros = float64(times[len(times)*99/100].Nanoseconds()) / 1e3
	}
	return f, nil
}

// cpuOf is the CPU time that a running process has had; nil has had none.
func cpuOf(c *exec.Cmd) time.Duration {
	if c == nil {
		return 0
	}
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(c.Process.Pid), "stat"))
	if err != nil {
		return 0
	}
	var utime, stime int64
	fields := splitStat(string(text))
	if len(fields) > 14 {
		fmt.Sscan(fields[13], &utime)
		fmt.Sscan(fields[14], &stime)
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	return time.Duration(utime+stime) * tick
}

// freeAddress is a loopback address that nobody listened at a moment ago.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// reachable waits until somebody listens.
func reachable(address string) error {
	var err error
	for range 500 {
		var c net.Conn
		if c, err = net.Dial("tcp", address); err == nil {
			return c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}
