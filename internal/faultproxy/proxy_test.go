package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a client and a server with a proxy between them.
type rig struct {
	t     *testing.T
	proxy *Proxy
	conns chan net.Conn // what the server has accepted
}

// newRig starts a server that does nothing by itself, and a proxy in front of it.
func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, conns: make(chan net.Conn, 16)}
	back := listen(t)
	go func() {
		for {
			c, err := back.Accept()
			if err != nil {
				close(r.conns)
				return
			}
			r.conns <- c
		}
	}()
	r.proxy = Start(listen(t), To(back.Addr().String()))
	t.Cleanup(func() {
		r.proxy.Close()
		back.Close()
		for c := range r.conns {
			c.Close()
		}
	})
	return r
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connect gives both ends of a new connection.
func (r *rig) connect() (client, server net.Conn) {
	r.t.Helper()
	client, err := net.Dial("tcp", r.proxy.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	server = <-r.conns
	r.t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client, server
}

// text is longer than a piece.
var text = bytes.Repeat([]byte("0123456789abcdef"), 4096)

// sent writes text and the end on one side, and gives what comes out of the other.
func sent(from, to net.Conn) ([]byte, error) {
	go func() {
		_, _ = from.Write(text) // the other side sees what has come
		finish(from)
	}()
	return io.ReadAll(to)
}

// want checks that an action has happened so often.
func (r *rig) want(a Action, n int) {
	r.t.Helper()
	if got := r.proxy.Done(a); got != n {
		r.t.Errorf("%s has happened %d times, want %d", a, got, n)
	}
}

func TestPassesBothWays(t *testing.T) {
	r := newRig(t)
	client, server := r.connect()
	for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
		got, err := sent(ends[0], ends[1])
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("got %d bytes (%v), want the %d that were sent", len(got), err, len(text))
		}
	}
}

func TestFaultsAtAPlace(t *testing.T) {
	const at, length = 20_001, 33_333
	flipped := bytes.Clone(text)
	flipped[at] ^= 1 << 5
	repeated := append(bytes.Clone(text[:at+length]), text[at:]...)
	tests := []struct {
		name  string
		fault Fault
		want  []byte
		err   error
	}{
		{"flip", Fault{Action: Flip, At: at, Bit: 5}, flipped, nil},
		{"repeat", Fault{Action: Repeat, At: at, Length: length}, repeated, nil},
		{"cut", Fault{Action: Cut, At: at}, text[:at], nil},
		{"reset", Fault{Action: Reset, At: 0}, nil, syscall.ECONNRESET},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.proxy.Next(Plan{ToServer: []Fault{tt.fault}}, Plan{ToClient: []Fault{tt.fault}})
			client, server := r.connect()
			got, err := sent(client, server)
			if !errors.Is(err, tt.err) || !bytes.Equal(got, tt.want) {
				t.Errorf("to the server: got %d bytes, %v, want %d, %v",
					len(got), err, len(tt.want), tt.err)
			}
			client, server = r.connect()
			got, err = sent(server, client)
			if !errors.Is(err, tt.err) || !bytes.Equal(got, tt.want) {
				t.Errorf("to the client: got %d bytes, %v, want %d, %v",
					len(got), err, len(tt.want), tt.err)
			}
			client, server = r.connect() // has no plan
			if got, err := sent(client, server); err != nil || !bytes.Equal(got, text) {
				t.Errorf("the third: got %d bytes (%v), want all", len(got), err)
			}
			r.want(tt.fault.Action, 2)
		})
	}
}

// TestStall checks that a stalled direction loses nothing, its end included, and does not hold up
// the other one.
func TestStall(t *testing.T) {
	r := newRig(t)
	client, server := r.connect()
	r.proxy.Set(Plan{ToServer: []Fault{{Action: Stall, At: 100}}})
	if _, err := client.Write(text[:200]); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if _, err := io.ReadFull(server, got); err != nil {
		t.Fatal(err)
	}
	if back, err := sent(server, client); err != nil || !bytes.Equal(back, text) {
		t.Errorf("back: got %d bytes (%v), want all", len(back), err)
	}
	client.Close()
	_ = server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := server.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("got %d bytes and %v through the stall", n, err)
	}
	_ = server.SetReadDeadline(time.Time{})
	r.proxy.Set(Plan{})
	rest, err := io.ReadAll(server)
	if err != nil || !bytes.Equal(append(got, rest...), text[:200]) {
		t.Errorf("after the stall: got %d bytes (%v), want 100", len(rest), err)
	}
	r.want(Stall, 1)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// TestHalfOpen checks that a server does not learn that its client has gone when all is swallowed,
// and that both see a reset when the network is whole again.
func TestHalfOpen(t *testing.T) {
	r := newRig(t)
	client, server := r.connect()
	r.proxy.Set(Both(Fault{Action: Drop}))
	if _, err := client.Write([]byte("swallowed")); err != nil {
		t.Fatal(err)
	}
	abort(client)
	if _, err := server.Write(text); err != nil {
		t.Errorf("the server learns of its client's end: %v", err)
	}
	_ = server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := server.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("got %d bytes and %v, want silence", n, err)
	}
	_ = server.SetReadDeadline(time.Time{})
	r.proxy.Set(Plan{})
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
	if r.proxy.Done(Drop) == 0 {
		t.Error("nothing was dropped")
	}
	client, server = r.connect()
	if got, err := sent(client, server); err != nil || !bytes.Equal(got, text) {
		t.Errorf("a new connection: got %d bytes (%v), want all", len(got), err)
	}
}

// pipes is a listener whose connections are in memory, so that their time can be a test's own.
type pipes struct{ conns chan net.Conn }

func (p *pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p *pipes) Close() error   { close(p.conns); return nil }
func (p *pipes) Addr() net.Addr { return nil }

// TestSlow checks when bytes arrive that are delayed, throttled, or both: what is on its way does
// not hold up what comes behind.
func TestSlow(t *testing.T) {
	tests := []struct {
		name   string
		faults []Fault
		want   time.Duration
	}{
		{"delay", []Fault{{Action: Delay, Delay: time.Second}}, time.Second},
		{"throttle", []Fault{{Action: Throttle, Rate: len(text) / 8}}, 8 * time.Second},
		{"both", []Fault{{Action: Throttle, Rate: len(text) / 8}, {Action: Delay, Delay: time.Second}},
			9 * time.Second},
		{"from a place on", []Fault{{Action: Throttle, At: int64(len(text) / 2), Rate: len(text) / 8}},
			4 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, far := net.Pipe()
				l := &pipes{make(chan net.Conn)}
				p := Start(l, func(context.Context) (net.Conn, error) { return far, nil })
				defer p.Close()
				p.Set(Plan{ToServer: tt.faults})
				client, near := net.Pipe()
				l.conns <- near
				start := time.Now()
				go func() {
					_, _ = client.Write(text) // the server sees what has come
					client.Close()
				}()
				got, err := io.ReadAll(server)
				if err != nil || !bytes.Equal(got, text) {
					t.Errorf("got %d bytes (%v), want all", len(got), err)
				}
				if took := time.Since(start).Round(time.Millisecond); took != tt.want {
					t.Errorf("took %s, want %s", took, tt.want)
				}
				server.Close()
			})
		})
	}
}

// TestCloseEndsAll checks that Close waits for nobody.
func TestCloseEndsAll(t *testing.T) {
	r := newRig(t)
	r.proxy.Set(Both(Fault{Action: Stall}))
	client, _ := r.connect()
	if _, err := client.Write(text); err != nil {
		t.Fatal(err)
	}
	r.proxy.Close()
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("got a byte, want an error")
	}
}
