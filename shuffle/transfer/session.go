package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle"
)

const (
	creditTime   = time.Minute // that a stream waits for credit
	farewellTime = time.Second
)

var errNoCredit = errors.New("the peer has given no credit")

// session is a connection of a Server's, whose peer has proved itself. Its goroutine is run.
type session struct {
	server  *Server
	conn    *protocol.Conn
	streams sync.WaitGroup // goroutines that run started

	mu   sync.Mutex           // guards what follows
	open map[uint64]*outgoing // by stream
}

// run takes what the peer says until the connection ends: nil when it was closed in order.
func (x *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer x.streams.Wait()
	defer cancel()
	var b protocol.Batch
	for {
		err := x.conn.Read(&b)
		switch {
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		for m := range b.All() {
			if err := x.take(ctx, m); err != nil {
				return fanfold.Errorf(fanfold.KindProtocol, "serve segments", "%w", err)
			}
		}
		x.conn.Flush()
	}
}

// take handles one message. An error breaks the connection.
func (x *session) take(ctx context.Context, m protocol.Message) error {
	switch m.Kind {
	case protocol.KindFetch:
		var f protocol.Fetch
		if err := protocol.Decode(m, &f); err != nil {
			return err
		}
		return x.fetch(ctx, &f)
	case protocol.KindCredit:
		var c protocol.Credit
		if err := protocol.Decode(m, &c); err != nil {
			return err
		}
		x.mu.Lock()
		o := x.open[c.Stream]
		x.mu.Unlock()
		if o != nil && c.Bytes > 0 { // else it has been sent already
			o.credit.Grant(c.Bytes)
		}
		return nil
	}
	return fmt.Errorf("message of kind %s to a server of segments", m.Kind)
}

// fetch starts a stream.
func (x *session) fetch(ctx context.Context, m *protocol.Fetch) error {
	o := &outgoing{session: x, ask: *m, credit: NewAllowance(m.Credit)}
	x.mu.Lock()
	_, known := x.open[m.Stream]
	full := len(x.open) >= streamsMax
	if !known && !full {
		x.open[m.Stream] = o
	}
	x.mu.Unlock()
	switch {
	case known:
		return fmt.Errorf("stream %d is in use", m.Stream)
	case full:
		o.fail(fanfold.Errorf(fanfold.KindBusy, "open segment", "over %d streams", streamsMax))
		return nil
	}
	x.streams.Go(func() {
		defer o.end()
		if err := o.send(ctx); err != nil && ctx.Err() == nil {
			o.fail(err)
		}
	})
	return nil
}

// outgoing is one partition of a segment on its way to a peer.
type outgoing struct {
	session *session
	ask     protocol.Fetch
	credit  *Allowance
	encoded []byte
}

// send sends the blocks as pieces.
func (o *outgoing) send(ctx context.Context) error {
	if !o.session.server.mayFetch(&o.ask) {
		return fanfold.Errorf(fanfold.KindDenied, "open segment", "the ticket is not for it")
	}
	f, err := o.session.server.cfg.Open(o.ask.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	extent, err := find(f, &o.ask)
	if err != nil {
		return err
	}
	at := o.ask.Offset
	if at > extent.Bytes {
		return fanfold.Errorf(fanfold.KindProtocol, "open segment", "offset %d of %d", at, extent.Bytes)
	}
	buf := make([]byte, min(extent.Bytes-at, protocol.BlockMax))
	for first := true; first || at < extent.Bytes; first = false {
		n, err := o.spend(ctx, min(extent.Bytes-at, int64(len(buf))))
		if err != nil {
			return err
		}
		if _, err := f.ReadAt(buf[:n], extent.Offset+at); err != nil {
			return fanfold.Errorf(fanfold.KindDisk, "read segment", "%w", err)
		}
		p := protocol.Piece{
			Stream: o.ask.Stream, Offset: at, Bytes: extent.Bytes, Records: extent.Records,
			Last: at+n == extent.Bytes,
		}
		p.Data, p.Codec = o.encode(buf[:n])
		if err := o.post(ctx, &p); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// find finds in a segment what is asked for.
func find(f *os.File, ask *protocol.Fetch) (shuffle.Extent, error) {
	info, err := f.Stat()
	if err != nil {
		return shuffle.Extent{}, err
	}
	var keys *shuffle.KeyRange
	if len(ask.Keys) > 0 {
		keys = &shuffle.KeyRange{From: ask.Keys[0].From, Below: ask.Keys[0].Below}
	}
	return shuffle.Find(f, info.Size(), ask.Part, keys)
}

// spend waits for credit, but not for ever.
func (o *outgoing) spend(ctx context.Context, n int64) (int64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, creditTime, errNoCredit)
	defer cancel()
	return o.credit.Spend(ctx, n)
}

// encode makes data shorter, if the peer can take that and it is worth it.
func (o *outgoing) encode(data []byte) ([]byte, uint8) {
	if o.ask.Codec != protocol.CodecS2 {
		return data, protocol.CodecNone
	}
	if o.encoded == nil {
		o.encoded = make([]byte, s2.MaxEncodedLen(protocol.BlockMax))
	}
	if short := s2.Encode(o.encoded, data); len(short) < len(data)-len(data)/8 {
		return short, protocol.CodecS2
	}
	return data, protocol.CodecNone
}

// post sends a piece when there is room for it.
func (o *outgoing) post(ctx context.Context, p *protocol.Piece) error {
	conn := o.session.conn
	if err := conn.WaitQueued(ctx, queueMax); err != nil {
		return err
	}
	if p.Last {
		o.end()
	}
	if err := conn.Send(p); err != nil {
		return err
	}
	conn.Flush()
	return nil
}

// end frees the stream's number, before the peer can know that the stream has ended.
func (o *outgoing) end() {
	o.session.mu.Lock()
	defer o.session.mu.Unlock()
	if o.session.open[o.ask.Stream] == o {
		delete(o.session.open, o.ask.Stream)
	}
}

// fail ends the stream with an error.
func (o *outgoing) fail(err error) {
	o.end()
	kind := fanfold.KindDisk
	var known *fanfold.Error
	switch {
	case errors.As(err, &known):
		kind = known.Kind
	case errors.Is(err, fs.ErrNotExist):
		kind = fanfold.KindNotFound
	case errors.Is(err, errNoCredit):
		kind = fanfold.KindTimeout
	}
	// Without a connection nobody waits for it.
	_ = o.session.conn.Send(&protocol.Piece{
		Stream: o.ask.Stream, Offset: o.ask.Offset, Last: true, Kind: uint32(kind), Error: err.Error(),
	})
	o.session.conn.Flush()
}
