package client

import (
	"context"
	"io"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// movesMax is how many moves of shards may wait for Recv. Further ones are dropped: a Result tells
// the Epoch of its shard as well.
const movesMax = 4 * protocol.ShardsMax

// results are what Recv is to give, with their data behind one another: two of them take turns, so
// that no result costs an allocation.
type results struct {
	list  []Result
	data  []byte // of all, in order
	moves int    // in list
}

// resultsKept is how large a buffer may be that is used again.
const resultsKept = 4 << 20 // bytes

func (r *results) reset() {
	if cap(r.data) > resultsKept {
		*r = results{}
		return
	}
	clear(r.list)
	r.list, r.data, r.moves = r.list[:0], r.data[:0], 0
}

// add appends a result; the data is copied.
func (r *results) add(one *Result) {
	r.data = append(r.data, one.Data...)
	r.list = append(r.list, *one)
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
// answered, whether they succeeded or not. Any other error is the job's, that of the connection, or
// KindCancelled when ctx has ended.
//
// The coordinator keeps what does not fit into StreamSpec.Window, until it takes no more tasks
// either: who sends without end must receive in another goroutine.
func (s *Stream) Recv(ctx context.Context) (*Result, error) {
	for s.at == len(s.current.list) {
		conn, err := s.refill()
		if err != nil {
			return nil, err
		}
		if len(s.current.list) > 0 {
			break
		}
		conn.Flush()
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, fanfold.Errorf(fanfold.KindCancelled, "receive result", "%w",
				context.Cause(ctx))
		}
	}
	s.at++
	return &s.current.list[s.at-1], nil
}

// Pending is the number of results that Recv gives without waiting, as far as it knows. It is for
// the goroutine that calls Recv.
func (s *Stream) Pending() int { return len(s.current.list) - s.at }

// refill takes all results that have come, and pays for those that were taken before. Without any
// there is conn to be flushed before one waits, unless there is an error.
func (s *Stream) refill() (conn *protocol.Conn, err error) {
	s.mu.Lock()
	s.current.reset()
	s.current, s.filling = s.filling, s.current
	paid := s.taken
	s.taken, s.untaken, s.at = s.untaken, 0, 0
	s.pay(paid)
	if s.spec.Ordered {
		s.stir()
	}
	conn = s.client.conn
	if len(s.current.list) == 0 {
		err = s.endError()
	}
	s.mu.Unlock()
	s.current.settle()
	return conn, err
}

// endError is why no result follows; nil: one may. s.mu is held.
func (s *Stream) endError() error {
	switch {
	case s.cut:
		s.wake() // for whoever calls again
		return s.err
	case !s.over:
		return nil
	}
	s.wake()
	if s.err == nil || s.summary.State == fanfold.Failed {
		return io.EOF
	}
	return s.err
}

// leaveReceiving drops what Recv has not taken, and what comes from now on. s.mu is held.
func (s *Stream) leaveReceiving() {
	s.discard, s.spec.Ordered = true, false
	s.filling.reset()
	s.line = line{}
	paid := s.taken + s.untaken
	s.taken, s.untaken = 0, 0
	s.pay(paid)
	s.stir()
}

// pay notes that something was dealt with, and gives the credit for it when it is worth a message:
// at the end of a stream that is kept, always. s.mu is held.
func (s *Stream) pay(cost int64) {
	worth := max(1, s.spec.Window/4)
	if s.over {
		worth = 1
	}
	if s.owed += cost; s.owed < worth || s.over && !s.spec.Open.Keep || s.cut {
		return
	}
	if s.client.send(&protocol.Credit{Stream: s.number, Bytes: s.owed}) == nil {
		s.owed = 0
	} // A connection that is lost ends the stream by its reader.
}

// payFor is pay for the message with a number, which Recv does not get. On a stream that is kept it
// has to be named when Recv has not taken all that came ahead of it: by credit the coordinator
// knows what it may forget. s.mu is held.
func (s *Stream) payFor(number uint64, cost int64) {
	waits := len(s.filling.list) > 0 || s.taken > 0
	if s.spec.Open.Keep && waits && cost > 0 && !s.cut {
		m := protocol.Credit{Stream: s.number, Bytes: cost, Number: number}
		if s.client.send(&m) == nil {
			return
		}
	}
	s.pay(cost)
}

// reply takes the end of a task. s.mu is held.
func (s *Stream) reply(m *protocol.Reply) {
	s.came++
	r := Result{
		Tag: m.Tag, State: fanfold.State(m.State), Data: m.Data, Attempts: int(m.Attempts),
		Worker: m.Worker, Epoch: int(m.Epoch), Again: m.Again,
	}
	if len(m.Failure) > 0 {
		r.Err = m.Failure[0].Err()
	}
	if s.over || s.cut {
		return
	}
	if s.saved != nil {
		delete(s.saved, m.Tag)
	}
	s.deliver(&r, s.window.answer(m.Tag), int64(len(m.Data)+protocol.TaskCost))
}

// partial takes what a task says before its end. s.mu is held.
func (s *Stream) partial(m *protocol.Partial) {
	s.came++
	if s.over || s.cut {
		return
	}
	r := Result{
		Tag: m.Tag, State: fanfold.Running, Partial: true, Status: m.Status, Data: m.Data,
		Attempts: int(m.Number),
	}
	s.deliver(&r, s.window.get(m.Tag), int64(len(m.Data)+protocol.TaskCost))
}

// deliver hands a result to the call or to the list that it is for; was is what was known of its
// tag before. What nobody waits for is paid for at once. s.mu is held.
func (s *Stream) deliver(r *Result, was tagged, cost int64) {
	switch {
	case was == called:
		p := s.calls[r.Tag]
		if r.Partial {
			p.call.hear(heard{p.i, *r, s.number, s.came, cost})
			return
		}
		delete(s.calls, r.Tag)
		p.call.end(p.i, *r)
		s.payFor(s.came, cost)
	case was == abandoned, s.discard:
		s.payFor(s.came, cost)
	case was == waiting && s.spec.Ordered:
		// Its credit cannot hold back the coordinator: that might be needed for the very result
		// which is the next one.
		s.pay(cost)
		s.line.add(r, s)
	case was == waiting, r.Tag&oneWayTag != 0, s.foreign && r.Tag < s.window.base:
		s.untaken += cost
		s.filling.add(r)
	default: // it comes again
		s.payFor(s.came, cost)
	}
}

// move tells Recv that a shard has moved. s.mu is held.
func (s *Stream) move(m protocol.ShardMoved) {
	if s.discard || s.over || s.filling.moves == movesMax {
		return
	}
	s.filling.moves++
	s.filling.add(&Result{Moved: &m})
	s.wake()
}

// leave ends the handling of a batch: s.mu was held meanwhile.
func (s *Stream) leave() {
	wake := len(s.filling.list) > 0
	if s.spec.Ordered {
		s.stir()
	}
	s.mu.Unlock()
	if wake {
		s.wake()
	}
}
