package worker

import (
	"context"
	"sync"
	"time"
)

// callContext is the context of a call, made for no more than most handlers do with it, which is
// nothing: it becomes a context with a channel and a timer when somebody asks for those. One that
// nobody has asked serves the next call.
type callContext struct {
	base  context.Context // of the process
	until time.Time       // deadline; zero: none

	mu     sync.Mutex // guards what follows
	cause  error      // why the call is to end; nil: it is not
	inner  context.Context
	cancel context.CancelCauseFunc // of inner
	end    context.CancelFunc      // of inner's timer
}

var _ context.Context = (*callContext)(nil)

// begin makes c the context of another call and returns it, or a new one where c has to stay what
// it was.
func (c *callContext) begin(until time.Time) *callContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner != nil {
		return &callContext{base: c.base, until: until}
	}
	c.until, c.cause = until, nil
	return c
}

// stop ends c, for the first cause given.
func (c *callContext) stop(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = cause
	}
	if c.inner != nil {
		c.cancel(cause)
	}
}

// finish is called when the call has ended: what hangs on c is released.
func (c *callContext) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner != nil {
		c.cancel(nil)
		c.end()
	}
}

// whole gives the context with all that belongs to it.
func (c *callContext) whole() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		c.inner, c.cancel = context.WithCancelCause(c.base)
		c.end = func() {}
		if c.cause != nil {
			c.cancel(c.cause)
		} else if !c.until.IsZero() {
			c.inner, c.end = context.WithDeadlineCause(c.inner, c.until, errTimeout)
		}
	}
	return c.inner
}

// Deadline is context.Context.
func (c *callContext) Deadline() (time.Time, bool) { return c.until, !c.until.IsZero() }

// Done is context.Context.
func (c *callContext) Done() <-chan struct{} { return c.whole().Done() }

// Value is context.Context. Package context asks it for what it needs of its own contexts.
func (c *callContext) Value(key any) any { return c.whole().Value(key) }

// Err is context.Context.
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.inner != nil:
		return c.inner.Err()
	case c.cause != nil:
		return context.Canceled
	case !c.until.IsZero() && !time.Now().Before(c.until):
		return context.DeadlineExceeded
	}
	return c.base.Err()
}

// ended reports whether the call was to end.
func (c *callContext) ended() bool { return c.Err() != nil }
