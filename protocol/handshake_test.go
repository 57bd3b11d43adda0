package protocol

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
)

var testToken = bytes.Repeat([]byte{7}, TokenLen)

// serverConfig is that of a server which wants the token.
func serverConfig() AcceptConfig {
	return AcceptConfig{
		Token:      testToken,
		Connection: 7,
		Hello:      Hello{Product: "fanfold 0.1.0", Host: "h"},
		Roles:      []Role{RoleClient, RoleWorker},
	}
}

// accepted is what Accept gave.
type accepted struct {
	hello Hello
	id    Identity
	err   error
}

// accept runs the server's half beside the test.
func accept(t *testing.T, c *Conn, cfg AcceptConfig) <-chan accepted {
	t.Helper()
	done := make(chan accepted, 1)
	go func() {
		h, id, err := Accept(t.Context(), c, cfg)
		done <- accepted{h, id, err}
	}()
	return done
}

func TestHandshake(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			a, b := tr.dial(t)
			defer a.Close()
			defer b.Close()
			cfg := serverConfig()
			cfg.Welcome = func(h Hello, id Identity) (Welcome, error) {
				if h.Name != "w" || id.UID != os.Getuid() {
					t.Errorf("asked about %+v of %+v", h, id)
				}
				return Welcome{Worker: 3}, nil
			}
			server := accept(t, b, cfg)
			ours := Hello{Role: uint8(RoleWorker), Name: "w", Slots: []uint32{0, 1}}
			hello, w, err := Connect(t.Context(), a, ours, testToken)
			if err != nil {
				t.Fatal(err)
			}
			if hello.Product != "fanfold 0.1.0" || w.Worker != 3 || w.Proto != 1 || w.Connection != 7 {
				t.Errorf("got %+v and %+v", hello, w)
			}
			got := <-server
			if got.err != nil || got.hello.Name != "w" || len(got.hello.Slots) != 2 {
				t.Errorf("the server got %+v", got)
			}
			// Bulk of full length passes now, and what the role may not send does not.
			send(t, a, &Result{Data: make([]byte, BulkMax-100)}, &Ended{})
			each(t, b, 1, func(Message) {})
			var batch Batch
			if err := b.Read(&batch); fanfold.KindOf(err) != fanfold.KindDenied {
				t.Errorf("got %v, want %s", err, fanfold.KindDenied)
			}
		})
	}
}

// TestHandshakeGlued checks that the first messages may come in one piece with the Welcome.
func TestHandshakeGlued(t *testing.T) {
	a, b := Pair()
	defer a.Close()
	defer b.Close()
	cfg := serverConfig()
	cfg.Identity = &Identity{Name: "uid 5", UID: 5}
	cfg.Welcome = func(Hello, Identity) (Welcome, error) { return Welcome{}, nil }
	server := accept(t, b, cfg)
	sent := make(chan error, 1)
	go func() {
		got := <-server
		if got.id.UID != 5 {
			t.Errorf("got %+v", got)
		}
		sent <- errors.Join(got.err, b.Send(&Result{Data: make([]byte, 100<<10)}))
		b.Flush()
	}()
	if _, _, err := Connect(t.Context(), a, Hello{Role: uint8(RoleClient)}, nil); err != nil {
		t.Fatal(err)
	}
	each(t, a, 1, func(m Message) {
		if m.Kind != KindResult {
			t.Errorf("got %s", m.Kind)
		}
	})
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestR43Refused checks that nobody comes in who should not, and that both sides learn why.
func TestR43Refused(t *testing.T) {
	tests := []struct {
		name  string
		cfg   func(*AcceptConfig)
		role  Role
		token []byte
		want  fanfold.Kind
		words string
	}{
		{"other token", nil, RoleClient, make([]byte, TokenLen), fanfold.KindDenied,
			"server does not have our token"},
		{"no token", nil, RoleClient, nil, fanfold.KindDenied, "wants a proof of the token"},
		{"short token", nil, RoleClient, make([]byte, 5), fanfold.KindDenied, "32 bytes"},
		{"server without token", func(c *AcceptConfig) { c.Token = nil }, RoleClient, testToken,
			fanfold.KindDenied, "nobody can log in here"},
		{"role of the port", nil, RoleProcess, testToken, fanfold.KindDenied,
			"a process of uid "},
		{"role of the identity", func(c *AcceptConfig) {
			c.Identity = &Identity{Name: "i", Roles: []Role{RoleWorker}}
		}, RoleClient, nil, fanfold.KindDenied, "a client of i is not let in by this coordinator"},
		{"by Welcome", func(c *AcceptConfig) {
			c.Welcome = func(Hello, Identity) (Welcome, error) {
				return Welcome{}, fanfold.Errorf(fanfold.KindBusy, "join", "full")
			}
		}, RoleClient, testToken, fanfold.KindBusy, "join: full"},
		{"by Welcome, plainly", func(c *AcceptConfig) {
			c.Welcome = func(Hello, Identity) (Welcome, error) { return Welcome{}, io.ErrNoProgress }
		}, RoleClient, testToken, fanfold.KindDenied, io.ErrNoProgress.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := Pair()
			cfg := serverConfig()
			if tt.cfg != nil {
				tt.cfg(&cfg)
			}
			server := accept(t, b, cfg)
			_, _, err := Connect(t.Context(), a, Hello{Role: uint8(tt.role)}, tt.token)
			if fanfold.KindOf(err) != tt.want || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("got %v of kind %s, want %s with %q", err, fanfold.KindOf(err), tt.want, tt.words)
			}
			if got := <-server; got.err == nil {
				t.Error("the server lets it in")
			}
			for _, c := range []*Conn{a, b} {
				if err := c.Send(&Bye{}); err == nil {
					t.Error("the connection is not closed")
				}
			}
		})
	}
}

// peer does a handshake by hand, on the other end of an Accept.
func peer(t *testing.T, cfg AcceptConfig) (c *Conn, server <-chan accepted) {
	t.Helper()
	a, b := Pair()
	t.Cleanup(func() {
		a.Close()
		b.Close()
	})
	server = accept(t, b, cfg)
	if err := a.readGreeting(); err != nil {
		t.Fatal(err)
	}
	return a, server
}

// refusal reads the Error that ends a handshake.
func refusal(t *testing.T, c *Conn) *fanfold.Error {
	t.Helper()
	var w Welcome
	var e *fanfold.Error
	if err := c.receive(&w); !errors.As(err, &e) {
		t.Fatalf("got %v, want an Error", err)
	}
	var b Batch
	if err := c.Read(&b); err == nil {
		t.Error("something follows an Error")
	}
	return e
}

// TestR41WrongPeer checks that magic and version are refused with both sides' named.
func TestR41WrongPeer(t *testing.T) {
	for _, tt := range []struct {
		hello Hello
		want  fanfold.Kind
		words []string
	}{
		{Hello{Magic: "foldfan", ProtoMin: 1, ProtoMax: 1}, fanfold.KindProtocol,
			[]string{`"foldfan"`, `"fanfold"`}},
		{Hello{Magic: magic, ProtoMin: 2, ProtoMax: 3, Role: 1, Product: "py 9"}, fanfold.KindVersion,
			[]string{"the client (py 9) speaks protocol 2-3", "the coordinator (fanfold 0.1.0) 1-1"}},
		{Hello{Magic: magic, ProtoMin: 0, ProtoMax: 0, Role: 2}, fanfold.KindVersion,
			[]string{"the worker () speaks protocol 0-0"}},
		{Hello{Magic: magic, ProtoMin: 1, ProtoMax: 1, Role: 77, Nonce: make([]byte, 31)},
			fanfold.KindProtocol, []string{"nonce has 31 bytes"}},
	} {
		c, server := peer(t, serverConfig())
		if err := c.transmit(&tt.hello); err != nil {
			t.Fatal(err)
		}
		e := refusal(t, c)
		if e.Kind != tt.want {
			t.Errorf("got kind %s, want %s", e.Kind, tt.want)
		}
		for _, words := range tt.words {
			if !strings.Contains(e.Error(), words) {
				t.Errorf("%q does not say %q", e, words)
			}
		}
		if got := <-server; fanfold.KindOf(got.err) != tt.want {
			t.Errorf("the server: got %v", got.err)
		}
	}
}

// TestR43Replayed checks that a recorded proof is of no use, nor the server's own proof.
func TestR43Replayed(t *testing.T) {
	nonce := newNonce()
	hello := Hello{Magic: magic, ProtoMin: 1, ProtoMax: 1, Role: uint8(RoleClient), Nonce: nonce}
	var recorded []byte
	for i, mac := range []func(server Hello) []byte{
		func(s Hello) []byte { return proof(testToken, clientLabel, hello.Role, nonce, s.Nonce) },
		func(Hello) []byte { return recorded },
		func(s Hello) []byte { return s.Proof },
		func(s Hello) []byte { return proof(testToken, clientLabel, 2, nonce, s.Nonce) },
		func(s Hello) []byte { return proof(testToken, clientLabel, hello.Role, s.Nonce, nonce) },
		func(Hello) []byte { return make([]byte, macLen) },
	} {
		c, server := peer(t, serverConfig())
		var s Hello
		if err := errors.Join(c.transmit(&hello), c.receive(&s)); err != nil {
			t.Fatal(err)
		}
		p := Proof{MAC: mac(s)}
		if i == 0 {
			recorded = p.MAC
		}
		if err := c.transmit(&p); err != nil {
			t.Fatal(err)
		}
		got := <-server
		if in := got.err == nil; in != (i == 0) {
			t.Errorf("proof %d: in %v, %v", i, in, got.err)
		}
		c.Close()
	}
}

// TestHandshakeClientIsCareful checks that a client sends nothing to a server that proves nothing.
func TestHandshakeClientIsCareful(t *testing.T) {
	honest := Hello{Magic: magic, ProtoMin: 1, ProtoMax: 1, Role: uint8(RoleCoordinator)}
	for _, tt := range []struct {
		name     string
		greeting string
		hello    func(theirs *Hello) Hello
		words    string
	}{
		{"no fanfold", "SSH-2.0-x\n", nil, `it said "SSH-2.0-x"`},
		{"no line", strings.Repeat("fanfold ", 100), nil, "no fanfold coordinator"},
		{"no proof", "fanfold 1\n", func(*Hello) Hello { return honest }, "does not have our token"},
		{"reflected", "fanfold 1\n", func(theirs *Hello) Hello {
			h := honest
			h.Nonce = theirs.Nonce
			h.Proof = proof(make([]byte, 32), serverLabel, theirs.Role, theirs.Nonce, h.Nonce)
			return h
		}, "does not have our token"},
		{"a client", "fanfold 1\n", func(*Hello) Hello {
			h := honest
			h.Role = uint8(RoleClient)
			return h
		}, "the peer is a client, and a client looks for a coordinator"},
		{"newer", "fanfold 1\n", func(*Hello) Hello {
			h := honest
			h.ProtoMin, h.ProtoMax = 2, 2
			return h
		}, "speaks protocol 2-2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := Pair()
			defer b.Close()
			heard := make(chan []Kind, 1)
			go func() {
				var kinds []Kind
				b.sendText(tt.greeting)
				b.Flush()
				var theirs Hello
				if tt.hello != nil && b.receive(&theirs) == nil {
					h := tt.hello(&theirs)
					b.transmit(&h)
				}
				var batch Batch
				for b.Read(&batch) == nil {
					for m := range batch.All() {
						kinds = append(kinds, m.Kind)
					}
				}
				heard <- kinds
			}()
			_, _, err := Connect(t.Context(), a, Hello{Role: uint8(RoleClient)}, testToken)
			if err == nil || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("got %v, want %q", err, tt.words)
			}
			if got := <-heard; len(got) > 0 {
				t.Errorf("the client sent %v", got)
			}
		})
	}
}

// TestHandshakeHuman checks what people see who connect by hand, or with a browser.
func TestHandshakeHuman(t *testing.T) {
	for _, text := range []string{
		"help\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n", "hi\n", "\n",
	} {
		x, y := connected(t, "tcp", "127.0.0.1:0")
		c := NewConn(y)
		server := accept(t, c, serverConfig())
		if _, err := io.WriteString(x, text); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(x)
		x.Close()
		want := "fanfold 0.1.0 protocol 1-1 connection 7\n" + forHumans
		if err != nil || string(got) != want {
			t.Errorf("%q: got %q and %v, want %q", text, got, err, want)
		}
		if got := <-server; !errors.Is(got.err, errText) {
			t.Errorf("the server: got %v", got.err)
		}
	}
}

// TestR42HostileHandshake feeds the table to a port before authentication: each costs at most 64
// KiB.
func TestR42HostileHandshake(t *testing.T) {
	for _, tt := range hostile {
		s := &source{data: tt.bytes}
		c := newConn(s)
		var err error
		cost := allocated(func() { _, _, err = Accept(t.Context(), c, serverConfig()) })
		if err == nil {
			t.Errorf("%s: is let in", tt.name)
		}
		if cost > 64<<10 {
			t.Errorf("%s: costs %d bytes of memory", tt.name, cost)
		}
	}
}

// TestR40SlowHandshake checks that a handshake ends with its context, whatever the peer does.
func TestR40SlowHandshake(t *testing.T) {
	for _, text := range []string{"", "\x00", "\x00\x00\x00\x09\x91\x01"} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			a, b := Pair()
			defer b.Close()
			b.sendText(text)
			b.Flush()
			if _, _, err := Accept(ctx, a, serverConfig()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("accept: got %v, want DeadlineExceeded", err)
			}
			c, d := Pair()
			defer d.Close()
			d.sendText("fanfold 1\n" + text)
			d.Flush()
			ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, _, err := Connect(ctx, c, Hello{}, testToken)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("connect: got %v, want DeadlineExceeded", err)
			}
		})
	}
}

func TestPeerUID(t *testing.T) {
	x, y := connected(t, "unix", filepath.Join(t.TempDir(), "s"))
	defer x.Close()
	defer y.Close()
	if uid, err := PeerUID(y); err != nil || uid != os.Getuid() {
		t.Errorf("got %d and %v, want %d", uid, err, os.Getuid())
	}
	tcp, peer := connected(t, "tcp", "127.0.0.1:0")
	defer tcp.Close()
	defer peer.Close()
	if uid, err := PeerUID(tcp); err == nil {
		t.Errorf("tcp: got %d", uid)
	}
	y.Close()
	if _, err := PeerUID(y); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
}
