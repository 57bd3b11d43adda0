package client

import (
	"context"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// answerMax is how long after the deadline of its tasks a call waits for the coordinator to tell
// what became of them.
const answerMax = 200 * time.Millisecond

// call is one Call or CallAll.
type call struct {
	until time.Time     // its deadline; zero: none
	wake  chan struct{} // capacity one: it has ended, or heard something; never closed

	// Of the stream's mu.
	list  []Result // Tag is set of what was sent, State of what has ended
	left  int
	heard []heard // not told yet
}

// place is where a result belongs to.
type place struct {
	call *call
	i    int // in its list
}

// heard is what a task has said before its end.
type heard struct {
	i               int
	result          Result
	request, number uint64 // of the message
	cost            int64
}

// end takes the result of a task. The stream's mu is held.
func (k *call) end(i int, r Result) {
	r.Data = append([]byte(nil), r.Data...)
	k.list[i] = r
	if k.left--; k.left == 0 {
		k.signal()
	}
}

// hear takes what a task says; the data is copied. The stream's mu is held.
func (k *call) hear(one heard) {
	one.result.Data = append([]byte(nil), one.result.Data...)
	k.heard = append(k.heard, one)
	k.signal()
}

func (k *call) signal() {
	select {
	case k.wake <- struct{}{}:
	default: // it has a wake-up waiting
	}
}

// millis is the deadline of a task on its way: own is what it has itself, or else the stream's.
func (k *call) millis(own, streams int64) int64 {
	if k.until.IsZero() {
		return own
	}
	left := millis(time.Until(k.until))
	if own == 0 {
		own = streams
	}
	if own == 0 {
		return left
	}
	return min(own, left)
}

// Call sends one task and waits for its result. What became of the task is in the Result, also when
// the connection was lost; the error is that of a task which could not be sent, and is then in the
// Result, too. When ctx ends, the task is cancelled, and the state is TimedOut (KindTimeout) if its
// deadline has passed, or else Cancelled.
func (s *Stream) Call(ctx context.Context, t Task) (Result, error) {
	list, err := s.CallAll(ctx, []Task{t})
	if len(list) == 0 {
		return Result{}, err
	}
	return list[0], err
}

// CallAll sends tasks and gives exactly one result for each, in their order, when all have ended.
//
// The deadline of ctx is one for all, and the tasks know it. What has no result then is cancelled,
// and TimedOut; a result that comes later reaches nobody. If ctx ends otherwise, it is Cancelled.
// If all tasks have a Deadline, that bounds the call as well, whether the coordinator answers or
// not. An error says that not all could be sent: those that were are cancelled, others are Lost. A
// task that is OneWay is refused with KindUsage, before anything is sent.
func (s *Stream) CallAll(ctx context.Context, tasks []Task) ([]Result, error) {
	var longest time.Duration
	bounded := len(tasks) > 0
	for i := range tasks {
		t := &tasks[i]
		if err := t.check(); err != nil {
			return nil, err
		}
		if t.OneWay {
			return nil, fanfold.Errorf(fanfold.KindUsage, "call task", "a task without an answer")
		}
		bounded = bounded && t.Deadline > 0
		longest = max(longest, t.Deadline)
	}
	if len(tasks) == 0 {
		return nil, nil
	}
	k := &call{list: make([]Result, len(tasks)), left: len(tasks), wake: make(chan struct{}, 1)}
	k.until, _ = ctx.Deadline()
	if bounded {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, longest+answerMax)
		defer stop()
	}
	if err := s.sendAll(ctx, k, tasks); err != nil {
		s.abandon(ctx, k, err)
		if ctx.Err() != nil {
			err = nil
		}
		return k.list, err
	}
	for !s.listen(k, tasks) {
		select {
		case <-k.wake:
		case <-ctx.Done():
			s.abandon(ctx, k, nil)
			return k.list, nil
		}
	}
	return k.list, nil
}

// sendAll sends the tasks of a call.
func (s *Stream) sendAll(ctx context.Context, k *call, tasks []Task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range tasks {
		if ctx.Err() != nil {
			return sendError(ctx)
		}
		if _, err := s.send(ctx, &tasks[i], place{k, i}); err != nil {
			return err
		}
	}
	s.client.conn.Flush()
	return nil
}

// listen tells the caller what the tasks of a call have said, and reports whether all have ended.
func (s *Stream) listen(k *call, tasks []Task) (ended bool) {
	s.mu.Lock()
	list := k.heard
	k.heard = nil
	ended = k.left == 0
	s.mu.Unlock()
	if len(list) == 0 {
		return ended
	}
	for i := range list {
		if do := tasks[list[i].i].OnPartial; do != nil {
			do(list[i].result)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.payForAll(list)
	return ended
}

// payForAll is payFor for what the caller was told, or is not to be told. s.mu is held.
func (s *Stream) payForAll(list []heard) {
	for i := range list {
		if one := &list[i]; one.request == s.number { // else it was before a Resume
			s.payFor(one.number, one.cost)
		}
	}
}

// abandon gives up what has not ended: it is cancelled, and a result that still comes is dropped.
func (s *Stream) abandon(ctx context.Context, k *call, why error) {
	rest := Result{State: fanfold.Lost, Err: lostError(why)}
	switch ctx.Err() {
	case context.DeadlineExceeded:
		rest.State = fanfold.TimedOut
		rest.Err = fanfold.Errorf(fanfold.KindTimeout, "call task", "the deadline of the call has passed")
		rest.Err.Hint = "it may have run; a later answer is dropped"
	case context.Canceled:
		rest.State = fanfold.Cancelled
		rest.Err = fanfold.Errorf(fanfold.KindCancelled, "call task", "%w", context.Cause(ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range k.list {
		if k.list[i].State != fanfold.Waiting {
			continue
		}
		rest.Tag = k.list[i].Tag
		k.list[i] = rest
		if rest.Tag != 0 {
			s.forsake(rest.Tag)
		}
	}
	s.payForAll(k.heard)
	k.heard = nil
	s.client.conn.Flush()
}

// forsake cancels a task whose call has ended. s.mu is held.
func (s *Stream) forsake(tag uint64) {
	s.window.abandon(tag)
	delete(s.calls, tag)
	delete(s.saved, tag)
	if !s.over && !s.cut {
		// Of very many some may find no room: they end by their deadline.
		_ = s.client.conn.Send(&protocol.CancelTask{Request: s.number, Tag: tag})
	}
}
