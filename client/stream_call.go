package client

import (
	"context"
	"sync"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// call is one Call or CallAll.
type call struct {
	places  map[uint64]int // of tags in list
	partial func(Result)
	done    chan struct{} // closed when left is 0

	mu   sync.Mutex // guards what follows
	list []Result
	left int
}

func newCall(n int, partial func(Result)) *call {
	k := &call{
		places: make(map[uint64]int, n), partial: partial, done: make(chan struct{}),
		list: make([]Result, n), left: n,
	}
	for i := range k.list {
		k.list[i].State = fanfold.Waiting
	}
	return k
}

// take takes the result of one of its tasks. It must not block.
func (k *call) take(r Result) {
	if r.Partial {
		if k.partial != nil {
			k.partial(r)
		}
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list[k.places[r.Tag]] = r
	if k.left--; k.left == 0 {
		close(k.done)
	}
}

// Call sends one task and waits for its result. The end of ctx cancels the task, whose result is
// timed-out or cancelled then. The error is that of sending; what became of the task is in Result.
// partial, if not nil, is called for what the task says before its end; it must not block.
func (s *Stream) Call(ctx context.Context, t Task, partial func(Result)) (Result, error) {
	list, err := s.callAll(ctx, []Task{t}, partial)
	if len(list) == 0 {
		return Result{}, err
	}
	return list[0], err
}

// CallAll sends tasks and gives exactly one result for each, in their order, when all have ended.
// What has not ended when ctx does is cancelled, and its state is timed-out if ctx had a deadline
// that has passed, otherwise cancelled. An error says that not all could be sent; the results of
// those that could not are lost.
func (s *Stream) CallAll(ctx context.Context, tasks []Task) ([]Result, error) {
	return s.callAll(ctx, tasks, nil)
}

func (s *Stream) callAll(
	ctx context.Context, tasks []Task, partial func(Result),
) (_ []Result, err error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	k := newCall(len(tasks), partial)
	if err := s.lock(ctx); err != nil {
		return s.abandon(ctx, k, err), nil
	}
	for i := range tasks {
		if tasks[i].OneWay {
			err = fanfold.Errorf(fanfold.KindUsage, "call task", "a call of a task without an answer")
			break
		}
		if err = s.callOne(ctx, k, i, &tasks[i]); err != nil {
			break
		}
	}
	<-s.sending
	s.client.conn.Flush()
	if err != nil {
		return s.abandon(ctx, k, err), err
	}
	select {
	case <-k.done:
		return k.list, nil
	case <-ctx.Done():
		return s.abandon(ctx, k, nil), nil
	}
}

// callOne sends one task of a call.
func (s *Stream) callOne(ctx context.Context, k *call, place int, t *Task) error {
	s.mu.Lock()
	k.mu.Lock()
	k.places[max(s.window.next, 1)] = place // the tag that it gets: only who holds sending gives one
	k.mu.Unlock()
	s.mu.Unlock()
	_, err := s.send(ctx, t, called, k)
	return err
}

// abandon gives up what has not ended: it is cancelled, and a result that still comes is dropped.
func (s *Stream) abandon(ctx context.Context, k *call, why error) []Result {
	state, err := fanfold.Cancelled, fanfold.Errorf(fanfold.KindCancelled, "call task", "%w",
		context.Cause(ctx))
	switch {
	case ctx.Err() == nil:
		state, err = fanfold.Lost, asError(why)
	case ctx.Err() == context.DeadlineExceeded:
		state = fanfold.TimedOut
		err = fanfold.Errorf(fanfold.KindTimeout, "call task", "its deadline has passed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for tag := range k.places {
		if t := s.window.at(tag); t != nil && *t == called {
			*t = abandoned
			delete(s.calls, tag)
			_ = s.client.conn.Send(&protocol.CancelTask{Request: s.number, Tag: tag})
		}
	}
	s.client.conn.Flush()
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.list {
		if k.list[i].State == fanfold.Waiting {
			k.list[i] = Result{State: state, Err: err}
		}
	}
	return k.list
}
