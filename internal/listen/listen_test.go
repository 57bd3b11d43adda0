package listen

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listener gives what a test has for it, and then waits to be closed.
type listener struct {
	list   chan any // of net.Conn and error
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case v := <-l.list:
		if err, ok := v.(error); ok {
			return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
		}
		return v.(net.Conn), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *listener) Addr() net.Addr { return nil }

// accept runs Accept over a list, to its end or to that of ctx.
func accept(ctx context.Context, list ...any) (warned, handled int, err error) {
	l := &listener{make(chan any, len(list)), make(chan struct{})}
	for _, v := range list {
		l.list <- v
	}
	err = Accept(ctx, l, func(error) { warned++ }, func(c net.Conn) {
		handled++
		c.Close()
	})
	<-l.closed
	return warned, handled, err
}

// TestWantPasses checks that a listener goes on when descriptors and memory are back.
func TestWantPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		warned, handled, err := accept(t.Context(), syscall.EMFILE, a, syscall.ENOMEM, b, syscall.EINVAL)
		if warned != 2 || handled != 2 || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%d warnings, %d connections, %v; want 2, 2 and EINVAL", warned, handled, err)
		}
	})
}

func TestEndOfContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			cancel()
		}()
		a, _ := net.Pipe()
		if _, handled, err := accept(ctx, a); handled != 1 || err != nil {
			t.Errorf("%d connections, %v; want 1 and nil", handled, err)
		}
	})
}
