package command

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"github.com/fanfold/fanfold"
)

// The pieces that output is handed over in.
const (
	chunkSize  = 64 << 10 // bytes
	chunkCount = 4        // that are read ahead
)

// child is one running command. All its methods but those of the four goroutines that serve it are
// for the goroutine of the attempt, which alone emits, counts and logs. Of the four, one writes to
// the command's input, one reads each of its outputs, one waits for its end. They and the attempt
// talk by channels only, so that whatever the command does first, the attempt takes what there is:
// neither waits for the other for ever.
type child struct {
	spec *spec
	task *fanfold.Task
	take taker

	cmd            *exec.Cmd
	stdin          *os.File
	stdout, stderr *os.File

	input  chan []byte   // to write; closed by shut
	wrote  chan error    // an answer for each input; closed by feed
	chunks chan []byte   // of output; closed by readOutput, then set to nil
	free   chan []byte   // chunks to be used again; never closed
	notes  chan []note   // closed by readNotes, then set to nil
	exited chan struct{} // closed by wait

	lines  lines
	tail   tail  // of what the command said on standard error
	closed bool  // input is
	deaf   bool  // the command reads no more
	ended  bool  // nothing is left of the command
	err    error // how it ended
}

// start starts a command. Offset is that of the first record, where there is one.
func start(s *spec, t *fanfold.Task, take taker, offset int64) (*child, error) {
	c := &child{
		spec: s, task: t, take: take,
		input:  make(chan []byte, 1),
		wrote:  make(chan error, 1),
		chunks: make(chan []byte, chunkCount),
		free:   make(chan []byte, chunkCount),
		notes:  make(chan []note, 1),
		exited: make(chan struct{}),
		lines:  lines{max: fanfold.RecordMax},
	}
	c.cmd = exec.Command(s.argv[0], s.argv[1:]...)
	c.cmd.Env = environment(t, s, offset)
	c.cmd.Dir = directory(t, s.command)
	// A group of its own, so that it can be killed with what it starts.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	running.join()
	if err := c.connect(); err != nil {
		running.leave(c.spec.mark(t), true)
		return nil, c.startError(err)
	}
	for range chunkCount {
		c.free <- make([]byte, chunkSize)
	}
	go c.feed()
	go c.readOutput()
	go readNotes(c.stderr, c.notes)
	go c.wait()
	return c, nil
}

// connect makes the pipes and starts the command on them.
func (c *child) connect() (err error) {
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	stdin, input := pipe()
	output, stdout := pipe()
	log, stderr := pipe()
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = stdin, stdout, stderr
	c.stdin, c.stdout, c.stderr = input, output, log
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		closeAll(input, output, log)
	}
	closeAll(stdin, stdout, stderr)
	return err
}

// closeAll closes pipes; nil ones were not opened.
func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // a pipe keeps nothing back
		}
	}
}

// feed writes to the command what comes by input.
func (c *child) feed() {
	defer close(c.wrote)
	for p := range c.input {
		_, err := c.stdin.Write(p)
		c.wrote <- err
	}
}

// readOutput reads the command's output to its end.
func (c *child) readOutput() {
	defer close(c.chunks)
	for buf := range c.free {
		n, err := c.stdout.Read(buf)
		if n > 0 {
			c.chunks <- buf[:n]
		}
		if err != nil {
			return
		}
	}
}

func (c *child) wait() {
	_ = c.cmd.Wait() // ProcessState says it all
	close(c.exited)
}

// write hands p to the command and takes its output meanwhile. It returns when p is written, or is
// not wanted because the command has ended well. After an error the command is gone.
func (c *child) write(p []byte, emit *fanfold.Emitter) error {
	if c.ended {
		return c.err
	}
	if c.deaf {
		return c.peek(emit)
	}
	c.input <- p
	for {
		var err error
		select {
		case e := <-c.wrote:
			// The one cause is that nobody holds the other end any more. That is no fault: `head`
			// does it.
			c.deaf = e != nil
			return nil
		case chunk, ok := <-c.chunks:
			err = c.output(chunk, ok, emit)
		case notes, ok := <-c.notes:
			c.report(notes, ok)
		case <-c.task.Context().Done():
			err = context.Cause(c.task.Context())
		}
		if err != nil {
			c.abandon()
			c.err = err
			return err
		}
	}
}

// peek ends a command that reads no more, once it has ended by itself: a failure is to be known
// before all input was read.
func (c *child) peek(emit *fanfold.Emitter) error {
	select {
	case <-c.exited:
		return c.finish(emit)
	default:
		return nil
	}
}

// output takes a chunk of output; not ok: it has ended.
func (c *child) output(chunk []byte, ok bool, emit *fanfold.Emitter) error {
	each := func(line []byte) error { return c.take(line, emit) }
	var err error
	if ok {
		err = c.lines.feed(chunk, each)
		c.free <- chunk[:chunkSize]
		c.task.SetStatus(c.task.Status()) // output is progress
	} else {
		c.chunks = nil
		err = c.lines.end(each)
	}
	if errors.Is(err, errLong) {
		err = fanfold.Errorf(fanfold.KindTooLarge, c.spec.op(), "it wrote %w: over %d MiB", err,
			fanfold.RecordMax>>20)
	}
	if err == nil {
		err = emit.Err()
	}
	return err
}

// report obeys notes; not ok: there are no more.
func (c *child) report(notes []note, ok bool) {
	if !ok {
		c.notes = nil
	}
	for i := range notes {
		switch n := &notes[i]; {
		case n.text != nil:
			c.tail.write(n.text)
			if c.task.Log != nil {
				_, _ = c.task.Log.Write(n.text) // a log that is full is no reason to fail
			}
		case n.status != nil:
			c.task.SetStatus(*n.status)
		default:
			c.task.Count(n.group, n.name, n.n)
		}
	}
}
