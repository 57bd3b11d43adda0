package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// echoWithin is how soon after the first signal another of its kind is still the same one:
// timeout(1) sends one to its command and one to its group.
const echoWithin = 250 * time.Millisecond

// errClosedPipe says that nobody reads standard output any more: the command ends quietly.
var errClosedPipe = errors.New("standard output is closed")

// signalError is why a context ended that a signal has ended.
type signalError syscall.Signal

func (s signalError) Error() string { return fmt.Sprintf("ended by %s", syscall.Signal(s)) }

// endOnSignal ends the context at the first SIGINT, SIGTERM or SIGHUP, so that a command can clean
// up. At the second signal the process ends at once: what it started sees the end of its pipes. A
// write to a closed pipe becomes an error instead of a signal. Stop ends the goroutine.
func endOnSignal(parent context.Context, h *hangup) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	done := make(chan struct{}) // closed by stop
	go func() {
		var (
			first syscall.Signal
			at    time.Time
		)
		for {
			select {
			case <-done:
				return
			case sig := <-signals:
				number := sig.(syscall.Signal)
				switch {
				case number == syscall.SIGHUP && h.taken():
				case first == 0:
					first, at = number, time.Now()
					cancel(signalError(number))
				case number != first || time.Since(at) > echoWithin:
					os.Exit(128 + int(number))
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// hangup says what SIGHUP does instead of ending the command.
type hangup struct {
	f atomic.Pointer[func()]
}

// set has SIGHUP call f, which must not block, until undo.
func (h *hangup) set(f func()) (undo func()) {
	h.f.Store(&f)
	return func() { h.f.Store(nil) }
}

// taken calls what SIGHUP is to call, if there is anything.
func (h *hangup) taken() bool {
	f := h.f.Load()
	if f != nil {
		(*f)()
	}
	return f != nil
}

// signalOf is the signal that ended ctx, or zero.
func signalOf(ctx context.Context) syscall.Signal {
	var sig signalError
	if errors.As(context.Cause(ctx), &sig) {
		return syscall.Signal(sig)
	}
	return 0
}
