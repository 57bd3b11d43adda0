package client

import (
	"errors"
	"io"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// run reads the connection until it ends, and hands each message to its request.
func (c *Client) run() {
	defer close(c.read)
	var b protocol.Batch
	var in incoming
	for {
		err := c.conn.Read(&b)
		if err == nil {
			err = c.handle(&in, &b)
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

// handle hands on what one Read gave. An error ends the connection.
func (c *Client) handle(in *incoming, b *protocol.Batch) error {
	defer in.leave()
	for m := range b.All() {
		var err error
		switch m.Kind {
		case protocol.KindReply, protocol.KindPartial:
			err = c.stream(in, m)
		default:
			in.leave()
			err = c.dispatch(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dispatch hands one message on. An error ends the connection.
func (c *Client) dispatch(m protocol.Message) error {
	body, request, err := decode(m)
	if err != nil {
		return err
	}
	if f, ok := body.(*protocol.Failure); ok && request == 0 {
		return f.Err()
	}
	c.mu.Lock()
	p := c.pending[request]
	c.mu.Unlock()
	if p == nil {
		return nil // its reply was given up
	}
	if p.take(body) {
		c.drop(request)
	}
	return nil
}

// incoming are the messages of streams, of which there are many, and the stream of those of a batch
// that are handled just now: its lock is taken once for all of them.
type incoming struct {
	entered *Stream // its mu is held; nil: none
	number  uint64  // of its request
	reply   protocol.Reply
	partial protocol.Partial
}

// leave ends the handling of messages for the stream that was entered.
func (in *incoming) leave() {
	if in.entered != nil {
		in.entered.leave()
		in.entered = nil
	}
}

// stream hands a message on to its stream. An error ends the connection.
func (c *Client) stream(in *incoming, m protocol.Message) error {
	if m.Kind == protocol.KindReply {
		if err := protocol.Decode(m, &in.reply); err != nil {
			return err
		}
		if c.enter(in, in.reply.Request) {
			in.entered.reply(&in.reply)
		}
		return nil
	}
	if err := protocol.Decode(m, &in.partial); err != nil {
		return err
	}
	if c.enter(in, in.partial.Stream) {
		in.entered.partial(&in.partial)
	}
	return nil
}

// enter enters the stream of a request. It returns false when that was given up.
func (c *Client) enter(in *incoming, request uint64) bool {
	if in.entered != nil && in.number == request {
		return true
	}
	in.leave()
	c.mu.Lock()
	s, ok := c.pending[request].(*Stream)
	c.mu.Unlock()
	if ok {
		in.entered, in.number = s, request
		s.mu.Lock()
	}
	return ok
}

// decode gives a message and the request that it is for.
func decode(m protocol.Message) (protocol.Body, uint64, error) {
	switch m.Kind {
	case protocol.KindResult:
		v := new(protocol.Result)
		err := protocol.Decode(m, v)
		return v, v.Stream, err
	case protocol.KindProgress:
		v := new(protocol.Progress)
		err := protocol.Decode(m, v)
		return v, v.Request, err
	case protocol.KindCredit:
		v := new(protocol.Credit)
		err := protocol.Decode(m, v)
		return v, v.Stream, err
	case protocol.KindAccepted:
		v := new(protocol.Accepted)
		err := protocol.Decode(m, v)
		return v, v.Request, err
	case protocol.KindShardMoved:
		v := new(protocol.ShardMoved)
		err := protocol.Decode(m, v)
		return v, v.Request, err
	case protocol.KindEnded:
		v := new(protocol.Ended)
		err := protocol.Decode(m, v)
		return v, v.Request, err
	case protocol.KindAnswer:
		v := new(protocol.Answer)
		err := protocol.Decode(m, v)
		return v, v.Request, err
	case protocol.KindError:
		v := new(protocol.Failure)
		err := protocol.Decode(m, v)
		return v, v.Request, err
	case protocol.KindBye:
		return new(protocol.Bye), 0, nil
	}
	return nil, 0, fanfold.Errorf(fanfold.KindProtocol, "read answer",
		"the coordinator sent %s", m.Kind)
}

// end fails every request that is pending, because the connection is of no more use.
func (c *Client) end(err error) {
	c.mu.Lock()
	switch {
	case c.closed:
		err = errClosed
	case errors.Is(err, io.EOF):
		err = fanfold.Errorf(fanfold.KindUnreachable, "ask coordinator",
			"it closed the connection")
	default:
		err = unreachable("ask coordinator", err)
	}
	c.lost = err
	waiting := c.pending
	c.pending = map[uint64]pending{}
	c.mu.Unlock()
	for _, p := range waiting {
		p.fail(err)
	}
	c.conn.Close()
}
