package client

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// reducedMax bounds the result of the reduce over all results of a stream, in bytes.
const reducedMax = 64 << 20

// How far a stream whose results come in order may be ahead of the oldest task that has none: its
// credit cannot hold it back, because what waits for that credit may be just that result.
const (
	aheadMax      = 16 << 10 // tasks
	aheadBytesMax = 64 << 20 // of results that wait for their turn, or for Recv
)

// StreamSpec describes an open job.
type StreamSpec struct {
	Job   fanfold.Job // without inputs
	Info  protocol.ProgramInfo
	Image []byte // SHA-256 of the binary that has the program; empty: the workers' own
	Path  string // where that binary is on this host
	Open  protocol.OpenSpec

	Ordered bool  // Recv gives the results in the order of Send
	Window  int64 // bytes of results that may wait for Recv, each with protocol.TaskCost; 0: 1 MiB
}

// Task is one task of a Stream. The slices may be reused as soon as Send has returned.
type Task struct {
	Data     []byte        // at most fanfold.PayloadMax bytes
	Key      []byte        // tasks of one key run in order in one process; empty: anywhere
	Deadline time.Duration // from its arrival at the coordinator; 0: the stream's
	Priority int           // within the stream: 1 (first) to 8; 0: 5
	ID       string        // idempotency key: another task with it gets the same result
	All      bool          // to each shard; the result is what the reducer makes of all results
	OneWay   bool          // no result but a failure is wanted
}

// Result is how a task has ended or, if Partial is set, what it has said before. A task has one
// Result that is not Partial, and none if it was OneWay and succeeded.
type Result struct {
	Tag      uint64 // as Send has given it
	State    fanfold.State
	Data     []byte         // valid until the next Recv
	Err      *fanfold.Error // nil if it succeeded
	Attempts int
	Worker   string
	Epoch    int  // of the key's shard: how often that has moved
	Again    bool // the result is that of an earlier task with the same ID

	Partial bool
	Status  string // of a Partial: what the task says of itself; "": Data is part of an answer

	// Moved, if it is set, is all that there is: a shard of a stateful job lives in another process
	// from here on.
	Moved *protocol.ShardMoved
}

// Stream is an open job: tasks go in by Send, Call and CallAll, and each is answered once. Its
// methods are safe for concurrent use, but Recv is for one goroutine at a time. Close it in any
// case.
type Stream struct {
	client *Client
	number uint64
	spec   StreamSpec

	accepted chan struct{} // closed when the job is known, or the request has ended
	ended    chan struct{} // closed with the request
	ready    chan struct{} // capacity one: there is something for Recv; never closed
	sending  chan struct{} // capacity one: held by who sends; never closed
	more     chan struct{} // capacity one: credit came, or the stream has ended; never closed
	task     protocol.Task // of who sends

	mu      sync.Mutex // guards what follows
	job     fanfold.JobID
	credit  int64 // cost of the tasks that may be sent
	sealed  bool  // CloseSend was called
	window  window
	calls   map[uint64]*call // by tag
	filling results          // what Recv has not taken yet
	line    line             // of a stream whose results come in order
	owed    int64            // cost of results dealt with, for which no credit was given yet
	over    bool             // ended is closed
	reduced []byte
	summary Summary
	err     error // the job's, or that of the connection

	current results // of Recv
	at      int     // in current
}

// Open starts an open job, and returns when the coordinator has accepted it. When ctx ends before
// the stream does, the job is cancelled.
func (c *Client) Open(ctx context.Context, spec StreamSpec) (*Stream, error) {
	s := newStream(c, spec)
	var err error
	if s.number, err = c.start(s); err != nil {
		return nil, err
	}
	return s.begin(ctx, &protocol.Submit{
		Request: s.number, Job: protocol.FromJob(spec.Job), Info: spec.Info, Image: spec.Image,
		Path: spec.Path, Credit: s.spec.Window, Open: []protocol.OpenSpec{spec.Open},
	})
}

// Resume takes up a stream again that was opened with OpenSpec.Keep, on this connection or another
// one: its results that were not dealt with come again, by the tags that they had.
func (c *Client) Resume(ctx context.Context, job fanfold.JobID) (*Stream, error) {
	s := newStream(c, StreamSpec{})
	s.window.resume(uint64(time.Now().UnixNano())) // above all tags that were used before
	var err error
	if s.number, err = c.start(s); err != nil {
		return nil, err
	}
	return s.begin(ctx, &protocol.Attach{Request: s.number, Job: job[:], Credit: s.spec.Window})
}

func newStream(c *Client, spec StreamSpec) *Stream {
	if spec.Window <= 0 {
		spec.Window = replyWindow
	}
	return &Stream{
		client: c, spec: spec,
		accepted: make(chan struct{}), ended: make(chan struct{}),
		ready: make(chan struct{}, 1), sending: make(chan struct{}, 1),
		more: make(chan struct{}, 1), calls: map[uint64]*call{}, credit: protocol.InputWindow,
	}
}

// begin sends the request, and waits until the coordinator has accepted it.
func (s *Stream) begin(ctx context.Context, m protocol.Body) (*Stream, error) {
	if err := s.client.send(m); err != nil {
		s.client.drop(s.number)
		return nil, err
	}
	select {
	case <-s.accepted:
	case <-ctx.Done():
		_ = s.client.send(&protocol.Cancel{Request: s.number}) // or the connection is lost
		s.client.drop(s.number)
		return nil, fanfold.Errorf(fanfold.KindCancelled, "open stream", "%w", context.Cause(ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return nil, s.err
	}
	unwatch := context.AfterFunc(ctx, s.cancel)
	s.client.uploads.Go(func() { <-s.ended; unwatch() })
	return s, nil
}

// Job is the job's id.
func (s *Stream) Job() fanfold.JobID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.job
}

// cancel ends the job; the results of all tasks come in any case.
func (s *Stream) cancel() { _ = s.client.send(&protocol.Cancel{Request: s.number}) }

// Cancel ends one task, whose Result follows: cancelled, or what had become of it by then.
func (s *Stream) Cancel(tag uint64) error {
	return s.client.send(&protocol.CancelTask{Request: s.number, Tag: tag})
}

// CloseSend says that no further task follows. When all are answered, the stream ends.
func (s *Stream) CloseSend() error {
	s.sending <- struct{}{}
	defer func() { <-s.sending }()
	s.mu.Lock()
	sealed := s.sealed
	s.sealed = true
	s.mu.Unlock()
	if sealed {
		return nil
	}
	return s.client.send(&protocol.InputEnd{Request: s.number})
}

// Wait waits for the end of the stream, and drops the results that Recv has not taken. reduced is
// what the job's reducer made of all results, if that was asked for. The error is nil if all tasks
// succeeded, and otherwise the job's *fanfold.Error; the Summary is valid in both cases.
func (s *Stream) Wait() (reduced []byte, sum Summary, err error) {
	for {
		_, err := s.Recv(context.Background())
		if err != nil {
			break
		}
	}
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reduced, s.summary, s.err
}

// Close ends the stream: its job is cancelled unless it has ended. It waits for that.
func (s *Stream) Close() error {
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	if !over {
		s.cancel()
	}
	_, _, _ = s.Wait() // how it ended is no news to who has closed it
	return nil
}

// take handles a message that is not a hot one.
func (s *Stream) take(m protocol.Body) (last bool) {
	switch m := m.(type) {
	case *protocol.Accepted:
		s.mu.Lock()
		s.job = fanfold.JobID(m.Job)
		s.mu.Unlock()
		close(s.accepted)
	case *protocol.Credit:
		s.mu.Lock()
		s.credit += m.Bytes
		s.mu.Unlock()
		s.signal(s.more)
	case *protocol.Result:
		s.reduce(m)
	case *protocol.ShardMoved:
		moved := *m
		s.mu.Lock()
		s.put(Result{Moved: &moved})
		s.mu.Unlock()
		s.signal(s.ready)
	case *protocol.Ended:
		var err error
		if len(m.Failure) > 0 {
			err = m.Failure[0].Err()
		}
		s.end(Summary{
			Job: s.Job(), State: fanfold.State(m.State), Counters: m.Counters, Bytes: m.Bytes,
			Records: m.Records, Millis: m.Millis,
		}, err)
		return true
	case *protocol.Failure:
		s.fail(m.Err())
		return true
	}
	return false
}

// reduce takes bytes of what the reducer made of all results.
func (s *Stream) reduce(m *protocol.Result) {
	s.mu.Lock()
	n := int64(len(m.Data))
	if len(s.reduced)+len(m.Data) <= reducedMax {
		s.reduced = append(s.reduced, m.Data...)
	}
	s.mu.Unlock()
	_ = s.client.send(&protocol.Credit{Stream: s.number, Bytes: n}) // or the connection is lost
}

// fail ends the request with an error that is not the job's.
func (s *Stream) fail(err error) { s.end(Summary{State: fanfold.Lost}, err) }

// end ends the request: a task that has no answer gets none any more.
func (s *Stream) end(sum Summary, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.over, s.summary, s.err = true, sum, err
	select {
	case <-s.accepted:
	default:
		close(s.accepted)
	}
	why := asError(err)
	for tag := range s.window.all() {
		r := Result{Tag: tag, State: fanfold.Lost, Err: why}
		if sum.State == fanfold.Cancelled || sum.State == fanfold.TimedOut {
			r.State = sum.State
		}
		s.answer(r, 0)
	}
	close(s.ended)
	s.signal(s.more)
	s.signal(s.ready)
}

// asError is the error of tasks that got no answer.
func asError(err error) *fanfold.Error {
	if err == nil || err == io.EOF {
		return fanfold.Errorf(fanfold.KindLost, "run task", "the job has ended without an answer")
	}
	return fanfold.UserError("run task", err)
}

// signal wakes who waits at c.
func (s *Stream) signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has a wake-up waiting
	}
}
