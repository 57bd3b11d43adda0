package protocol

import (
	"context"
	"errors"
	"io"
	"testing"
)

// relayed connects two Conns by a Relay, whose near side is made by one transport and whose far
// side is TCP.
func relayed(t *testing.T, dial func(testing.TB) (a, b *Conn)) (x, y *Conn, cut func()) {
	t.Helper()
	x, near := dial(t)
	far, y := dialNet(t, "tcp", "127.0.0.1:0")
	ctx, cut := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		Relay(ctx, near, far)
	}()
	t.Cleanup(func() {
		x.Close()
		y.Close()
		<-over
		cut()
	})
	return x, y, cut
}

// TestB12Relay checks that what is relayed arrives whole and in order, both ways at once, and that
// each side finds the end of the other behind all that it has said.
func TestB12Relay(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				x, y, _ := relayed(t, transport.dial)
				if !first {
					x, y = y, x
				}
				sent := make(chan error, 1)
				go func() { sent <- sendMany(x) }()
				receiveMany(t, y)
				y.Close()
				if err := <-sent; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestRelayIsCut checks that both sides of a relay that is cut find the end.
func TestRelayIsCut(t *testing.T) {
	x, y, cut := relayed(t, dialPipes)
	cut()
	var b Batch
	for _, c := range []*Conn{x, y} {
		if err := c.Read(&b); err == nil {
			t.Error("a message came")
		}
	}
}

const relayBlocks = 40

// sendMany sends blocks and ends the connection.
func sendMany(c *Conn) error {
	for i := range relayBlocks {
		if err := c.WaitQueued(context.Background(), BlockMax); err != nil {
			return err
		}
		if err := c.Send(&Input{Stream: uint64(i), Data: make([]byte, BlockMax)}); err != nil {
			return err
		}
	}
	return c.Shutdown(context.Background())
}

// receiveMany reads what sendMany has sent, and the end.
func receiveMany(t *testing.T, c *Conn) {
	t.Helper()
	var b Batch
	n := 0
	for {
		if err := c.Read(&b); err != nil {
			if !errors.Is(err, io.EOF) || n != relayBlocks {
				t.Errorf("after %d blocks: %v, want the end after %d", n, err, relayBlocks)
			}
			return
		}
		for m := range b.All() {
			var in Input
			if err := Decode(m, &in); err != nil || in.Stream != uint64(n) || len(in.Data) != BlockMax {
				t.Fatalf("block %d is %d of %d bytes, %v", n, in.Stream, len(in.Data), err)
			}
			n++
		}
	}
}
