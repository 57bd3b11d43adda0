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
		for m := range b.All() {
			if err != nil {
				break
			}
			switch m.Kind {
			case protocol.KindReply, protocol.KindPartial:
				err = c.stream(&in, m)
			default:
				err = c.dispatch(m)
			}
		}
		if err != nil {
			c.end(err)
			return
		}
		c.conn.Flush() // credit for what was dropped
	}
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

// incoming are the messages of streams, of which there are many, and the stream of the last one.
type incoming struct {
	last    *Stream
	reply   protocol.Reply
	partial protocol.Partial
}

// stream hands a message on to its stream. An error ends the connection.
func (c *Client) stream(in *incoming, m protocol.Message) error {
	if m.Kind == protocol.KindReply {
		if err := protocol.Decode(m, &in.reply); err != nil {
			return err
		}
		if s := c.streamOf(in, in.reply.Request); s != nil {
			s.reply(&in.reply)
		}
		return nil
	}
	if err := protocol.Decode(m, &in.partial); err != nil {
		return err
	}
	if s := c.streamOf(in, in.partial.Stream); s != nil {
		s.partial(&in.partial)
	}
	return nil
}

// streamOf is the stream of a request; nil: it was given up.
func (c *Client) streamOf(in *incoming, request uint64) *Stream {
	if in.last == nil || in.last.number != request {
		c.mu.Lock()
		in.last, _ = c.pending[request].(*Stream)
		c.mu.Unlock()
	}
	return in.last
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
