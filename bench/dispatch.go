package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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

// peerSystem is a dispatcher that bench/peers/dispatch can drive, and its server's program.
type peerSystem struct {
	name, program string
	slow          bool
	version       []string
}

var peerSystems = []peerSystem{
	{"gearmand", "gearmand", true, []string{"gearmand", "--version"}},
	{"nats", "nats-server", false, []string{"nats-server", "--version"}},
	{"beanstalkd", "beanstalkd", true, []string{"beanstalkd", "-v"}},
	{"tcp-echo", "", false, nil},
	{"pipe", "", false, nil},
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
			title: "Dispatch: " + s.title, reference: cmp.Or(s.reference, "gearmand"),
			columns: s.columns, rounds: s.rounds, contestants: ours(s, fanfold, stream),
		}
		if c.columns == nil {
			c.columns = taskColumns
		}
		for _, p := range peerSystems {
			if slices.Contains(s.against, p.name) {
				c.contestants = append(c.contestants, p.contestant(s, peers, peersErr))
			}
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no shape %q: want %s", d.only, shapeNames())
	}
	return all, nil
}

// ours is Fanfold, and where keys are measured Fanfold without them. The program whose results are
// reduced is the driver's own.
func ours(s shape, fanfold, stream string) []contestant {
	program := fanfold
	if s.kind == "fanout" {
		program = stream
	}
	one := contestant{
		name: "fanfold", version: []string{fanfold, "version"}, measured: readFigures,
		args: append([]string{stream, "-fanfold", program}, s.flags(1)...),
	}
	if s.keys == 0 {
		one.args = append(one.args, s.special()...)
		return []contestant{one}
	}
	other := one
	other.name, other.version = unkeyed, nil
	one.args = append(slices.Clone(one.args), s.special()...)
	return []contestant{one, other}
}

// contestant is a peer.
func (p peerSystem) contestant(s shape, driver string, err error) contestant {
	slow := 1
	if p.slow {
		slow = s.slow
	}
	c := contestant{
		name: p.name, version: p.version, measured: readFigures,
		args: append([]string{driver, "-system", p.name}, s.flags(slow)...),
	}
	if err != nil {
		c.missing = "its driver cannot be built: " + err.Error()
	} else if p.program != "" {
		if _, err := exec.LookPath(p.program); err != nil {
			c.missing = "not installed: run bench/peers/install"
		}
	}
	return c
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
