package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/internal/pki"
)

// drainMax is how long a coordinator that is asked to end lets its jobs run.
const drainMax = 10 * time.Second

const coordinatorHelp = `Serve clients on a Unix socket and a port, and run their jobs.

The socket and the token for the port lie in the state folder, which only you can enter. A
port that other hosts can reach needs certificates: see tls init, tls issue and --tls-dir.
SIGTERM lets running jobs end, for at most 10 s; Ctrl-C cancels them; a second signal ends at once.`

func (a *app) coordinatorCommand() *cobra.Command {
	return a.serveCommand("coordinator", "Serve jobs to clients", coordinatorHelp, "")
}

func (a *app) devCommand() *cobra.Command {
	return a.serveCommand("dev", "Start everything at once, to try it out",
		"Start a coordinator with task processes of its own, and print what to type next.",
		"try:  "+a.name+" submit "+a.exampleJob()+" README.md\n"+
			"      "+a.name+" jobs\n"+
			"end:  Ctrl-C\n")
}

func (a *app) serveCommand(use, short, long, next string) *cobra.Command {
	local := localFlags{slots: defaultSlots()}
	listen, admin := DefaultAddress, ""
	var files pki.Files
	var data segmentFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.serve(cmd.Context(), local, listening{listen, files, data}, admin, next)
		},
	}
	local.register(cmd.Flags())
	cmd.Flags().Var(&local.memory, "memory", "memory for the buffers of one task")
	cmd.Flags().StringVar(&listen, "listen", listen, "`address` for TCP clients")
	registerTLS(cmd.Flags(), &files)
	data.register(cmd.Flags())
	cmd.Flags().StringVar(&admin, "admin", "",
		"`address` for metrics and profiles over HTTP, loopback only (default: none)")
	return cmd
}

// serve runs a coordinator until a signal ends it.
func (a *app) serve(
	ctx context.Context, local localFlags, listen listening, admin, next string,
) (err error) {
	if err := errors.Join(local.validate(), adminOnly(admin)); err != nil {
		return err
	}
	certs, err := a.certificates(listen)
	if err != nil {
		return err
	}
	if local.slots > 0 {
		host, _, _ := net.SplitHostPort(listen.address) // certificates has looked at it
		if local.segments, err = a.segments(listen.data, host, certs); err != nil {
			return err
		}
	}
	dir, err := stateDir(a.stateDir)
	if err != nil {
		return err
	}
	lock, err := openStateDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	token, forget, err := a.token(dir, certs)
	if err != nil {
		return err
	}
	defer forget()
	listeners, err := a.openListeners(ctx, filepath.Join(dir, socketName), listen.address)
	if err != nil {
		return err
	}
	defer leaveProcessors(local.slots)()
	n, err := a.startNode(coordinator.Config{Token: token}, local)
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	for _, l := range listeners {
		fmt.Fprintf(a.stderr, "%s: listening on %s\n", a.name, l.Addr())
	}
	stopAdmin, err := a.startAdmin(ctx, dir, admin, n.server)
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		return err
	}
	defer func() { err = errors.Join(err, stopAdmin()) }()
	defer a.reloadOnHangup(ctx, n.server)()
	fmt.Fprint(a.stderr, next)
	return serveUntil(ctx, n.server, listeners, a.identifier(certs))
}

// leaveProcessors has this process use no more processors than its task processes leave to it, but
// half of all at least: one owner decides everything, and a second thread beside it costs more than
// it does. GOMAXPROCS in the environment goes first.
func leaveProcessors(slots int) (undo func()) {
	all := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(all-slots, all/2, 1))
	}
	return func() { runtime.GOMAXPROCS(all) }
}

// serveUntil serves until ctx ends or a listener fails. After SIGTERM running jobs may end.
func serveUntil(
	ctx context.Context, server *coordinator.Server, listeners []net.Listener,
	identify coordinator.Identify,
) error {
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	all, serving := errgroup.WithContext(base)
	for _, l := range listeners {
		all.Go(func() error { return server.Serve(serving, l, identify) })
	}
	select {
	case <-serving.Done():
	case <-ctx.Done():
		if signalOf(ctx) == syscall.SIGTERM {
			drained, enough := context.WithTimeout(serving, drainMax)
			_ = server.Drain(drained) // what still runs then is cancelled
			enough()
		}
	}
	stop()
	return all.Wait()
}

// token makes the token of those who connect to the port, which forget removes. Where certificates
// prove them there is none.
func (a *app) token(dir string, certs *pki.Keeper) (token []byte, forget func(), err error) {
	if certs != nil {
		return nil, func() {}, nil
	}
	file := filepath.Join(dir, tokenName)
	if a.tokenFile != "" {
		file = a.tokenFile
	}
	token, err = makeToken(file)
	return token, func() { _ = os.Remove(file) }, err
}

// openListeners opens the Unix socket and the port. The socket's folder is locked by this process,
// so a socket that is there belonged to a coordinator that died.
func (a *app) openListeners(
	ctx context.Context, socket, address string,
) ([]net.Listener, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replace socket: %w", err)
	}
	var listen net.ListenConfig
	unix, err := listen.Listen(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", socket, err)
	}
	tcp, err := listen.Listen(ctx, "tcp", address)
	if err == nil {
		return []net.Listener{unix, tcp}, nil
	}
	unix.Close()
	return nil, a.listenError(address, "--listen", err)
}

// listenError says why nobody can listen at an address, and which flag names another one.
func (a *app) listenError(address, flag string, err error) error {
	e := fanfold.Errorf(fanfold.KindExists, "", "listen on %s: %w", address, errors.Unwrap(err))
	if errors.Is(err, syscall.EADDRINUSE) {
		e.Err = fmt.Errorf("port is busy: %s", address)
		e.Hint = "another coordinator may be running: see `" + a.name +
			" jobs`, or give " + flag + " another port"
	}
	return e
}
