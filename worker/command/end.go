package command

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/fanfold/fanfold"
)

// finish closes the command's input, takes its output to the end, and says how it ended. After it
// nothing is left of the command.
func (c *child) finish(emit *fanfold.Emitter) error {
	if c.ended {
		return c.err
	}
	c.shut()
	if err := c.drain(emit); err != nil && err != errEnough {
		c.abandon()
		c.err = err
		return err
	}
	c.release()
	c.err = c.exitError()
	return c.err
}

// drain takes output until the command and its outputs have ended.
func (c *child) drain(emit *fanfold.Emitter) error {
	exited := c.exited
	ticks := time.NewTicker(c.spec.tick)
	defer ticks.Stop()
	idle := 0 // ticks since the command has ended or, where that counts, written
	for c.chunks != nil || c.notes != nil || exited != nil {
		var err error
		select {
		case chunk, ok := <-c.chunks:
			err = c.output(chunk, ok, emit)
			if exited != nil || c.cmd.ProcessState.Success() {
				idle = 0
			}
		case notes, ok := <-c.notes:
			c.report(notes, ok)
		case <-exited:
			idle, exited = 0, nil
		case <-ticks.C:
			if exited == nil {
				idle++
				err = c.tooLate(idle)
			}
		case <-c.task.Context().Done():
			err = context.Cause(c.task.Context())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends drain without an error.
var errEnough = errors.New("what may come is of no interest")

// tooLate says whether a command that has ended has been given long enough to write more.
func (c *child) tooLate(idle int) error {
	switch {
	case c.chunks == nil || !c.cmd.ProcessState.Success():
		if idle > 1 { // a whole tick
			return errEnough
		}
	case idle > ticksMax:
		return fanfold.Errorf(fanfold.KindUser, c.spec.op(),
			"exited with status 0, but left processes that hold its output open")
	}
	return nil
}

// abandon ends the command without looking at what it says: SIGTERM, and SIGKILL after a while.
func (c *child) abandon() {
	if c.ended {
		return
	}
	_ = c.signal(syscall.SIGTERM) // it may have ended
	c.shut()
	grace := time.NewTimer(stopWait)
	defer grace.Stop()
	for exited := false; !exited; {
		select {
		case chunk, ok := <-c.chunks:
			if !ok {
				c.chunks = nil
				continue
			}
			c.free <- chunk[:chunkSize]
		case _, ok := <-c.notes:
			if !ok {
				c.notes = nil
			}
		case <-grace.C:
			_ = c.signal(syscall.SIGKILL) // it is ending then
		case <-c.exited:
			exited = true
		}
	}
	c.release()
}

// shut closes the command's input, also while feed writes to it.
func (c *child) shut() {
	if c.closed {
		return
	}
	c.closed = true
	close(c.input)
	_ = c.stdin.Close()
	for more := true; more; { // until feed has returned
		_, more = <-c.wrote
	}
}

// release kills what the command has left, which has ended, and waits for the goroutines.
func (c *child) release() {
	c.ended = true
	alone := c.signal(syscall.SIGKILL) != nil
	closeAll(c.stdout, c.stderr) // their readers return
	for c.chunks != nil {
		chunk, ok := <-c.chunks
		if !ok {
			break
		}
		c.free <- chunk[:chunkSize]
	}
	for c.notes != nil {
		if _, ok := <-c.notes; !ok {
			break
		}
	}
	running.leave(c.spec.mark(c.task), alone)
}

// signal signals the command's process group; an error says that nobody is in it. When the command
// itself has ended, its number still is that of the group as long as there is one.
func (c *child) signal(sig syscall.Signal) error { return syscall.Kill(-c.cmd.Process.Pid, sig) }
