package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/closest"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/filestore"
	"github.com/fanfold/fanfold/worker"
)

// Version is this release of Fanfold.
const Version = "0.1.0"

// product is how this side names itself to peers.
const product = "fanfold " + Version

// Config is what one binary links: its programs, and stores beyond the file system.
type Config struct {
	Name     string // of the command, in what it prints; "": fanfold
	Programs []fanfold.Program
	Storage  map[string]storage.Driver // by scheme, as in "s3"
}

// Main is the whole main function of a user's binary: it runs the command line with the given
// programs and ends the process. It is also the entry of the binary's task processes, so it must be
// called first. Help texts and errors name the binary as it was called.
func Main(programs ...fanfold.Program) {
	ctx := context.Background()
	c := Config{Name: filepath.Base(os.Args[0]), Programs: programs}
	os.Exit(Run(ctx, c, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Run runs one command and returns its exit code. When this process was started as a task process
// it does that work instead. Signals that end a command are handled while it runs.
func Run(
	ctx context.Context, c Config, args []string, stdin io.Reader, stdout, stderr io.Writer,
) int {
	files := &storage.Mux{}
	files.Handle(storage.FileScheme, filestore.New())
	for scheme, driver := range c.Storage {
		files.Handle(scheme, driver)
	}
	if code, isChild := worker.Entry(c.Programs, files); isChild {
		return code
	}
	var h hangup
	ctx, stop := endOnSignal(ctx, &h)
	defer stop()
	a := &app{
		name: cmp.Or(c.Name, "fanfold"), programs: c.Programs, files: files, hangup: &h,
		stdin: stdin, stdout: stdout, stderr: stderr,
	}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := fanfold.ValidatePrograms(c.Programs); err != nil {
		return a.exit(ctx, err)
	}
	return a.exit(ctx, root.ExecuteContext(ctx))
}

// app is one invocation of the command line.
type app struct {
	name           string // of the command
	programs       []fanfold.Program
	files          *storage.Mux
	hangup         *hangup
	stdin          io.Reader
	stdout, stderr io.Writer

	// The flags that every command has.
	configFile  string
	stateDir    string
	coordinator string
	tokenFile   string
	tlsDir      string
	quiet       bool
	logLevel    choice
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   a.name,
		Short: "Map, shuffle and reduce files on this machine or a coordinator's",
		Long: "Map, shuffle and reduce files on this machine or a coordinator's.\n\n" +
			"  " + a.name + " run " + a.exampleJob() + " book.txt\n" +
			"  " + a.name + " run --mapper 'tr -s \" \" \"\\n\"' --aggregate count book.txt",
		Version:           Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			file := a.configFile
			if file == "" {
				file = defaultConfigFile(os.LookupEnv)
			}
			return applySettings(cmd, file, os.LookupEnv)
		},
	}
	a.logLevel = choice{value: "warn", words: []string{"debug", "info", "warn", "error", "off"}}
	fs := root.PersistentFlags()
	fs.StringVar(&a.configFile, "config", "", "`file` of settings, YAML (default: the user's)")
	fs.StringVar(&a.stateDir, "state-dir", "", "`folder` of the coordinator's socket and token")
	fs.StringVar(&a.coordinator, "coordinator", "",
		"`address` of the coordinator: a socket's path or HOST:PORT")
	fs.StringVar(&a.tokenFile, "token-file", "", "`file` of the token (default: in the state folder)")
	fs.StringVar(&a.tlsDir, "tls-dir", "", "`folder` of certificates, as tls issue makes it")
	fs.BoolVarP(&a.quiet, "quiet", "q", false, "print nothing but data and errors")
	fs.Var(&a.logLevel, "log-level", "what the parts log to standard error")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		e := fanfold.Errorf(fanfold.KindUsage, "", "%w", err)
		e.Hint = cmd.CommandPath() + " --help lists the flags"
		return e
	})
	root.AddCommand(a.runCommand(), a.submitCommand(), a.streamCommand(),
		a.coordinatorCommand(), a.workerCommand(), a.devCommand(), a.jobsCommand(), a.statusCommand(),
		a.waitCommand(), a.attachCommand(), a.logsCommand(), a.cancelCommand(),
		a.workersCommand(), a.statsCommand(), a.drainCommand(), a.reloadCommand(), a.tlsCommand(),
		a.genCommand(), a.checkCommand(), a.versionCommand())
	return root
}

// exit prints what is to be said of a command's error and gives the exit code.
func (a *app) exit(ctx context.Context, err error) int {
	if sig := signalOf(ctx); sig != 0 {
		return 128 + int(sig)
	}
	switch {
	case err == nil:
		return fanfold.ExitOK
	case errors.Is(err, errClosedPipe):
		return fanfold.ExitPipe
	}
	var e *fanfold.Error
	if !errors.As(err, &e) { // cobra's own: wrong arguments, unknown command
		e = fanfold.Errorf(fanfold.KindUsage, "", "%w", err)
		e.Hint = a.name + " --help lists the commands"
	}
	a.report(a.stderr, e)
	return e.Kind.ExitCode()
}

// program finds a registered program by name.
func (a *app) program(name string) (fanfold.Program, error) {
	i := slices.IndexFunc(a.programs, func(p fanfold.Program) bool { return p.Name == name })
	if i >= 0 {
		return a.programs[i], nil
	}
	names := make([]string, 0, len(a.programs))
	for _, p := range a.programs {
		names = append(names, p.Name)
	}
	err := fanfold.Errorf(fanfold.KindUnknown, "", "unknown job %q", name)
	err.Hint = a.name + " run --help lists the jobs, " + a.name +
		" stream --help those that take tasks"
	if near := closest.Name(name, names); near != "" {
		err.Hint = "did you mean " + near + "?"
	}
	return fanfold.Program{}, err
}
