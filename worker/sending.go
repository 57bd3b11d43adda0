package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fanfold/fanfold/internal/pause"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle/transfer"
)

// filesPause is how long a file waits that cannot be opened because too many are.
const filesPause = 100 * time.Millisecond

// sending is a file of an attempt on its way to the coordinator, as Results under credit.
type sending struct {
	from   *controller
	conn   *protocol.Conn
	stream uint64
	offset int64 // in the file
	left   int64 // bytes

	credit *transfer.Allowance
}

// read starts to send a file.
func (c *controller) read(ctx context.Context, m *protocol.Read) error {
	s := &sending{
		from: c, conn: c.agent.control, stream: m.Stream, offset: m.Offset, left: m.Length,
		credit: transfer.NewAllowance(m.Credit),
	}
	c.mu.Lock()
	_, known := c.files[m.Stream]
	if !known {
		c.files[m.Stream] = s
	}
	c.mu.Unlock()
	if known {
		return fmt.Errorf("read: stream %d is in use", m.Stream)
	}
	send := func() {
		if err := s.send(ctx, c.agent.files, m.Path); err != nil && ctx.Err() == nil {
			s.fail(err)
		}
	}
	if !c.start(send) {
		s.fail(fmt.Errorf("over %d streams", streamsMax))
	}
	return nil
}

// credit hands on credit. A file that has been sent needs none.
func (c *controller) credit(m *protocol.Credit) {
	c.mu.Lock()
	s := c.files[m.Stream]
	c.mu.Unlock()
	if s != nil {
		s.credit.Grant(max(0, m.Bytes))
	}
}

// send sends the file in blocks.
func (s *sending) send(ctx context.Context, root *os.Root, name string) error {
	f, err := openRegular(root, name)
	for errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		pause.For(ctx, filesPause) // others close theirs
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f, err = openRegular(root, name)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, min(s.left, protocol.BlockMax))
	for first := true; first || s.left > 0; first = false {
		n, err := s.credit.Spend(ctx, min(s.left, int64(len(buf))))
		if err != nil {
			return err
		}
		if _, err := f.ReadAt(buf[:n], s.offset); errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: it ends before byte %d", name, s.offset+n)
		} else if err != nil {
			return err
		}
		if err := s.conn.WaitQueued(ctx, streamQueueMax); err != nil {
			return err
		}
		r := protocol.Result{
			Stream: s.stream, Offset: s.offset, Data: buf[:n], Last: n == s.left,
		}
		if r.Last {
			s.end()
		}
		if err := s.conn.Send(&r); err != nil {
			return err
		}
		s.conn.Flush()
		s.offset, s.left = s.offset+n, s.left-n
	}
	return nil
}

// end frees the stream's number, before the coordinator can know that the stream has ended.
func (s *sending) end() {
	s.from.mu.Lock()
	defer s.from.mu.Unlock()
	delete(s.from.files, s.stream)
}

// fail ends the stream with an error.
func (s *sending) fail(err error) {
	s.end()
	_ = s.conn.Send(&protocol.Result{
		Stream: s.stream, Offset: s.offset, Last: true, Error: err.Error(),
	})
	s.conn.Flush()
}

// openRegular opens a file below root, and nothing that would block or is no file.
func openRegular(root *os.Root, name string) (*os.File, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("read %q: it leaves the worker's directory", name)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("read %s: it is no regular file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
