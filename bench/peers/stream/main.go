// Command stream drives Fanfold's dispatch for the benchmarks, as bench/peers/dispatch drives that
// of others: it starts a coordinator with two task processes, sends tasks over TCP, and prints one
// JSON object of what that took. Each task is answered with its first 8 bytes.
//
// The one idea needed to read it: what is measured is a load, and what measures it is a function of
// a run; each kind of load has a file of its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

const (
	slotsUsual  = 2
	answerBytes = 8
	startMax    = 10 * time.Second
)

// load is what is to be sent: so many tasks, at most depth of them unanswered at a time.
type load struct {
	tasks, depth, payload int
	keys                  int    // different keys; 0: none
	slots                 int    // task processes
	clients               int    // that are connected and do nothing
	mapper                string // command that answers, pipelined; "": the program does
}

// figures are what is printed; see bench/peers/dispatch.
type figures struct {
	Tasks     int     `json:"tasks"`
	Seconds   float64 `json:"seconds"`
	P50Micros float64 `json:"p50_us"`
	P99Micros float64 `json:"p99_us"`
	MaxMicros float64 `json:"max_us,omitempty"`
	CPUMicros float64 `json:"server_cpu_us"`

	BytesEach float64 `json:"bytes_each,omitempty"` // memory of the server
	BytesLeft float64 `json:"bytes_left,omitempty"` // of these, when all is over
}

// run is one run of this program.
type run struct {
	load
	server *exec.Cmd
	cfg    client.Config
	client *client.Client
}

// kinds are the kinds of load.
var kinds = map[string]func(context.Context, *run) (figures, error){
	"tasks": measureTasks, "fanout": measureFanout, "queued": measureQueued,
	"recover": measureRecovery, "idle": measureIdle,
}

func main() {
	if len(os.Args) < 2 || !strings.HasPrefix(os.Args[1], "-") {
		serve() // it is the program under test itself
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := drive(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "stream:", err)
		os.Exit(1)
	}
}

func drive(ctx context.Context) (err error) {
	var r run
	program := flag.String("fanfold", "fanfold", "`path` of the program under test")
	kind := flag.String("kind", "tasks", "of load: tasks, fanout, queued, recover or idle")
	flag.IntVar(&r.tasks, "tasks", 100000, "`number` of tasks")
	flag.IntVar(&r.depth, "depth", 4096, "tasks that are not answered at a time")
	flag.IntVar(&r.payload, "payload", 64, "`bytes` of a task")
	flag.IntVar(&r.keys, "keys", 0, "`number` of keys; 0: tasks have none")
	flag.IntVar(&r.slots, "slots", slotsUsual, "`number` of task processes")
	flag.IntVar(&r.clients, "clients", 0, "`number` of idle clients")
	flag.StringVar(&r.mapper, "mapper", "", "`command` that answers each line with 8 bytes")
	socket := flag.Bool("socket", false, "use the Unix socket instead of TCP")
	flag.Parse()
	measure := kinds[*kind]
	switch {
	case measure == nil:
		return fmt.Errorf("no kind of load %q", *kind)
	case r.tasks < 1 || r.depth < 1 || r.payload < 0:
		return errors.New("want a task and a depth of one at least")
	}
	dir, err := os.MkdirTemp("", "stream-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if r.server, r.cfg, err = start(ctx, *program, dir, r.slots); err != nil {
		return err
	}
	defer func() {
		_ = r.server.Process.Signal(syscall.SIGINT) // or it has ended
		err = errors.Join(err, ended(r.server.Wait()))
	}()
	if *socket {
		r.cfg = client.Config{Address: filepath.Join(dir, "coordinator.sock")}
	}
	if r.client, err = dial(ctx, r.cfg); err != nil {
		return err
	}
	defer r.client.Close()
	f, err := measure(ctx, &r)
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
func start(
	ctx context.Context, program, dir string, slots int,
) (*exec.Cmd, client.Config, error) {
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
