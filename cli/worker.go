package cli

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/internal/pki"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

const workerHelp = `Offer this host's task processes to a coordinator.

On another host it needs a certificate, which tls issue --role worker makes; then its name is the
one in the certificate. It joins again whenever the connection is lost, until a signal ends it.`

// workerFlags describe a worker of its own.
type workerFlags struct {
	localFlags
	join   string
	name   string
	labels []string
	allow  []string
	data   segmentFlags
}

func (a *app) workerCommand() *cobra.Command {
	w := workerFlags{localFlags: localFlags{slots: defaultSlots()}}
	cmd := &cobra.Command{
		Use: "worker", Short: "Offer task processes to a coordinator", Long: workerHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.work(cmd.Context(), w) },
	}
	fs := cmd.Flags()
	w.register(fs)
	fs.Var(&w.memory, "memory", "memory for the buffers of one task")
	fs.StringVar(&w.join, "join", "", "`address` of the coordinator (default: that of this host)")
	fs.StringVar(&w.name, "name", "",
		"`name` of the worker (default: the certificate's, or the host's)")
	w.data.register(fs)
	fs.StringSliceVar(&w.labels, "label", nil, "`key=value` to know the worker by, repeatable")
	fs.StringSliceVar(&w.allow, "allow-exec", nil, "what jobs may run besides the worker's own "+
		"`programs`: any, none, or paths of commands (default: none with --tls-dir, else any)")
	cmd.AddCommand(a.workerDrainCommand())
	return cmd
}

func (a *app) workerDrainCommand() *cobra.Command {
	return &cobra.Command{
		Use: "drain NAME", Short: "Have a worker end what it has started, and leave",
		Long: `Have a worker end what it has started, and leave.

It gets no more work at once. What it has made for running jobs it serves until they have ended.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				return c.DrainWorker(cmd.Context(), args[0])
			})
		},
	}
}

// work offers slots until a signal ends it.
func (a *app) work(ctx context.Context, w workerFlags) error {
	a.coordinator = cmp.Or(w.join, a.coordinator)
	to, err := a.address(roleWorker)
	if err != nil {
		return err
	}
	certs, err := a.workerCertificate()
	if err != nil {
		return err
	}
	if w.name, err = workerName(w.name, certs); err != nil {
		return err
	}
	segments, err := a.segments(w.data, hostTowards(ctx, to.Address), certs)
	if err != nil {
		return err
	}
	slices.Sort(w.labels)
	for _, label := range w.labels {
		if key, _, ok := strings.Cut(label, "="); !ok || key == "" {
			return usagef("", "--label %s: want key=value", label)
		}
	}
	allow, err := allowed(w.allow, to)
	if err != nil {
		return err
	}
	leave := make(chan struct{})
	ctx, stop := leaveOnTerm(ctx, leave)
	defer stop()
	err = worker.Join(ctx, worker.Config{
		Name: w.name, Labels: w.labels, Slots: w.slots, Root: w.workDir, Memory: int64(w.memory),
		Dial: func(ctx context.Context) (*protocol.Conn, []byte, error) {
			now, err := a.address(roleWorker) // a socket may have come
			if err != nil {
				return nil, nil, err
			}
			return client.Transport(ctx, now)
		},
		Joined: func(protocol.Welcome) {
			a.say("%s joined %s with %d slots\n", w.name, to.Address, w.slots)
		},
		Isolation: w.isolate.wanted(),
		Ceiling: worker.Ceiling{
			Memory: int64(w.taskMemory), Processes: w.taskProcesses,
		},
		Allow: allow, Leave: leave, Product: product, Grace: endGrace,
		Log: a.logger().Named("worker"), Segments: segments,
	})
	return client.Explain(err, to.TLS != nil)
}

// allowed reads --allow-exec. Without certificates only this user can submit.
func allowed(words []string, to client.Config) (worker.Allow, error) {
	switch {
	case len(words) == 0:
		return worker.Allow{Any: to.TLS == nil}, nil
	case len(words) == 1 && words[0] == "any":
		return worker.AllowAny, nil
	case len(words) == 1 && words[0] == "none":
		return worker.Allow{}, nil
	}
	var a worker.Allow
	for _, path := range words {
		if !filepath.IsAbs(path) {
			return a, usagef("", "--allow-exec %s: want any, none or absolute paths", path)
		}
		a.Paths = append(a.Paths, filepath.Clean(path))
	}
	return a, nil
}

// leaveOnTerm gives a context that outlives the end of ctx when SIGTERM is the reason: leave is
// closed then, and what runs has time to end.
func leaveOnTerm(ctx context.Context, leave chan<- struct{}) (context.Context, context.CancelFunc) {
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		if signalOf(ctx) != syscall.SIGTERM {
			stop()
			return
		}
		close(leave)
		timer := time.AfterFunc(drainMax, stop)
		context.AfterFunc(base, func() { timer.Stop() })
	})
	return base, stop
}

// workerCertificate is that by which a worker proves itself, to other workers at least; nil: it has
// none.
func (a *app) workerCertificate() (*pki.Keeper, error) {
	if a.tlsDir == "" {
		return nil, nil
	}
	return a.openCertificate(pki.In(a.tlsDir), roleWorker)
}

// workerName is the name that a worker was given, or that of its certificate or its host.
func workerName(name string, certs *pki.Keeper) (string, error) {
	if certs != nil {
		return cmp.Or(name, certs.Subject().Name), nil
	}
	if name != "" {
		return name, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fanfold.Errorf(fanfold.KindUsage, "", "no --name, and the host has none: %w", err)
	}
	return host, nil
}
