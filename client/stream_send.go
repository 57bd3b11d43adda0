package client

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// flushBytes is the cost of tasks after which Send has them written, although others may follow.
const flushBytes = 32 << 10

// oneWayTag is set in the tags of tasks that get no answer but a failure.
const oneWayTag = 1 << 63

// Send sends a task, and gives the number that its Result has. It waits as long as the coordinator
// takes no more, or ctx lasts (KindCancelled). What is sent travels with what follows at once, and
// otherwise when this goroutine, or another one, has nothing else to do. KindUsage and KindTooLarge
// say that there is no such task; KindUnreachable that the connection is lost, and KindUsage also
// that the stream has ended.
func (s *Stream) Send(ctx context.Context, t Task) (tag uint64, err error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	tag, err = s.send(ctx, &t, place{})
	s.unsent += int64(len(t.Data) + protocol.TaskCost)
	many, c := s.unsent >= flushBytes, s.client
	if many {
		s.unsent = 0
	}
	s.mu.Unlock()
	switch {
	case err != nil:
		return 0, err
	case many:
		c.conn.Flush()
	default:
		c.flushSoon()
	}
	return tag, nil
}

// check refuses what the coordinator would end the connection for.
func (t *Task) check() error {
	switch {
	case len(t.Data) > fanfold.PayloadMax:
		e := fanfold.Errorf(fanfold.KindTooLarge, "send task",
			"a payload of %d bytes: the most is %d", len(t.Data), fanfold.PayloadMax)
		e.Hint = "send a path that the workers can open, or several tasks"
		return e
	case len(t.Key)|len(t.ID)|t.Priority|int(t.Deadline) == 0:
		return nil // as most are
	case len(t.Key) > protocol.KeyMax:
		return fanfold.Errorf(fanfold.KindTooLarge, "send task",
			"a key of %d bytes: the most is %d", len(t.Key), protocol.KeyMax)
	case len(t.ID) > protocol.NameMax || !utf8.ValidString(t.ID):
		return fanfold.Errorf(fanfold.KindUsage, "send task",
			"the ID %q: want UTF-8 of up to %d bytes", t.ID, protocol.NameMax)
	case t.Priority < 0 || t.Priority > protocol.TaskPriorityMax:
		return fanfold.Errorf(fanfold.KindUsage, "send task",
			"priority %d: want 1 to %d, or 0", t.Priority, protocol.TaskPriorityMax)
	case t.Deadline < 0:
		return fanfold.Errorf(fanfold.KindUsage, "send task", "a deadline of %s", t.Deadline)
	}
	return nil
}

// send sends a task that was checked, as soon as there is credit and room for it, for Recv or for a
// call. s.mu is held, but not while it waits.
func (s *Stream) send(ctx context.Context, t *Task, to place) (tag uint64, err error) {
	for {
		if err := s.admit(ctx); err != nil {
			return 0, err
		}
		m := s.fill(t, to)
		switch err := s.client.conn.Send(m); {
		case err == nil:
			s.note(m, to)
			return m.Tag, nil
		case !errors.Is(err, protocol.ErrQueueFull):
			return 0, unreachable("send task", err)
		}
		if err := s.awaitQueue(ctx); err != nil {
			return 0, err
		}
	}
}

// admit waits until a task may be sent: as long as there is any credit. s.mu is held, but not while
// it waits.
func (s *Stream) admit(ctx context.Context) error {
	for {
		switch {
		case s.over && s.err != nil, s.cut:
			return s.err
		case s.over:
			return fanfold.Errorf(fanfold.KindUsage, "send task", "the stream has ended")
		case s.sealed:
			e := fanfold.Errorf(fanfold.KindUsage, "send task", "the stream was closed for tasks")
			e.Hint = "open another one"
			return e
		case s.credit > 0 && !(s.spec.Ordered && s.isAhead()):
			return nil
		}
		if err := s.pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits until something has changed for who sends. s.mu is held, but not meanwhile.
func (s *Stream) pause(ctx context.Context) error {
	if s.more == nil {
		s.more = make(chan struct{})
	}
	more, conn := s.more, s.client.conn
	s.mu.Unlock()
	defer s.mu.Lock()
	conn.Flush()
	select {
	case <-more:
		return nil
	case <-ctx.Done():
		return sendError(ctx)
	}
}

// awaitQueue waits until there is room in the outbound queue. s.mu is held, but not meanwhile.
func (s *Stream) awaitQueue(ctx context.Context) error {
	conn := s.client.conn
	s.mu.Unlock()
	defer s.mu.Lock()
	switch err := conn.WaitQueued(ctx, queuedMax); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return sendError(ctx)
	default:
		return unreachable("send task", err)
	}
}

func sendError(ctx context.Context) error {
	return fanfold.Errorf(fanfold.KindCancelled, "send task", "%w", context.Cause(ctx))
}

// fill makes the message of a task. s.mu is held.
func (s *Stream) fill(t *Task, to place) *protocol.Task {
	m := &s.task
	*m = protocol.Task{
		Request: s.number, Tag: s.window.upcoming(), Data: t.Data, Key: t.Key, ID: t.ID,
		Priority: uint8(t.Priority),
	}
	if t.Deadline > 0 {
		m.Millis = millis(t.Deadline)
	}
	if to.call != nil {
		m.Millis = to.call.millis(m.Millis, s.spec.Open.TaskMillis)
	}
	if t.All {
		m.Flags |= protocol.TaskAll
	}
	if t.OneWay {
		m.Flags |= protocol.TaskOneWay
		m.Tag = oneWayTag | (s.oneWays + 1)
	}
	return m
}

// millis is a time in milliseconds, at least one.
func millis(d time.Duration) int64 { return max(1, int64((d+time.Millisecond-1)/time.Millisecond)) }

// note notes that a task was sent. s.mu is held.
func (s *Stream) note(m *protocol.Task, to place) {
	s.credit -= int64(len(m.Data) + len(m.Key) + protocol.TaskCost)
	if m.Flags&protocol.TaskOneWay != 0 {
		s.oneWays++
		return
	}
	if to.call == nil {
		s.window.add(waiting)
	} else {
		s.window.add(called)
		s.calls[m.Tag] = to
		to.call.list[to.i].Tag = m.Tag
		if s.spec.Ordered {
			s.line.pass(m.Tag, s)
		}
	}
	if m.ID != "" && s.spec.Open.Keep {
		s.save(m)
	}
}

// Flush has what was sent written now.
func (s *Stream) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client.conn.Flush()
}

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
