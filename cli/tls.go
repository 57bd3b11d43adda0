package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/pki"
	"github.com/fanfold/fanfold/protocol"
)

// certRole is the role in a certificate.
type certRole string

const (
	roleClient      certRole = "client"
	roleWorker      certRole = "worker"
	roleCoordinator certRole = "coordinator"
	roleAdmin       certRole = "admin"
	roleViewer      certRole = "viewer"
)

// comesIn says as what the holder of a certificate may come to a coordinator. A role that is not
// here may not come.
var comesIn = map[certRole][]protocol.Role{
	roleClient: {protocol.RoleClient, protocol.RoleViewer},
	roleAdmin:  {protocol.RoleAdmin, protocol.RoleClient, protocol.RoleViewer},
	roleViewer: {protocol.RoleViewer},
	roleWorker: {protocol.RoleWorker, protocol.RoleProcess},
}

// ends are the ends of a connection that a certificate of a role is for: workers also serve what
// they have made to other workers.
var ends = map[certRole]struct{ server, client bool }{
	roleClient:      {client: true},
	roleWorker:      {server: true, client: true},
	roleCoordinator: {server: true, client: true},
	roleAdmin:       {client: true},
	roleViewer:      {client: true},
}

const (
	authorityDir = "fanfold-ca" // default of --dir
	certDays     = 90           // default of --days
	certDaysMax  = 3650
	hostsMax     = 64
)

const tlsHelp = `Make the certificates by which coordinator, workers and clients know each other.

Once, anywhere safe:   NAME tls init
For the coordinator:   NAME tls issue --role coordinator --name main --host HOST
For each worker:       NAME tls issue --role worker --name host7
For each person:       NAME tls issue --role client --name ann

Each issue makes a folder of three files. Carry it to its host, and name it with --tls-dir.`

func (a *app) tlsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tls", Short: "Make certificates for hosts and people",
		Long: strings.ReplaceAll(tlsHelp, "NAME tls", a.name+" tls"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			err := fanfold.Errorf(fanfold.KindUsage, "", "no command named")
			err.Hint = a.name + " tls --help lists the commands"
			return err
		},
	}
	cmd.AddCommand(a.tlsInitCommand(), a.tlsIssueCommand())
	return cmd
}

func (a *app) tlsInitCommand() *cobra.Command {
	dir := authorityDir
	cmd := &cobra.Command{
		Use: "init", Short: "Make the authority of a new cluster", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			authority, err := pki.InitAuthority(dir, time.Now())
			if err != nil {
				return tlsError("make authority", err, "give another --dir")
			}
			a.say("authority of cluster %s in %s\n"+
				"keep %s/%s secret: whoever has it can be anybody; hosts do not need it\n",
				authority.Cluster, dir, dir, pki.CAKeyFile)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", dir, "`folder` to make")
	return cmd
}

// issuing is what tls issue is asked for.
type issuing struct {
	dir, out   string
	role, name string
	hosts      []string
	days       int
}

func (a *app) tlsIssueCommand() *cobra.Command {
	i := issuing{dir: authorityDir, days: certDays}
	cmd := &cobra.Command{
		Use: "issue", Short: "Make a key and a certificate", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.issue(i) },
	}
	fs := cmd.Flags()
	fs.StringVar(&i.dir, "dir", i.dir, "`folder` of the authority")
	fs.StringVar(&i.out, "out", "", "`folder` to make (default: the name)")
	fs.StringVar(&i.role, "role", "", "client, worker, coordinator, admin or viewer")
	fs.StringVar(&i.name, "name", "", "`name` of the host or the person")
	fs.StringSliceVar(&i.hosts, "host", nil,
		"`hosts` by which others connect to it (default: its name, localhost and loopback)")
	fs.IntVar(&i.days, "days", i.days, "`number` of days that it is valid")
	return cmd
}

func (i *issuing) validate() error {
	_, known := ends[certRole(i.role)]
	switch {
	case !known:
		return usagef("issue certificate", "--role %q: want client, worker, coordinator, admin or viewer",
			i.role)
	case i.name == "":
		return usagef("issue certificate", "no --name: whose is it?")
	case i.days < 1 || i.days > certDaysMax:
		return usagef("issue certificate", "--days %d: want 1 to %d", i.days, certDaysMax)
	case len(i.hosts) > hostsMax || slices.Contains(i.hosts, ""):
		return usagef("issue certificate", "--host: want 1 to %d names or addresses", hostsMax)
	}
	return nil
}

func (a *app) issue(i issuing) error {
	if err := i.validate(); err != nil {
		return err
	}
	if i.out == "" {
		i.out = i.name
	}
	end := ends[certRole(i.role)]
	if end.server && len(i.hosts) == 0 {
		i.hosts = []string{i.name, "localhost", "127.0.0.1", "::1"}
	}
	authority, err := pki.OpenAuthority(i.dir)
	if err != nil {
		return tlsError("open authority", err, "make one with `"+a.name+" tls init`, or name its --dir")
	}
	cert, err := authority.Issue(i.out, pki.Request{
		Role: i.role, Name: i.name, Hosts: i.hosts, Server: end.server, Client: end.client,
		From: time.Now(), For: time.Duration(i.days) * 24 * time.Hour,
	})
	if err != nil {
		return tlsError("issue certificate", err, "give another --out")
	}
	a.say("%s %s of cluster %s, until %s, in %s\n", i.role, i.name, authority.Cluster,
		cert.NotAfter.UTC().Format(time.DateOnly), i.out)
	return nil
}

// say tells what was done, unless it is to be quiet.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, a.name+": "+format, args...)
	}
}

// tlsError gives an error of the files the right kind, and a hint of what to do.
func tlsError(op string, err error, hint string) error {
	kind := fanfold.KindUsage
	switch {
	case errors.Is(err, fs.ErrExist):
		kind = fanfold.KindExists
	case errors.Is(err, fs.ErrNotExist):
		kind = fanfold.KindNotFound
	case errors.Is(err, fs.ErrPermission):
		kind = fanfold.KindDenied
	}
	e := fanfold.Errorf(kind, op, "%w", err)
	if kind != fanfold.KindUsage && kind != fanfold.KindDenied {
		e.Hint = hint
	}
	return e
}
