package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// upload sends a stream as the client's own input, in blocks of whole lines, as fast as the
// coordinator gives credit for it. Its goroutine is run.
type upload struct {
	reply *Reply
	in    io.Reader
	after []string // paths that come behind the stream
	ctx   context.Context
	stop  context.CancelFunc
	more  chan struct{} // capacity one: credit came; never closed

	mu     sync.Mutex // guards what follows
	credit int64
}

func newUpload(in io.Reader, after []string) *upload {
	u := &upload{in: in, after: after, more: make(chan struct{}, 1), credit: protocol.InputWindow}
	u.ctx, u.stop = context.WithCancel(context.Background())
	return u
}

// start sends everything in a goroutine.
func (u *upload) start(r *Reply) {
	u.reply = r
	if !r.client.enlist() {
		return // the reply fails with the connection
	}
	go func() {
		switch err := u.run(); {
		case errors.Is(err, errLeft):
			return // Close does not wait any more
		case err != nil && u.ctx.Err() == nil:
			r.blame(err)
		}
		r.client.uploads.Done()
	}()
}

// errLeft says that the client was closed while Read was under way.
var errLeft = errors.New("the client was closed")

// enter counts the caller among those that Close waits for, unless it is too late.
func (c *Client) enlist() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil || c.closed {
		return false
	}
	c.uploads.Add(1)
	return true
}

// grant adds credit.
func (u *upload) grant(n int64) {
	u.mu.Lock()
	u.credit += n
	u.mu.Unlock()
	select {
	case u.more <- struct{}{}:
	default: // spend has a wake-up waiting
	}
}

// spend waits for credit of n bytes.
func (u *upload) spend(n int64) error {
	for {
		u.mu.Lock()
		enough := u.credit >= n
		if enough {
			u.credit -= n
		}
		u.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-u.more:
		case <-u.ctx.Done():
			return u.ctx.Err()
		}
	}
}

// run sends the stream, the paths behind it, and the end of the inputs.
func (u *upload) run() error {
	if err := u.sendStream(); err != nil {
		return err
	}
	c, number := u.reply.client, u.reply.number
	if err := c.sendPaths(u.ctx, number, u.after); err != nil {
		return err
	}
	return c.send(&protocol.InputEnd{Request: number})
}

// sendStream sends the stream. One without any bytes is one empty block.
func (u *upload) sendStream() error {
	block := make([]byte, protocol.BlockMax+1) // a byte more, to know whether a line goes on
	offset, n := int64(0), 0
	for ended := false; !ended || n > 0; {
		if !ended && n < len(block) {
			m, err := u.read(block[n:])
			n += m
			if ended = err == io.EOF; err != nil && !ended {
				return err
			}
			continue
		}
		cut, more := cutBlock(block[:n])
		if err := u.sendBlock(block[:cut], offset, more); err != nil {
			return err
		}
		offset += int64(cut)
		n = copy(block, block[cut:n])
	}
	if offset > 0 {
		return nil
	}
	return u.sendBlock(nil, 0, false)
}

// cutBlock is how much of b makes a block: all of it if it is short, or else what is before the
// last line end, or else a piece of a line, of which there is more.
func cutBlock(b []byte) (n int, more bool) {
	if len(b) <= protocol.BlockMax {
		return len(b), false
	}
	if n = bytes.LastIndexByte(b[:protocol.BlockMax], '\n') + 1; n > 0 {
		return n, false
	}
	return protocol.BlockMax, true
}

// read is Read of the stream, during which Close does not wait for this goroutine.
func (u *upload) read(p []byte) (int, error) {
	c := u.reply.client
	c.uploads.Done()
	n, err := u.in.Read(p)
	switch {
	case !c.enlist():
		return n, errLeft
	case u.ctx.Err() != nil:
		return n, u.ctx.Err()
	case err != nil && err != io.EOF:
		return n, inputError(err)
	}
	return n, err
}

// inputError is the error of a stream, with the stream's name.
func inputError(err error) error {
	e := fanfold.Errorf(fanfold.KindInput, "read input", "%w", err)
	var known *fanfold.Error
	if errors.As(err, &known) {
		*e = *known
	}
	e.Input = cmp.Or(e.Input, stdinName)
	return e
}

func (u *upload) sendBlock(data []byte, offset int64, more bool) error {
	if err := u.spend(int64(len(data))); err != nil {
		return err
	}
	m := protocol.Input{Stream: u.reply.number, Offset: offset, More: more, Data: data}
	return u.reply.client.sendBulk(u.ctx, &m)
}

// blame makes err the reason why the job is cancelled.
func (r *Reply) blame(err error) {
	r.mu.Lock()
	r.cause = err
	r.mu.Unlock()
	// A connection that is lost ends the reply by its reader.
	_ = r.client.send(&protocol.Cancel{Request: r.number})
}
