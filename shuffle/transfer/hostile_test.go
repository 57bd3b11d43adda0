package transfer_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle/transfer"
)

// stranger is a worker that says to a server what a fetcher would not.
type stranger struct {
	t    *testing.T
	conn *protocol.Conn
	next []protocol.Piece
}

// join connects to the server of a rig, past its proxy.
func (r *rig) join(t *testing.T, n network, role protocol.Role) (*stranger, error) {
	t.Helper()
	c, err := n.dial(t.Context(), n.behind)
	if err != nil {
		t.Fatal(err)
	}
	conn := protocol.NewConn(c)
	t.Cleanup(func() { conn.Close() })
	_, _, err = protocol.ConnectTo(t.Context(), conn, protocol.RoleWorker,
		protocol.Hello{Role: uint8(role)}, testToken)
	return &stranger{t: t, conn: conn}, err
}

func (s *stranger) send(m protocol.Body) {
	s.t.Helper()
	if err := s.conn.Send(m); err != nil {
		s.t.Fatal(err)
	}
	s.conn.Flush()
}

// fetch asks for the first partition.
func (s *stranger) fetch(stream uint64, credit int64) {
	s.t.Helper()
	s.send(&protocol.Fetch{Stream: stream, Path: testPath, Credit: credit,
		Ticket: protocol.Ticket(testKey, testPath, 0)})
}

// piece waits for the next Piece; an error ends the connection.
func (s *stranger) piece() (protocol.Piece, error) {
	var b protocol.Batch
	for len(s.next) == 0 {
		if err := s.conn.Read(&b); err != nil {
			return protocol.Piece{}, err
		}
		for m := range b.All() {
			if m.Kind != protocol.KindPiece {
				return protocol.Piece{}, fmt.Errorf("got a %s", m.Kind)
			}
			var p protocol.Piece
			if err := protocol.Decode(m, &p); err != nil {
				return p, err
			}
			s.next = append(s.next, p)
		}
	}
	p := s.next[0]
	s.next = s.next[1:]
	return p, nil
}

// A server sends no more than there is credit for. A stream without credit holds up nobody, and is
// ended after a time.
func TestServerKeepsToCredit(t *testing.T) {
	inTestTime(t, func(t *testing.T) {
		n := memory()
		r := newRig(t, n, large)
		s, err := r.join(t, n, protocol.RoleWorker)
		if err != nil {
			t.Fatal(err)
		}
		s.fetch(1, 10)
		if p, err := s.piece(); err != nil || len(p.Data) != 10 || p.Last {
			t.Fatalf("got %d bytes, %v; want 10", len(p.Data), err)
		}
		s.send(&protocol.Credit{Stream: 1, Bytes: 20})
		if p, err := s.piece(); err != nil || len(p.Data) != 20 || p.Offset != 10 {
			t.Fatalf("got %d bytes at %d, %v; want 20 at 10", len(p.Data), p.Offset, err)
		}
		s.fetch(2, 5)
		if p, err := s.piece(); err != nil || p.Stream != 2 || len(p.Data) != 5 {
			t.Fatalf("got %d bytes of stream %d, %v; want 5 of 2", len(p.Data), p.Stream, err)
		}
		for range 2 {
			p, err := s.piece()
			if err != nil || !p.Last || fanfold.Kind(p.Kind) != fanfold.KindTimeout {
				t.Fatalf("got %+v, %v; want a time-out", p, err)
			}
		}
	})
}

// A connection has so many streams at most; one more is refused, and the connection goes on.
func TestServerLimitsStreams(t *testing.T) {
	n := loopback(t)
	r := newRig(t, n, large)
	s, err := r.join(t, n, protocol.RoleWorker)
	if err != nil {
		t.Fatal(err)
	}
	const most = 64
	for i := range uint64(most + 1) {
		s.fetch(i+1, 1)
	}
	refused := 0
	for range most + 1 {
		p, err := s.piece()
		if err != nil {
			t.Fatal(err)
		}
		if fanfold.Kind(p.Kind) == fanfold.KindBusy {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d streams were refused, want 1", refused)
	}
}

// What no worker says ends the connection it comes on, and no other.
func TestB9ServerOfSegments(t *testing.T) {
	tests := []struct {
		name string
		say  func(*stranger)
	}{
		{"a message for a coordinator", func(s *stranger) { s.send(&protocol.Heartbeat{}) }},
		{"a stream twice", func(s *stranger) { s.fetch(1, 1); s.fetch(1, 1) }},
		{"a message of another role", func(s *stranger) { s.send(&protocol.Cancel{}) }},
	}
	n := loopback(t)
	r := newRig(t, n, small)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := r.join(t, n, protocol.RoleWorker)
			if err != nil {
				t.Fatal(err)
			}
			tt.say(s)
			for err == nil {
				_, err = s.piece()
			}
			if err := r.fetcher.Fetch(t.Context(), r.ask(1)); err != nil {
				t.Fatal(err)
			}
			r.right(1)
		})
	}
	if _, err := r.join(t, n, protocol.RoleClient); err == nil {
		t.Error("a client was let in")
	}
}

// liar is a server that answers a Fetch with what say makes of it.
func liar(
	t *testing.T, say func(f *protocol.Fetch) protocol.Body,
) func(context.Context, string, string) (net.Conn, error) {
	serve := func(c net.Conn) {
		conn := protocol.NewConn(c)
		defer conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, _, err := protocol.Accept(ctx, conn, protocol.AcceptConfig{
			Token: testToken, Roles: []protocol.Role{protocol.RoleWorker},
			Hello: protocol.Hello{Role: uint8(protocol.RoleWorker), Product: "fanfold"},
		})
		if err != nil {
			t.Error(err)
			return
		}
		var b protocol.Batch
		for conn.Read(&b) == nil {
			for m := range b.All() {
				var f protocol.Fetch
				if m.Kind == protocol.KindFetch && protocol.Decode(m, &f) == nil {
					_ = conn.Send(say(&f))
				}
			}
			conn.Flush()
		}
	}
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go serve(far)
		return near, nil
	}
}

// A server that lies is found out, costs no memory, and leaves nothing.
func TestR19ServerThatLies(t *testing.T) {
	bomb := binary.AppendUvarint(nil, 1<<31) // bytes, says the head of the s2 block
	piece := func(p protocol.Piece) func(*protocol.Fetch) protocol.Body {
		return func(f *protocol.Fetch) protocol.Body {
			p.Stream = f.Stream
			return &p
		}
	}
	tests := []struct {
		name string
		say  func(f *protocol.Fetch) protocol.Body
		kind fanfold.Kind
	}{
		{"records that are not there", piece(protocol.Piece{Records: 7, Last: true}),
			fanfold.KindCorrupt},
		{"another offset", piece(protocol.Piece{Offset: 5, Bytes: 9, Data: []byte("abcd"), Last: true}),
			fanfold.KindCorrupt},
		{"more than there is", piece(protocol.Piece{Bytes: 3, Data: []byte("abcd"), Last: true}),
			fanfold.KindCorrupt},
		{"an end that is none", piece(protocol.Piece{Bytes: 9, Data: []byte("abcd"), Last: true}),
			fanfold.KindCorrupt},
		{"no end", piece(protocol.Piece{Bytes: 4, Data: []byte("abcd")}), fanfold.KindCorrupt},
		{"what is no block", piece(protocol.Piece{Bytes: 30, Data: make([]byte, 30), Last: true}),
			fanfold.KindCorrupt},
		{"a bomb", piece(protocol.Piece{Bytes: 1 << 31, Codec: protocol.CodecS2, Data: bomb}),
			fanfold.KindCorrupt},
		{"what is no s2", piece(protocol.Piece{Bytes: 9, Codec: protocol.CodecS2, Data: []byte{4, 255}}),
			fanfold.KindCorrupt},
		{"a codec that nobody has", piece(protocol.Piece{Bytes: 9, Codec: 9, Data: []byte{1}}),
			fanfold.KindUnsupported},
		{"a message of another kind", func(*protocol.Fetch) protocol.Body {
			return &protocol.Heartbeat{}
		}, fanfold.KindProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inTestTime(t, func(t *testing.T) {
				r := newRig(t, memory(), small, func(_ *transferServer, fc *transferFetcher) {
					fc.Dial = liar(t, tt.say)
				})
				r.failed(r.fetcher.Fetch(t.Context(), r.ask(0)), tt.kind)
				r.fetcher.Close()
			})
		})
	}
}

// A disk that cannot be written to is not the source's fault.
func TestFetchCannotWrite(t *testing.T) {
	r := newRig(t, loopback(t), small)
	if err := os.WriteFile(r.to+"/"+testJob, nil, 0o600); err != nil { // where a folder is to be
		t.Fatal(err)
	}
	err := r.fetcher.Fetch(t.Context(), r.ask(0))
	wantKind(t, err, fanfold.KindDisk)
	if !transfer.IsLocal(err) {
		t.Errorf("%v is said to be the source's fault", err)
	}
}

// Connections that were refused for want of room take none themselves.
func TestServerForgetsRefusedSessions(t *testing.T) {
	n := loopback(t)
	r := newRig(t, n, small)
	const most = 1024
	open := make([]*stranger, 0, most)
	for range most {
		s, err := r.join(t, n, protocol.RoleWorker)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	for range 3 {
		if _, err := r.join(t, n, protocol.RoleWorker); fanfold.KindOf(err) != fanfold.KindBusy {
			t.Fatalf("got %v, want %v", err, fanfold.KindBusy)
		}
	}
	open[0].conn.Close()
	for range 10_000 { // its end comes to be known
		if _, err := r.join(t, n, protocol.RoleWorker); err == nil {
			return
		}
	}
	t.Error("nobody gets in although one has left")
}
