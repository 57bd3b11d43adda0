package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// exchange is a stream between standard input and standard output: one goroutine sends the lines,
// another prints the results.
type exchange struct {
	app    *app
	stream *client.Stream
	flags  *streamFlags
	route  func([]byte) ([]byte, bool)
	isKept bool  // the job goes on without this command
	talk   *talk // with somebody who types the tasks and reads the results; nil: there is nobody
	names  *taskNames

	failed  int  // tasks; of who prints, as all below
	endedBy bool // the end of the job has ended a task, which was told
	unasked int  // further ones
}

// run sends and prints until the stream has ended. When ctx ends, a standard output that nobody
// reads does not keep it: the write under way is left to itself then.
func (x *exchange) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	sent, printed := make(chan error, 1), make(chan error, 1)
	go func() {
		err := x.sendLines(ctx)
		if ctx.Err() == nil || !x.isKept {
			_ = x.stream.CloseSend() // or the stream has ended, which printAll sees
		}
		sent <- err
	}()
	go func() { printed <- x.print(ctx) }()
	var err error
	select {
	case err = <-printed:
		if err != nil {
			x.leave(ctx, err)
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
		x.leave(ctx, err)
		unread := time.NewTimer(unreadMax)
		defer unread.Stop()
		select {
		case <-printed:
		case <-unread.C:
		}
	}
	stop(errStreamOver)
	if sendErr := <-sent; sendErr != nil && (err == nil || errors.Is(err, errTasks)) {
		return sendErr // what was sent before has its results
	}
	return err
}

// errStreamOver is why nothing is sent any more.
var errStreamOver = errors.New("the stream has ended")

// leave ends the stream before its time, or leaves it to whoever attaches, unless err is its end.
func (x *exchange) leave(ctx context.Context, err error) {
	if !x.isKept {
		_ = x.stream.Close() // the job is cancelled, or has ended
		return
	}
	isOurs := ctx.Err() != nil || errors.Is(err, errClosedPipe) ||
		fanfold.KindOf(err) == fanfold.KindOutput
	if isOurs && !x.app.quiet {
		fmt.Fprintf(x.app.stderr, "%[1]s: job %[2]s goes on; see %[1]s stream --attach %[2]s\n",
			x.app.name, x.stream.Job())
	}
}

// print prints the results, and then the reduced one, and says how the stream ended.
func (x *exchange) print(ctx context.Context) error {
	out := bufio.NewWriterSize(outputWriter{x.app.stdout}, 64<<10)
	err := x.printAll(ctx, out)
	if x.talk != nil {
		x.talk.end()
	}
	if n := x.unasked; n > 0 {
		fmt.Fprintf(x.app.stderr, "%s: %d more tasks ended with it\n", x.app.name, n)
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return err
	}
	reduced, sum, err := x.stream.Wait()
	if _, werr := out.Write(reduced); werr != nil {
		return werr
	}
	if n := len(reduced); n > 0 && reduced[n-1] != '\n' {
		_ = out.WriteByte('\n') // the error is that of Flush
	}
	if werr := out.Flush(); werr != nil {
		return werr
	}
	if x.failed > 0 && sum.State == fanfold.Failed {
		return errTasksFailed(x.failed, x.names.count())
	}
	return err
}

// sendLines sends what standard input has, to its end. The error is that of the input: why a
// stream ends before, its results say.
func (x *exchange) sendLines(ctx context.Context) error {
	in := x.app.input(ctx)
	defer in.Close()
	lines := bufio.NewReaderSize(in, 64<<10)
	var line []byte
	for n := 1; ; n++ {
		if x.talk != nil {
			x.talk.prompt()
		}
		var err error
		line, err = readLine(lines, line[:0])
		if errors.Is(err, io.EOF) {
			return nil
		}
		isRead := err == nil
		if isRead {
			if x.talk != nil {
				x.talk.entered()
			}
			err = x.sendLine(ctx, line)
		}
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil || fanfold.KindOf(err) == fanfold.KindUnreachable:
			return nil
		}
		e := *fanfold.UserError("", err)
		e.Input, e.Offset = fmt.Sprintf("line %d of standard input", n), -1
		if x.talk == nil || !isRead {
			return &e
		}
		x.talk.aside(func() { x.app.report(x.app.stderr, &e) })
	}
}

// readLine reads a line without its LF; the last one may lack it.
func readLine(r *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return line, err
		}
		if len(line) > 2*fanfold.PayloadMax {
			return line, fanfold.Errorf(fanfold.KindTooLarge, "read task",
				"a line of over %d bytes: the most is %d", len(line), fanfold.PayloadMax)
		}
	}
}

// sendLine sends one task.
func (x *exchange) sendLine(ctx context.Context, line []byte) error {
	t, id := client.Task{Data: line}, []byte(nil)
	if x.flags.json {
		var err error
		if t, id, err = parseTask(line); err != nil {
			return err
		}
	}
	if n := x.flags.keyField; n > 0 && len(t.Key) == 0 {
		words := bytes.Fields(t.Data)
		if len(words) < n {
			return usagef("read task", "it has %d words, and the key is word %d", len(words), n)
		}
		t.Key = words[n-1]
	} else if x.route != nil && len(t.Key) == 0 && !t.All {
		t.Key, t.All = x.route(t.Data)
	}
	x.names.begin()
	tag, err := x.stream.Send(ctx, t)
	x.names.sent(tag, id, err)
	return err
}

// printAll prints the results.
func (x *exchange) printAll(ctx context.Context, out *bufio.Writer) error {
	for {
		if x.stream.Pending() == 0 || x.talk != nil {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		r, err := x.stream.Recv(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx) // not what becomes of the tasks now
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case r.Moved != nil:
			x.tellMoved(r)
			continue
		case !r.Partial && r.State != fanfold.Succeeded:
			x.failed++
		}
		if x.talk != nil {
			x.talk.aside(func() { err = errors.Join(x.printOne(out, r), out.Flush()) })
		} else {
			err = x.printOne(out, r)
		}
		if err != nil {
			return err
		}
	}
}

func (x *exchange) printOne(out *bufio.Writer, r *client.Result) error {
	if !x.flags.json {
		return x.printText(out, r)
	}
	line, err := marshalResult(r, x.names.id(r))
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return err
}

func (x *exchange) tellMoved(r *client.Result) {
	if m := r.Moved; m.Lost && !x.app.quiet {
		fmt.Fprintf(x.app.stderr, "%s: shard %d was lost; restored: %t; %d tasks behind\n",
			x.app.name, m.Shard, m.Restored, m.Behind)
	}
}

// printText prints a result as a line. What is no result goes to standard error.
func (x *exchange) printText(out *bufio.Writer, r *client.Result) error {
	switch {
	case r.Partial && r.Status != "":
		if !x.app.quiet {
			fmt.Fprintf(x.app.stderr, "%s: %s\n", x.names.name(r.Tag), printable(r.Status))
		}
		return nil
	case !r.Partial && r.State != fanfold.Succeeded:
		x.tellFailed(r)
		return nil
	}
	if _, err := out.Write(r.Data); err != nil {
		return err
	}
	if n := len(r.Data); x.route != nil && n > 0 && r.Data[n-1] == '\n' {
		return nil // an answer of several lines
	}
	return out.WriteByte('\n')
}

// tellFailed says that a task has no result, and why. When the job ends, its tasks need not be told
// of one by one.
func (x *exchange) tellFailed(r *client.Result) {
	if r.State == fanfold.Cancelled || r.State == fanfold.Lost {
		if x.endedBy {
			x.unasked++
			return
		}
		x.endedBy = true
	}
	text := fmt.Sprintf("%s %s", x.names.name(r.Tag), r.State)
	if r.Attempts > 1 {
		text += fmt.Sprintf(" after %d attempts", r.Attempts)
	}
	fmt.Fprintf(x.app.stderr, "%s: %s\n", x.app.name, text)
	if r.Err != nil {
		e := *r.Err
		if r.State == fanfold.Lost {
			e.Hint = "nobody knows whether it has run" // not what Go programs can do
		}
		x.app.report(x.app.stderr, &e)
	}
}
