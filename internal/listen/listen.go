// Package listen accepts connections for as long as they can be accepted.
//
// The one idea needed to read it: want of descriptors or memory passes, and a listener outlives it.
package listen

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/fanfold/fanfold/internal/pause"
)

// restTime is how long a listener rests that cannot accept connections just now.
const restTime = 100 * time.Millisecond

// Accept gives each connection of l to handle, one after the other, until ctx ends (then it returns
// nil) or the listener fails. It closes l. What it could not accept, but may later, it tells warn.
func Accept(ctx context.Context, l net.Listener, warn func(error), handle func(net.Conn)) error {
	unwatch := context.AfterFunc(ctx, func() { l.Close() })
	defer unwatch()
	defer l.Close()
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return nil
		case err == nil:
			handle(c)
		case temporary(err):
			warn(err)
			pause.For(ctx, restTime)
		default:
			return err
		}
	}
}

// temporary reports an error of Accept after which the listener works again.
func temporary(err error) bool {
	for _, passing := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS, syscall.ENOMEM,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
