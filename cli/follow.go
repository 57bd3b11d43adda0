package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// followFlags say what a command that waits for a job shows meanwhile.
type followFlags struct {
	progress choice
	logs     bool
}

func (f *followFlags) register(fs *pflag.FlagSet) {
	f.progress = choice{value: "auto", words: []string{"auto", "tty", "plain", "json", "none"}}
	fs.Var(&f.progress, "progress", "how to show progress on standard error")
	fs.BoolVar(&f.logs, "logs", false, "print what the tasks printed, to standard error")
}

func (l *localFlags) register(fs *pflag.FlagSet) {
	fs.IntVar(&l.slots, "slots", l.slots, "`number` of task processes")
	fs.StringVar(&l.workDir, "work-dir", "", "`folder` for intermediate data (default: in /var/tmp)")
	fs.Var(&l.taskMemory, "task-memory-max",
		"kill a task process that has more, with all that it started (default: no limit)")
	fs.IntVar(&l.taskProcesses, "task-processes-max", 0,
		"kill a task process that has started more; 0: no limit")
	l.isolate = isolateAuto
	fs.Var(&l.isolate, "isolate",
		"auto, always or never: keep task processes in PID namespaces, where that is permitted")
}

// submitAndFollow submits a job and follows it to its end.
func (a *app) submitAndFollow(
	ctx context.Context, c *client.Client, s client.Submission, f followFlags,
) error {
	reply, err := c.Submit(ctx, s)
	if err != nil {
		return err
	}
	if s.Job.Detach {
		fmt.Fprintln(a.stdout, reply.Job())
	}
	return a.follow(ctx, c, reply, f)
}

// follow shows a job's progress, copies its reply to standard output and reports its end.
func (a *app) follow(
	ctx context.Context, c *client.Client, reply *client.Reply, f followFlags,
) error {
	view := a.newProgressView(f.progress.value, reply.Job())
	var (
		watching sync.WaitGroup
		shown    *fanfold.Error // the first failure, once it has been shown
	)
	watching.Go(func() { shown = a.watch(reply.Progress(), view) })
	copied := a.copyReply(ctx, c, reply)
	if copied != nil {
		_ = reply.Close() // cancels the job unless it has ended
	}
	summary, err := reply.Wait()
	watching.Wait()
	if f.logs {
		if logErr := a.printLogs(ctx, c, reply.Job()); err == nil && copied == nil {
			err = logErr
		}
	}
	switch {
	case errors.Is(copied, errClosedPipe):
		return copied
	case err == nil:
		err = copied
	}
	a.printSummary(summary, err)
	return withoutRepeating(err, shown)
}

// withoutRepeating leaves out of a job's error what its first failure, shown before, has said.
func withoutRepeating(err error, shown *fanfold.Error) error {
	var e *fanfold.Error
	if shown == nil || !errors.As(err, &e) || e.Error() != shown.Error() || e.Log != shown.Log {
		return err
	}
	short := *e
	short.Log, short.Input = "", ""
	return &short
}

const (
	// partingMax is how long a command that was interrupted waits for the coordinator's answer.
	partingMax = time.Second
	// unreadMax is how long it then waits for whoever reads its standard output.
	unreadMax = 100 * time.Millisecond
)

// copyReply copies a reply to standard output. When ctx ends, neither a coordinator that does not
// answer nor a reader who does not read keeps it: the write under way is left to itself then.
func (a *app) copyReply(ctx context.Context, c *client.Client, reply *client.Reply) error {
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(outputWriter{a.stdout}, reply)
		copied <- err
	}()
	select {
	case err := <-copied:
		return err
	case <-ctx.Done():
	}
	parting := time.AfterFunc(partingMax, func() { _ = c.Close() })
	defer parting.Stop()
	_ = reply.Close() // cancels the job unless it has ended
	unread := time.NewTimer(unreadMax)
	defer unread.Stop()
	select {
	case err := <-copied:
		return err
	case <-unread.C:
		return context.Cause(ctx)
	}
}

// watch shows progress until the job has ended. The first failure is shown in full, at once, and
// returned; nil: none was shown.
func (a *app) watch(updates <-chan client.Progress, view progressView) (shown *fanfold.Error) {
	defer view.close()
	for p := range updates {
		if p.Failure != nil && !a.quiet {
			shown = p.Failure
			view.print(func(w io.Writer) {
				fmt.Fprintf(w, "%s: first failure of an attempt:\n", a.name)
				a.report(w, p.Failure)
			})
		}
		view.update(p)
	}
	return shown
}

// systemCounters is the group of the counters that every job has; status shows them.
const systemCounters = "fanfold"

// printSummary says what is left to say: the files of an output, and the program's counters.
func (a *app) printSummary(s client.Summary, err error) {
	if err != nil || a.quiet {
		return
	}
	for _, file := range s.Files {
		fmt.Fprintln(a.stdout, file)
	}
	for _, n := range s.Counters {
		switch {
		case n.Group != systemCounters:
		case n.Name == fanfold.SkippedCounter:
			fmt.Fprintf(a.stderr, "skipped %d bad records\n", n.N)
			continue
		default:
			continue
		}
		fmt.Fprintf(a.stderr, "counter: %s %s %d\n", printable(n.Group), printable(n.Name), n.N)
	}
}

// printLogs prints what the attempts of a job printed.
func (a *app) printLogs(ctx context.Context, c *client.Client, id fanfold.JobID) error {
	return c.Logs(ctx, id, func(part protocol.LogPart) error { return writeLog(a.stderr, part) })
}

// outputWriter makes a closed standard output an error of its own.
type outputWriter struct{ w io.Writer }

func (o outputWriter) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	switch {
	case errors.Is(err, syscall.EPIPE):
		err = errClosedPipe
	case err != nil:
		err = fanfold.Errorf(fanfold.KindOutput, "write standard output", "%w", err)
	}
	return n, err
}
