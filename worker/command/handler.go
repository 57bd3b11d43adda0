package command

import (
	"bytes"
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/proctree"
)

// hintAfter is how long a kept command may be silent before its client is told what mostly is the
// cause.
const hintAfter = 2 * time.Second

// hint is that cause.
const hint = "the command has not answered yet; if it buffers its output, try stdbuf -oL, " +
	"fflush() or --pipelined"

// kept is a Handler that keeps its command running: a task is a line for it, and the next line that
// it writes is the result. One task is with the command at a time.
type kept struct {
	spec *spec
	task *fanfold.Task

	child *child // nil: none runs
	sink  *fanfold.Emitter
	line  []byte // what the command is given
	lines int    // that it has written since then
	reply *fanfold.Reply
}

func newKept(s *spec, t *fanfold.Task) *kept {
	return &kept{spec: s, task: t, sink: fanfold.NewEmitter(nothing{})}
}

// nothing is a sink for a child whose lines do not become records.
type nothing struct{}

func (nothing) Flush(*fanfold.Batch) error { return nil }

// Handle gives a line to the command and takes the line that it answers with. After an error the
// command is gone, and the next task starts another: an answer is never taken for that of another
// task.
func (k *kept) Handle(ctx context.Context, in []byte, reply *fanfold.Reply) error {
	if err := oneLine(in); err != nil {
		return err
	}
	k.lines, k.reply = 0, reply
	kept := k.child
	err := k.ask(ctx, in)
	if errors.Is(err, errNoAnswer) && k.child == kept {
		k.end() // it was about to end when it was given the task
		err = k.ask(ctx, in)
	}
	k.reply = nil
	if err != nil {
		k.end()
	}
	return err
}

func (k *kept) ask(ctx context.Context, in []byte) (err error) {
	if err := k.ready(k.take); err != nil {
		return err
	}
	if k.lines > 0 {
		return k.surplus("after its answer to the task before this one")
	}
	k.line = append(append(k.line[:0], in...), '\n')
	answered := func() bool { return k.lines > 0 }
	err = k.child.converse(ctx, k.line, k.sink, answered, hintAfter, k.hint)
	if err != nil {
		return err
	}
	if k.lines > 1 || len(k.child.lines.rest) > 0 {
		return k.surplus("in answer to one task")
	}
	return nil
}

// ready sees to it that a command runs, and takes what the one that runs has written unasked. One
// that has ended between two tasks, as it may, is followed by another.
func (k *kept) ready(take taker) (err error) {
	if k.child != nil {
		k.child.take = take
		k.child.calm()
		if err := k.child.takeReady(k.sink); err != nil {
			return err
		}
		if k.child.chunks == nil {
			k.end()
		}
	}
	if k.child == nil {
		k.child, err = start(k.spec, k.task, take, 0)
	}
	return err
}

// end ends the command.
func (k *kept) end() {
	if k.child != nil {
		k.child.abandon()
		k.child = nil
	}
}

// take takes a line of output.
func (k *kept) take(line []byte, _ *fanfold.Emitter) error {
	if k.lines++; k.lines == 1 && k.reply != nil {
		_, err := k.reply.Write(line)
		return err
	}
	return nil
}

func (k *kept) hint() error {
	_ = k.reply.Progress(hint) // a client that is gone needs none
	return nil
}

// surplus is the error for a command that does not write one line for each line.
func (k *kept) surplus(when string) error {
	e := fanfold.Errorf(fanfold.KindUser, k.spec.op(), "it wrote more than one line %s", when)
	e.Log = k.child.tail.String()
	e.Hint = "it must write exactly one line for each line that it reads; or use --per-task"
	return e
}

// Close ends the command.
func (k *kept) Close(*fanfold.Emitter) error {
	k.end()
	return nil
}

// oneLine refuses a task that is more than a line.
func oneLine(in []byte) error {
	if bytes.IndexByte(in, '\n') >= 0 {
		return fanfold.Errorf(fanfold.KindUsage, "read task",
			"it has a line feed in it: a task of a command is one line")
	}
	return nil
}

// calm waits for a moment until the command waits for input: so what it still had to write after
// its answer is there. It is a help and no more, since a command may have others write for it.
func (c *child) calm() {
	for range calmLooks {
		if !proctree.Runs(c.cmd.Process.Pid) {
			return
		}
		time.Sleep(calmPause)
	}
}

// How long calm waits: a command that goes on for longer is given its task.
const (
	calmLooks = 50
	calmPause = 100 * time.Microsecond
)

// takeReady takes what the command has written by now, without waiting.
func (c *child) takeReady(emit *fanfold.Emitter) error {
	for {
		select {
		case chunk, ok := <-c.chunks:
			if err := c.output(chunk, ok, emit); err != nil || !ok {
				return err
			}
		case notes, ok := <-c.notes:
			c.report(notes, ok)
		default:
			return nil
		}
	}
}

// converse writes p to the command and takes its output until done. silent is called when the
// command has read p and then written nothing for so long; its error ends the waiting. Other errors
// say that the command has ended before, or that ctx has.
func (c *child) converse(
	ctx context.Context, p []byte, emit *fanfold.Emitter, done func() bool,
	quiet time.Duration, silent func() error,
) error {
	silence := time.NewTimer(quiet)
	defer silence.Stop()
	if !c.deaf {
		c.input <- p
	}
	writing := !c.deaf
	for writing || !done() {
		if c.chunks == nil && !done() {
			return c.gone(emit)
		}
		var err error
		select {
		case wrong := <-c.wrote:
			writing, c.deaf = false, wrong != nil
			silence.Reset(quiet)
		case chunk, ok := <-c.chunks:
			err = c.output(chunk, ok, emit)
			silence.Reset(quiet)
		case notes, ok := <-c.notes:
			c.report(notes, ok)
		case <-silence.C:
			if !writing {
				err = silent()
			}
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gone says how a command ended that still had to answer.
func (c *child) gone(emit *fanfold.Emitter) error {
	err := c.finish(emit)
	if err != nil {
		return err
	}
	e := fanfold.Errorf(fanfold.KindUser, c.spec.op(), "%w", errNoAnswer)
	e.Log = c.tail.String()
	return e
}

var errNoAnswer = errors.New("exited with status 0 before it had answered")

// perTask is a Handler that starts its command for each task: the task is the command's input, its
// output without the last line feed is the result.
type perTask struct {
	spec *spec
	task *fanfold.Task
}

// Handle runs the command.
func (h perTask) Handle(ctx context.Context, in []byte, reply *fanfold.Reply) (err error) {
	var lines int
	take := func(line []byte, _ *fanfold.Emitter) error {
		if lines++; lines > 1 {
			_, _ = reply.Write(lf) // it never fails
		}
		_, err := reply.Write(line)
		return err
	}
	c, err := start(h.spec, h.task, take, 0)
	if err != nil {
		return err
	}
	defer c.abandon() // nothing, once it has ended
	sink := fanfold.NewEmitter(nothing{})
	text := append(append([]byte(nil), in...), '\n')
	if err := c.converse(ctx, text, sink, always, hintAfter, nil); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.signal(syscall.SIGKILL) })
	defer stop()
	if err := c.finish(sink); ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// errCount is returned for a pipelined command that gave too many or too few answers.
var errCount = errors.New("the number of its lines is not that of its input")

// pipelined is a BatchHandler that gives its command many lines ahead, in order, and takes as many
// answers: for commands that buffer. When the answers do not come by themselves, the command's
// input is closed, and it has to write them then.
type pipelined struct {
	kept
	buffers bool // it has not answered before the end of its input
}

// answerWait is how long a pipelined command that may keep its answers back is waited for.
const answerWait = 50 * time.Millisecond

// HandleBatch gives all lines to the command. Unless there are as many answers, all tasks fail:
// none can be told from another.
func (p *pipelined) HandleBatch(ctx context.Context, tasks []*fanfold.Reply) error {
	p.line, p.lines = p.line[:0], 0
	given := make([]*fanfold.Reply, 0, len(tasks))
	for _, t := range tasks {
		if err := oneLine(t.In()); err != nil {
			t.Fail(err)
			continue
		}
		given = append(given, t)
		p.line = append(append(p.line, t.In()...), '\n')
	}
	err := p.answers(ctx, given)
	if err != nil || p.buffers {
		p.end()
	}
	return err
}

func (p *pipelined) answers(ctx context.Context, tasks []*fanfold.Reply) (err error) {
	take := func(line []byte, _ *fanfold.Emitter) error {
		if p.lines++; p.lines > len(tasks) {
			return p.miscounted(len(tasks))
		}
		_, err := tasks[p.lines-1].Write(line)
		return err
	}
	if err := p.ready(take); err != nil {
		return err
	}
	if p.lines > 0 {
		return p.miscounted(0)
	}
	all := func() bool { return p.lines >= len(tasks) }
	if !p.buffers {
		err := p.child.converse(ctx, p.line, p.sink, all, answerWait, errSilent)
		if !errors.Is(err, errSilence) {
			return err
		}
		p.buffers = true
	} else if err := p.child.converse(ctx, p.line, p.sink, always, answerWait, nil); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.child.signal(syscall.SIGKILL) })
	defer stop()
	err = p.child.finish(p.sink)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && !all():
		return p.miscounted(len(tasks))
	}
	return err
}

// errSilence ends the waiting for a command that keeps its answers back.
var errSilence = errors.New("it has written nothing for a while")

func errSilent() error { return errSilence }

func always() bool { return true }

func (p *pipelined) miscounted(want int) error {
	e := fanfold.Errorf(fanfold.KindUser, p.spec.op(), "%w: %d answers to %d lines", errCount,
		p.lines, want)
	e.Log = p.child.tail.String()
	e.Hint = "it must write exactly one line for each line that it reads; or use --per-task"
	return e
}
