package client

import (
	"context"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// flushBytes is how much may be queued before Send has it written although others may follow.
const flushBytes = 32 << 10

// Send sends a task, and gives the number that its Result has. It waits as long as the coordinator
// takes no more. It is written before Recv waits, or with what follows.
func (s *Stream) Send(ctx context.Context, t Task) (tag uint64, err error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer func() { <-s.sending }()
	tag, err = s.send(ctx, &t, waiting, nil)
	if err == nil {
		s.client.flushSoon()
	}
	return tag, err
}

// lock waits for the right to send.
func (s *Stream) lock(ctx context.Context) error {
	select {
	case s.sending <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.sending <- struct{}{}:
		return nil
	case <-ctx.Done():
		return sendError(ctx)
	}
}

func sendError(ctx context.Context) error {
	return fanfold.Errorf(fanfold.KindCancelled, "send task", "%w", context.Cause(ctx))
}

// send sends a task once there is credit and room for it. The caller holds s.sending.
func (s *Stream) send(ctx context.Context, t *Task, how tagged, k *call) (uint64, error) {
	if len(t.Data) > fanfold.PayloadMax {
		return 0, fanfold.Errorf(fanfold.KindTooLarge, "send task",
			"a payload of %d bytes: the most is %d", len(t.Data), fanfold.PayloadMax)
	}
	cost := int64(len(t.Data) + len(t.Key) + protocol.TaskCost)
	if err := s.spend(ctx, cost); err != nil {
		return 0, err
	}
	if s.client.conn.Queued() >= queuedMax {
		if err := s.client.conn.WaitQueued(ctx, queuedMax/2); err != nil {
			return 0, unreachable("send task", err)
		}
	}
	m := &s.task
	*m = protocol.Task{
		Request: s.number, Data: t.Data, Key: t.Key, Priority: uint8(t.Priority), ID: t.ID,
	}
	if t.Deadline > 0 {
		m.Millis = max(1, t.Deadline.Milliseconds())
	}
	if t.All {
		m.Flags |= protocol.TaskAll
	}
	if t.OneWay {
		m.Flags |= protocol.TaskOneWay
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, s.endError()
	}
	if t.OneWay {
		how = abandoned
	}
	m.Tag = s.window.add(how)
	if k != nil {
		s.calls[m.Tag] = k
	}
	if err := s.client.conn.Send(m); err != nil {
		s.window.answer(m.Tag)
		delete(s.calls, m.Tag)
		return 0, unreachable("send task", err)
	}
	if t.OneWay {
		s.pass(m.Tag)
		s.window.answer(m.Tag) // a failure comes with a tag that is not known any more
	}
	return m.Tag, nil
}

// spend waits for credit, and takes it. A task may be sent as long as there is any.
func (s *Stream) spend(ctx context.Context, cost int64) error {
	for {
		s.mu.Lock()
		may, sealed, over := s.credit > 0 && !s.isAhead(), s.sealed, s.over
		if may && !sealed && !over {
			s.credit -= cost
		}
		s.mu.Unlock()
		switch {
		case over:
			return s.whyEnded()
		case sealed:
			return fanfold.Errorf(fanfold.KindUsage, "send task", "the stream was closed for tasks")
		case may:
			return nil
		}
		s.client.conn.Flush()
		select {
		case <-s.more:
		case <-ctx.Done():
			return sendError(ctx)
		}
	}
}

// isAhead reports whether results in order have to come before further tasks. s.mu is held.
func (s *Stream) isAhead() bool {
	return s.spec.Ordered &&
		(s.window.n >= aheadMax || s.line.bytes+len(s.filling.data) > aheadBytesMax)
}

func (s *Stream) whyEnded() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endError()
}

// endError is why nothing can be sent any more. s.mu is held.
func (s *Stream) endError() error {
	if s.err != nil {
		return s.err
	}
	return fanfold.Errorf(fanfold.KindUsage, "send task", "the stream has ended")
}

// Flush has written what was sent.
func (s *Stream) Flush() { s.client.conn.Flush() }

// flushSoon has written what was sent, together with what is sent meanwhile: a goroutine of its own
// does it when it gets to run.
func (c *Client) flushSoon() {
	select {
	case c.flush <- struct{}{}:
	default: // it is about to
	}
}

// flusher is that goroutine, until the reading one has ended.
func (c *Client) flusher() {
	for {
		select {
		case <-c.flush:
			c.conn.Flush()
		case <-c.read:
			return
		}
	}
}
