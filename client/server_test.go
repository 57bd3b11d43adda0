package client

import (
	"bytes"
	"context"
	"testing"

	"github.com/fanfold/fanfold/protocol"
)

// server is the coordinator's side of a connection, played by a test.
type server struct {
	t    testing.TB
	conn *protocol.Conn
	got  []protocol.Body // received and not yet looked at
}

// connect gives a client and the server that it talks to.
func connect(t testing.TB) (*Client, *server) {
	t.Helper()
	return connectOver(t, protocol.Pair)
}

// connectOver is connect over a transport.
func connectOver(
	t testing.TB, transport func() (ours, theirs *protocol.Conn),
) (*Client, *server) {
	t.Helper()
	ours, theirs := transport()
	s := &server{t: t, conn: theirs}
	accepted := make(chan error, 1)
	go func() {
		_, _, err := protocol.Accept(t.Context(), theirs, protocol.AcceptConfig{
			Identity: &protocol.Identity{Name: "ann"}, Connection: 7,
			Hello: protocol.Hello{Product: "fanfold 0.0.0"},
			Roles: []protocol.Role{protocol.RoleClient},
		})
		accepted <- err
	}()
	c, err := New(t.Context(), ours, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.conn.Close()
	})
	return c, s
}

// send sends messages at once.
func (s *server) send(list ...protocol.Body) {
	s.t.Helper()
	for _, m := range list {
		if err := s.conn.WaitQueued(context.Background(), protocol.QueueMax/2); err != nil {
			s.t.Error(err)
		}
		if err := s.conn.Send(m); err != nil {
			s.t.Error(err)
		}
	}
	s.conn.Flush()
}

// next waits for the next message.
func (s *server) next() protocol.Body {
	s.t.Helper()
	var b protocol.Batch
	for len(s.got) == 0 {
		if err := s.conn.Read(&b); err != nil {
			s.t.Fatalf("the client's next message: %v", err)
		}
		for m := range b.All() {
			v := body(m.Kind)
			if err := protocol.Decode(m, v); err != nil {
				s.t.Fatal(err)
			}
			switch in := v.(type) {
			case *protocol.Input:
				in.Data = bytes.Clone(in.Data)
			case *protocol.Task:
				in.Data, in.Key = bytes.Clone(in.Data), bytes.Clone(in.Key)
			}
			s.got = append(s.got, v)
		}
	}
	m := s.got[0]
	s.got = s.got[1:]
	return m
}

func body(k protocol.Kind) protocol.Body {
	switch k {
	case protocol.KindSubmit:
		return new(protocol.Submit)
	case protocol.KindInputs:
		return new(protocol.Inputs)
	case protocol.KindInput:
		return new(protocol.Input)
	case protocol.KindInputEnd:
		return new(protocol.InputEnd)
	case protocol.KindCredit:
		return new(protocol.Credit)
	case protocol.KindCancel:
		return new(protocol.Cancel)
	case protocol.KindAttach:
		return new(protocol.Attach)
	case protocol.KindTask:
		return new(protocol.Task)
	case protocol.KindCancelTask:
		return new(protocol.CancelTask)
	}
	return new(protocol.Query)
}

// want waits for a message of a type, skipping others.
func want[T protocol.Body](s *server) T {
	s.t.Helper()
	for {
		if m, ok := s.next().(T); ok {
			return m
		}
	}
}

// accepted is the answer to a Submit or an Attach.
func accepted(request uint64) *protocol.Accepted {
	return &protocol.Accepted{Request: request, Job: make16(byte(request))}
}

func make16(b byte) []byte {
	id := make([]byte, 16)
	id[15] = b
	return id
}
