package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// dispatchRow sends tasks to two processes and takes their answers, through Fanfold and through
// other dispatchers, over TCP on this host.
func dispatchRow() row {
	return row{
		name: "dispatch", doc: "tasks to two processes and back, one at a time and many", runs: 5,
		flags: func(fs *flag.FlagSet) preparer {
			var d dispatch
			fs.StringVar(&d.only, "shape", "", "measure this `shape` only: "+shapeNames())
			return d.prepare
		},
	}
}

// shape is a load that is measured.
type shape struct {
	name, title           string
	tasks, depth, payload int

	slow int // divides the tasks of the slow peers
}

var shapes = []shape{
	{"depth", "4,096 in flight, 64 bytes", 1_000_000, 4096, 64, 20},
	{"single", "one at a time, 64 bytes", 10_000, 1, 64, 2},
	{"7k", "256 in flight, 7 KB", 100_000, 256, 7 << 10, 10},
	{"16k", "256 in flight, 16 KB", 50_000, 256, 16 << 10, 10},
	{"1m", "16 in flight, 1 MB", 1_000, 16, 1_000_000, 5},
}

func shapeNames() string {
	var names []string
	for _, s := range shapes {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// dispatch is what the user chooses.
type dispatch struct {
	only string
}

// peerSystems are the dispatchers that bench/peers/dispatch can drive, and their servers' programs.
var peerSystems = []struct {
	name, program string
	slow          bool
	version       []string
}{
	{"gearmand", "gearmand", true, []string{"gearmand", "--version"}},
	{"nats", "nats-server", false, []string{"nats-server", "--version"}},
	{"beanstalkd", "beanstalkd", true, []string{"beanstalkd", "-v"}},
	{"tcp-echo", "", false, nil},
}

func (d *dispatch) prepare(ctx context.Context, b *workshop) ([]contest, error) {
	fanfold, err := b.build(ctx, "cmd/fanfold")
	if err != nil {
		return nil, err
	}
	stream, err := b.build(ctx, "bench/peers/stream")
	if err != nil {
		return nil, err
	}
	peers, peersErr := b.buildPeers(ctx)
	var all []contest
	for _, s := range shapes {
		if d.only != "" && d.only != s.name {
			continue
		}
		c := contest{
			title: "Dispatch: " + s.title, reference: "gearmand", columns: taskColumns,
			contestants: []contestant{{
				name: "fanfold", version: []string{fanfold, "version"}, measured: readFigures,
				args: append([]string{stream, "-fanfold", fanfold}, s.flags(1)...),
			}},
		}
		for _, p := range peerSystems {
			one := contestant{name: p.name, version: p.version, measured: readFigures}
			slow := 1
			if p.slow {
				slow = s.slow
			}
			one.args = append([]string{peers, "-system", p.name}, s.flags(slow)...)
			switch _, err := exec.LookPath(p.program); {
			case peersErr != nil:
				one.missing = "its driver cannot be built: " + peersErr.Error()
			case p.program != "" && err != nil:
				one.missing = "not installed: run bench/peers/install"
			}
			c.contestants = append(c.contestants, one)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no shape %q: want %s", d.only, shapeNames())
	}
	return all, nil
}

// flags are those of the drivers. The rate of a slow peer is known after fewer tasks.
func (s shape) flags(slow int) []string {
	return []string{
		"-tasks", strconv.Itoa(s.tasks / slow), "-depth", strconv.Itoa(s.depth),
		"-payload", strconv.Itoa(s.payload),
	}
}

// buildPeers builds the driver of the peers, which is a module of its own.
func (b *workshop) buildPeers(ctx context.Context) (string, error) {
	where := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", module+"/bench")
	dir, err := where.Output()
	if err != nil {
		return "", fmt.Errorf("find bench: %w", err)
	}
	out := filepath.Join(b.temp, "dispatch-peers")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, ".")
	cmd.Dir = filepath.Join(strings.TrimSpace(string(dir)), "peers", "dispatch")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(text)))
	}
	return out, nil
}

// readFigures reads what a driver prints.
func readFigures(output []byte, s *sample) error {
	var f struct {
		Tasks   int     `json:"tasks"`
		Seconds float64 `json:"seconds"`
		P50     float64 `json:"p50_us"`
		P99     float64 `json:"p99_us"`
		CPU     float64 `json:"server_cpu_us"`
	}
	if err := json.Unmarshal(output, &f); err != nil {
		return fmt.Errorf("read figures: %w", err)
	}
	if f.Tasks < 1 {
		return fmt.Errorf("read figures: %d tasks", f.Tasks)
	}
	micros := func(us float64) time.Duration { return time.Duration(us * float64(time.Microsecond)) }
	s.Tasks, s.P50, s.P99, s.CPU = int64(f.Tasks), micros(f.P50), micros(f.P99), micros(f.CPU)
	s.Wall = time.Duration(f.Seconds * float64(time.Second) / float64(f.Tasks))
	return nil
}

// taskColumns tell how dispatchers fared: Wall is the time per task, CPU the server's per task.
var taskColumns = []column{
	{"tasks/s: median (min–max)", func(r result) string {
		return fmt.Sprintf("%s (%s–%s)", perSecond(r.Wall.Median), perSecond(r.Wall.Max),
			perSecond(r.Wall.Min))
	}},
	{"p50", func(r result) string {
		return latencyText(r.Samples, func(s sample) int64 { return int64(s.P50) })
	}},
	{"p99", func(r result) string {
		return latencyText(r.Samples, func(s sample) int64 { return int64(s.P99) })
	}},
	{"server CPU per task", func(r result) string { return microText(r.CPU.Median) }},
	{"time × reference", ratioColumn.cell},
}

func perSecond(nanos int64) string {
	if nanos == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g k", 1e6/float64(nanos))
}

// latencyText is the median of a latency; without one it is empty.
func latencyText(samples []sample, of func(sample) int64) string {
	if median := spreadBy(samples, of).Median; median > 0 {
		return microText(median)
	}
	return ""
}

func microText(nanos int64) string { return fmt.Sprintf("%.2f µs", float64(nanos)/1e3) }
