package protocol

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/fanfold/fanfold"
)

// Connect does the other half of the handshake, that of a peer with the role in ours. The caller
// sets what describes it; Connect sets what the protocol fixes. With a token (TokenLen bytes) the
// server must prove that it has the same before anything else is sent; nil leaves it to the
// transport.
//
// It blocks until the server lets this side in or ctx ends, and gives the server's Hello and
// Welcome. A refusal is the *fanfold.Error that the server sent. After an error the connection is
// closed.
func Connect(ctx context.Context, c *Conn, ours Hello, token []byte) (Hello, Welcome, error) {
	return ConnectTo(ctx, c, RoleCoordinator, ours, token)
}

// ConnectTo is Connect to a server of another role: workers serve segments to each other.
func ConnectTo(
	ctx context.Context, c *Conn, role Role, ours Hello, token []byte,
) (Hello, Welcome, error) {
	stop := context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	defer stop()
	c.rules = handshake
	c.rules.greeting = false // the server's is read apart
	ours.Magic, ours.ProtoMin, ours.ProtoMax = magic, VersionMin, VersionMax
	server, w, err := c.connect(role, &ours, token)
	if err != nil {
		c.Close()
		return Hello{}, Welcome{}, err
	}
	c.rules = after(role)
	c.setPeerMax(w.FrameMax)
	return server, w, nil
}

func (c *Conn) connect(
	role Role, ours *Hello, token []byte,
) (server Hello, w Welcome, err error) {
	if err := c.readGreeting(); err != nil {
		return server, w, err
	}
	if token != nil {
		ours.Nonce = newNonce()
	}
	if err := c.transmit(ours); err != nil {
		return server, w, err
	}
	if err := c.receive(&server); err != nil {
		return server, w, err
	}
	if _, err := agree(ours, &server); err != nil {
		return server, w, err
	}
	if r := Role(server.Role); r != role {
		return server, w, fanfold.Errorf(fanfold.KindProtocol, "handshake",
			"the peer is a %s, and a %s looks for a %s", r, Role(ours.Role), role)
	}
	if token != nil {
		if err := c.prove(ours, &server, token); err != nil {
			return server, w, err
		}
	}
	err = c.receive(&w)
	return server, w, err
}

// prove checks the server's proof, and only then sends this side's.
func (c *Conn) prove(ours, server *Hello, token []byte) error {
	if len(token) != TokenLen {
		return fanfold.Errorf(fanfold.KindDenied, "handshake", "a token has %d bytes", TokenLen)
	}
	if len(server.Nonce) != NonceLen || !proven(server.Proof,
		proof(token, serverLabel, ours.Role, ours.Nonce, server.Nonce)) {
		return fanfold.Errorf(fanfold.KindDenied, "handshake",
			"the server does not have our token: another program may have taken its port")
	}
	return c.transmit(&Proof{MAC: proof(token, clientLabel, ours.Role, ours.Nonce, server.Nonce)})
}

// readGreeting reads the server's first line.
func (c *Conn) readGreeting() error {
	for {
		if line, rest, ok := bytes.Cut(c.rest, []byte{'\n'}); ok {
			text := string(line)
			c.rest = append(c.rest[:0], rest...)
			if !strings.HasPrefix(text, magic+" ") {
				return notServer(text)
			}
			return nil
		}
		if len(c.rest) >= greetingMax {
			return notServer(string(c.rest))
		}
		var b [greetingMax]byte
		n, err := c.readTransport(b[:])
		c.rest = append(c.rest, b[:n]...)
		if n == 0 && err != nil {
			return c.reason(fmt.Errorf("read greeting: %w", err))
		}
	}
}

func notServer(greeting string) error {
	return fanfold.Errorf(fanfold.KindProtocol, "handshake",
		"this is no fanfold coordinator: it said %.80q", greeting)
}

// receive waits for one message of v's kind; an Error instead of it becomes the error.
func (c *Conn) receive(v Body) error {
	var b Batch
	if err := c.read(&b, true); err != nil {
		return err
	}
	if m := b.msgs[0]; m.Kind == KindError && v.kind() != KindError {
		var f Failure
		if err := Decode(m, &f); err != nil {
			return err
		}
		return f.Err()
	}
	if len(b.msgs) > 1 {
		return fanfold.Errorf(fanfold.KindProtocol, "handshake", "%w: more than one message", ErrFrame)
	}
	return Decode(b.msgs[0], v)
}

// transmit sends one message at once, in a frame of its own.
func (c *Conn) transmit(v Body) error {
	if err := c.Send(v); err != nil {
		return err
	}
	c.out.endFrame()
	c.Flush()
	return nil
}
