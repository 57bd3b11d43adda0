package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/process"
)

const streamHelp = `Send each line of standard input as a task, and print each result as it comes.

The tasks go to a coordinator, or with --local to task processes of this command's own. With
--mapper the command is kept running in each of them, and must write one line for each line that it
reads, at once: cat, sed -u and python3 -u do; tr, awk and grep keep their output back (try
stdbuf -oL, or --pipelined, or --per-task).

A task that failed is told on standard error, and the exit code is 1 then. With --json each line is
an object with payload or payload_b64, and as far as wanted id, key, deadline (seconds), priority
(0 to 7), all, one_way and idempotency_key; each result is one with id, state, result or result_b64,
error, attempts and worker.

`

// streamFlags describe an open job.
type streamFlags struct {
	job      jobFlags
	local    localFlags
	isLocal  bool
	ordered  bool
	json     bool
	perTask  bool
	pipeline bool
	reduce   bool
	keyField int
	attach   string

	taskDeadline time.Duration
	keep         time.Duration
	shards       int
	queueMax     int
}

func (a *app) streamCommand() *cobra.Command {
	f := streamFlags{local: localFlags{slots: defaultSlots()}}
	cmd := &cobra.Command{
		Use:   "stream [flags] JOB",
		Short: "Send the lines of standard input as tasks",
		Long:  streamHelp + a.listHandlers(),
		Example: "  " + a.name + " stream " + a.example("echo", takesTasks) + "\n" +
			"  seq 100 | " + a.name + " stream --local --ordered --per-task --mapper 'factor'\n" +
			"  " + a.name + " stream --json " + a.example("rank", takesTasks) + " < tasks.jsonl",
		ValidArgsFunction: a.completeJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.stream(cmd.Context(), &f, args)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *streamFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&f.job.params, "param", "p", nil, "`key=value` for the job, repeatable")
	fs.StringVar(&f.job.name, "name", "", "`name` of the job for people (default: the program's)")
	fs.IntVar(&f.job.priority, "priority", fanfold.DefaultPriority, "0 (first) to 7, among jobs")
	fs.IntVar(&f.job.maxAttempts, "max-attempts", fanfold.DefaultMaxAttempts,
		"failures that end a task")
	fs.DurationVar(&f.job.deadline, "deadline", 0, "wall-clock limit of the job (default: none)")
	fs.StringVar(&f.job.mapper, "mapper", "", "`command` that answers each line with a line")
	fs.StringArrayVar(&f.job.env, "env", nil, "`name=value` for the command, repeatable")
	fs.BoolVar(&f.pipeline, "pipelined", false, "give the command many lines ahead")
	fs.BoolVar(&f.perTask, "per-task", false, "start the command for each line")
	fs.BoolVar(&f.ordered, "ordered", false, "print results in the order of the tasks")
	fs.BoolVar(&f.json, "json", false, "tasks and results are JSON objects, one a line")
	fs.BoolVar(&f.reduce, "reduce", false, "print what the job's reducer makes of all results, too")
	fs.DurationVar(&f.taskDeadline, "task-deadline", 0, "limit of a task, from its arrival on")
	fs.IntVar(&f.keyField, "key-field", 0, "`number` of the word of a line that is its key")
	fs.IntVar(&f.shards, "shards", 0, "`number` of parts of the key space (default: 64)")
	fs.IntVar(&f.queueMax, "queue-max", 0,
		"tasks that may wait; one more fails as busy (default: standard input waits)")
	fs.DurationVar(&f.keep, "keep", 0,
		"when this command ends, go on and keep the results for so long, for --attach")
	fs.StringVar(&f.attach, "attach", "", "take up the kept stream of `job` again")
	fs.BoolVar(&f.isLocal, "local", false, "run the tasks on this machine, without a coordinator")
	f.local.register(fs)
}

// spec turns flags and arguments into an open job.
func (a *app) spec(f *streamFlags, args []string) (client.StreamSpec, fanfold.Program, error) {
	var program fanfold.Program
	switch {
	case f.pipeline && f.perTask:
		return client.StreamSpec{}, program, usagef("read flags", "--pipelined and --per-task")
	case (f.pipeline || f.perTask) && f.job.mapper == "":
		return client.StreamSpec{}, program,
			usagef("read flags", "--pipelined and --per-task are for --mapper")
	case min(f.keyField, f.shards, f.queueMax) < 0 || min(f.taskDeadline, f.keep) < 0:
		return client.StreamSpec{}, program, usagef("read flags", "a number below zero")
	}
	f.job.separator, f.job.keyFields = "\t", 1
	job, rest, err := f.job.job(args)
	if err != nil {
		return client.StreamSpec{}, program, err
	}
	if len(rest) > 0 {
		return client.StreamSpec{}, program,
			usagef("read flags", "%q: tasks come from standard input", rest[0])
	}
	switch {
	case f.pipeline:
		job.Command.Feed = fanfold.FeedPipelined
	case f.perTask:
		job.Command.Feed = fanfold.FeedPerTask
	}
	program, err = a.programOf(job)
	if err == nil && program.Handle == nil {
		err = usagef("", "job %[1]s takes inputs, not tasks: %[2]s run %[1]s", program.Name, a.name)
	}
	return client.StreamSpec{
		Job: job, Info: protocol.InfoOf(&program), Ordered: f.ordered,
		Open: protocol.OpenSpec{
			Reduce: f.reduce, Keep: f.keep > 0, KeepMillis: f.keep.Milliseconds(),
			TaskMillis: f.taskDeadline.Milliseconds(), Shards: uint32(f.shards),
			QueueMax: uint32(f.queueMax),
		},
	}, program, err
}

func (a *app) stream(ctx context.Context, f *streamFlags, args []string) error {
	switch {
	case f.isLocal && (f.keep > 0 || f.attach != ""):
		return usagef("read flags", "--keep and --attach are for a coordinator, not for --local")
	case f.attach != "":
		return a.resume(ctx, f, args)
	}
	spec, program, err := a.spec(f, args)
	if err != nil {
		return err
	}
	if f.isLocal {
		return a.withNode(ctx, f.local, func(c *client.Client) error {
			return a.feed(ctx, c, f, spec, program.Route)
		})
	}
	if spec.Path, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	hash, err := process.SelfHash()
	if err != nil {
		return err
	}
	spec.Image = hash[:]
	err = a.withClient(ctx, func(c *client.Client) error {
		return a.feed(ctx, c, f, spec, program.Route)
	})
	if e := asError(err); err != nil && e.Hint == a.startHint() {
		e.Hint += "; or run the tasks here with --local"
		return e
	}
	return err
}

// withNode starts a coordinator in this process, and calls do with a client of it.
func (a *app) withNode(
	ctx context.Context, local localFlags, do func(*client.Client) error,
) (err error) {
	if err := local.validate(); err != nil {
		return err
	}
	n, err := a.startNode(coordinator.Config{}, local)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	c, err := n.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// feed opens the stream and runs it to its end.
func (a *app) feed(
	ctx context.Context, c *client.Client, f *streamFlags, spec client.StreamSpec,
	route func([]byte) ([]byte, bool),
) error {
	s, err := open(ctx, c, spec)
	if err != nil {
		return err
	}
	if f.keep > 0 {
		fmt.Fprintf(a.stderr, "%[1]s: job %[2]s; after this command: %[1]s stream --attach %[2]s\n",
			a.name, s.Job())
	}
	x := a.newExchange(s, f, newTaskNames(f.json, 0))
	x.route, x.isKept = route, f.keep > 0
	return x.run(ctx)
}

// open opens a stream, which ends with ctx unless it is kept.
func open(ctx context.Context, c *client.Client, spec client.StreamSpec) (*client.Stream, error) {
	if !spec.Open.Keep {
		return c.Open(ctx, spec)
	}
	ctx, opened := outliving(ctx)
	defer opened()
	return c.Open(ctx, spec)
}

// outliving gives a context that does not end with ctx from the call of opened on.
func outliving(ctx context.Context) (outer context.Context, opened func() bool) {
	outer, end := context.WithCancelCause(context.WithoutCancel(ctx))
	return outer, context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
}

// newExchange makes an exchange, with a prompt where somebody sits at all ends of it.
func (a *app) newExchange(s *client.Stream, f *streamFlags, names *taskNames) *exchange {
	x := &exchange{app: a, stream: s, flags: f, names: names}
	if isTerminal(a.stdin) && isTerminal(a.stdout) && isTerminal(a.stderr) {
		x.talk = &talk{w: a.stderr}
		if !a.quiet {
			fmt.Fprintf(a.stderr, talkWelcome, a.name)
		}
	}
	return x
}

// resume takes up a kept stream: the results that are left are printed.
func (a *app) resume(ctx context.Context, f *streamFlags, args []string) error {
	if len(args) > 0 {
		return usagef("read flags", "--attach and a job: want one of them")
	}
	id, err := fanfold.ParseJobID(f.attach)
	if err != nil {
		return usagef("read flags", "--attach %q: %w", f.attach, err)
	}
	return a.withClient(ctx, func(c *client.Client) error {
		since := uint64(time.Now().UnixNano()) // the client's tags begin with the time
		outer, opened := outliving(ctx)
		s, err := c.Resume(outer, id)
		opened()
		if err != nil {
			return a.notResumed(err)
		}
		x := a.newExchange(s, f, newTaskNames(f.json, since))
		x.isKept = true
		return x.run(ctx)
	})
}

// notResumed adds what to do to an error of taking up a stream.
func (a *app) notResumed(err error) error {
	e := asError(err)
	if e.Kind == fanfold.KindNotFound && e.Hint == "" {
		e.Hint = "only what was opened with --keep can be taken up, for that long; " + a.name +
			" jobs lists the jobs"
	}
	return e
}

// isTerminal reports whether somebody sits at the other end.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// errTasks is in the error of a stream that went to its end, but not all of whose tasks succeeded.
var errTasks = errors.New("tasks failed")

func errTasksFailed(failed, all int) error {
	return fanfold.Errorf(fanfold.KindUser, "", "%d of %d %w", failed, all, errTasks)
}
