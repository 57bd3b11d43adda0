package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// errClosedPipe says that nobody reads standard output any more: the command ends quietly.
var errClosedPipe = errors.New("standard output is closed")

// signalError is why a context ended that a signal has ended.
type signalError syscall.Signal

func (s signalError) Error() string { return fmt.Sprintf("ended by %s", syscall.Signal(s)) }

// endOnSignal ends the context at the first SIGINT, SIGTERM or SIGHUP, so that a command can clean
// up. At the second signal the process ends at once: what it started sees the end of its pipes. A
// write to a closed pipe becomes an error instead of a signal. Stop ends the goroutine.
func endOnSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	done := make(chan struct{}) // closed by stop
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case sig := <-signals:
				number := sig.(syscall.Signal)
				if n > 0 {
					os.Exit(128 + int(number))
				}
				cancel(signalError(number))
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// signalOf is the signal that ended ctx, or zero.
func signalOf(ctx context.Context) syscall.Signal {
	var sig signalError
	if errors.As(context.Cause(ctx), &sig) {
		return syscall.Signal(sig)
	}
	return 0
}
