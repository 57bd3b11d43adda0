package client

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// Resume takes up a job that was opened with OpenSpec.Keep by somebody who is gone, or over another
// connection. Its results that were not dealt with come again, by the tags that they had. It can
// send tasks as well. A client that is still there loses its stream, with KindBusy. When ctx ends
// before the stream does, the job is cancelled.
func (c *Client) Resume(ctx context.Context, job fanfold.JobID) (*Stream, error) {
	s := newStream(c, StreamSpec{Open: protocol.OpenSpec{Keep: true}})
	s.foreign = true
	s.window.start(uint64(time.Now().UnixNano())) // above all tags that were used before
	var err error
	if s.number, err = c.start(s); err != nil {
		return nil, err
	}
	return s.begin(ctx, &protocol.Attach{Request: s.number, Job: job[:], Credit: s.spec.Window})
}

// Resume goes on with a stream that was opened with OpenSpec.Keep and has lost its connection, over
// another one; ctx bounds only that. Tasks with an ID that have no answer are sent again, and run
// once even so, if the coordinator still knows the ID. Of the others those are answered that had
// reached it, and the rest are Lost at the end of the stream. No result comes twice.
func (s *Stream) Resume(ctx context.Context, c *Client) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || !s.cut {
		return fanfold.Errorf(fanfold.KindUsage, "resume stream",
			"it is no kept stream that has lost its connection")
	}
	number, err := c.start(s)
	if err != nil {
		return err
	}
	s.client, s.number, s.cut = c, number, false
	s.accepted, s.known = make(chan struct{}), false
	s.reduced, s.received, s.crc = nil, 0, 0
	// What was not paid for comes again, and is paid for then.
	s.credit, s.owed, s.taken, s.untaken, s.came = protocol.InputWindow, 0, 0, 0, 0
	if err = s.attach(ctx); err == nil {
		err = s.sendAgain(ctx)
	}
	if err != nil && !s.over && !s.cut {
		c.drop(number)
		s.cut = true // for another Resume; s.err is still that of the connection
	}
	return err
}

// attach asks for the job. s.mu is held, but not while it waits.
func (s *Stream) attach(ctx context.Context) error {
	accepted := s.accepted
	err := s.client.send(&protocol.Attach{
		Request: s.number, Job: s.job[:], Credit: s.spec.Window,
	})
	s.mu.Unlock()
	if err == nil {
		err = s.await(ctx, accepted)
	}
	s.mu.Lock()
	if err == nil && (s.over || s.cut) {
		err = s.err
	}
	return err
}

// save keeps a task for Resume. s.mu is held.
func (s *Stream) save(m *protocol.Task) {
	kept := *m
	kept.Data, kept.Key = bytes.Clone(m.Data), bytes.Clone(m.Key)
	if s.saved == nil {
		s.saved = map[uint64]*protocol.Task{}
	}
	s.saved[m.Tag] = &kept
}

// sendAgain sends the tasks with an ID that have no answer, and the end of them if that was said.
// s.mu is held, but not while it waits.
func (s *Stream) sendAgain(ctx context.Context) error {
	for _, tag := range slices.Sorted(maps.Keys(s.saved)) {
		for s.saved[tag] != nil {
			if err := s.admitAgain(ctx); err != nil {
				return err
			}
			m := s.saved[tag]
			if m == nil {
				break // it was answered meanwhile
			}
			again := *m
			again.Request = s.number
			if err := s.client.conn.Send(&again); err == nil {
				s.credit -= int64(len(m.Data) + len(m.Key) + protocol.TaskCost)
				break
			}
			if err := s.awaitQueue(ctx); err != nil {
				return err
			}
		}
	}
	if s.sealed && !s.over && !s.cut {
		return s.client.send(&protocol.InputEnd{Request: s.number})
	}
	s.client.conn.Flush()
	return nil
}

// admitAgain is admit for a task that was sent before.
func (s *Stream) admitAgain(ctx context.Context) error {
	for s.credit <= 0 && !s.over && !s.cut {
		if err := s.pause(ctx); err != nil {
			return err
		}
	}
	if s.over || s.cut {
		return s.err
	}
	return nil
}
