package client

import (
	"context"
	"io"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// results are what Recv is to give, with their data behind one another: two of them take turns, so
// that no result costs an allocation.
type results struct {
	list []Result
	data []byte // of all, in order
	cost int64
}

// resultsKept is how large a buffer may be that is used again.
const resultsKept = 4 << 20 // bytes

func (r *results) reset() {
	if cap(r.data) > resultsKept {
		*r = results{}
		return
	}
	clear(r.list)
	r.list, r.data, r.cost = r.list[:0], r.data[:0], 0
}

// add appends a result; the data is copied.
func (r *results) add(one Result) {
	r.data = append(r.data, one.Data...)
	r.list = append(r.list, one)
}

// settle points the results to their data, which does not move any more.
func (r *results) settle() {
	at := 0
	for i := range r.list {
		one := &r.list[i]
		n := len(one.Data)
		one.Data = r.data[at : at+n : at+n]
		at += n
	}
}

// Recv gives the next result. io.EOF says that the stream has ended in order: all tasks were
// answered, whether they succeeded or not. Any other error is the job's, or that of ctx.
func (s *Stream) Recv(ctx context.Context) (*Result, error) {
	for {
		if s.at < len(s.current.list) {
			s.at++
			return &s.current.list[s.at-1], nil
		}
		if err := s.refill(); err != nil {
			return nil, err
		}
		if len(s.current.list) > 0 {
			continue
		}
		s.client.conn.Flush()
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, fanfold.Errorf(fanfold.KindCancelled, "receive result", "%w",
				context.Cause(ctx))
		}
	}
}

// Pending is the number of results that Recv gives without waiting, as far as it knows. It is for
// the goroutine that calls Recv.
func (s *Stream) Pending() int { return len(s.current.list) - s.at }

// refill takes all results that have come, and pays for those that were taken before.
func (s *Stream) refill() error {
	s.mu.Lock()
	s.owed += s.current.cost
	s.current.reset()
	s.current, s.filling = s.filling, s.current
	s.at = 0
	credit := s.repay()
	if s.spec.Ordered {
		s.signal(s.more)
	}
	var err error
	if s.over && len(s.current.list) == 0 {
		s.signal(s.ready) // for whoever calls again
		switch err = s.err; {
		case err == nil, s.summary.State == fanfold.Failed && s.summary.Job != (fanfold.JobID{}):
			err = io.EOF
		}
	}
	s.mu.Unlock()
	s.current.settle()
	s.grant(credit)
	return err
}

// repay says how much credit is due for what was dealt with. s.mu is held.
func (s *Stream) repay() (credit int64) {
	if s.owed >= s.spec.Window/4 && !s.over {
		credit, s.owed = s.owed, 0
	}
	return credit
}

func (s *Stream) grant(credit int64) {
	if credit > 0 {
		// A connection that is lost ends the stream by its reader.
		_ = s.client.send(&protocol.Credit{Stream: s.number, Bytes: credit})
	}
}

// reply takes the end of a task.
func (s *Stream) reply(m *protocol.Reply) {
	r := Result{
		Tag: m.Tag, State: fanfold.State(m.State), Data: m.Data, Attempts: int(m.Attempts),
		Worker: m.Worker, Epoch: int(m.Epoch), Again: m.Again,
	}
	if len(m.Failure) > 0 {
		r.Err = m.Failure[0].Err()
	}
	s.come(r)
}

// partial takes what a task says before its end.
func (s *Stream) partial(m *protocol.Partial) {
	s.come(Result{
		Tag: m.Tag, State: fanfold.Running, Partial: true, Status: m.Status, Data: m.Data,
		Attempts: int(m.Number),
	})
}

// come hands a result to whoever waits for it.
func (s *Stream) come(r Result) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.answer(r, int64(len(r.Data)+protocol.TaskCost))
	credit := s.repay()
	wake := len(s.filling.list) > 0
	s.mu.Unlock()
	s.grant(credit)
	if wake {
		s.signal(s.ready)
	}
}

// answer hands a result to the call or to the list that it is for; s.mu is held. What nobody waits
// for is paid for at once.
func (s *Stream) answer(r Result, cost int64) {
	was := s.window.get(r.Tag)
	if !r.Partial {
		s.window.answer(r.Tag)
	}
	switch {
	case was == called:
		k := s.calls[r.Tag]
		s.owed += cost
		r.Data = slices.Clone(r.Data)
		k.take(r)
		if !r.Partial {
			delete(s.calls, r.Tag)
			s.pass(r.Tag)
		}
	case was == abandoned:
		s.owed += cost
		if !r.Partial {
			s.pass(r.Tag)
		}
	case s.spec.Ordered:
		s.owed += cost
		s.put(r)
	default: // also what a stream that was resumed does not know
		s.filling.cost += cost
		s.put(r)
	}
}

// put appends a result for Recv, in order if that is asked for. s.mu is held.
func (s *Stream) put(r Result) {
	if !s.spec.Ordered || r.Moved != nil {
		s.filling.add(r)
		return
	}
	s.line.add(r, &s.filling)
	s.signal(s.more)
}

// pass says that Recv gives no result for a tag. s.mu is held.
func (s *Stream) pass(tag uint64) {
	if s.spec.Ordered {
		s.line.pass(tag, &s.filling)
	}
}
