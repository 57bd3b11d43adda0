package client

import (
	"context"
	"hash/crc32"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// reducedMax bounds the result of the reduce over all results of a stream, in bytes.
const reducedMax = 64 << 20

// StreamSpec describes an open job.
type StreamSpec struct {
	Job   fanfold.Job // without inputs
	Info  protocol.ProgramInfo
	Image []byte // SHA-256 of the binary that has the program; empty: the workers' own
	Path  string // where that binary is on this host
	Open  protocol.OpenSpec

	// Ordered has Recv give the results in the order of Send. Those that come before their turn
	// wait here, and Send waits when they become too many, or too large. What waits counts as
	// received: a stream that is kept does not give it to the client that comes after this one.
	Ordered bool

	Window int64 // bytes of results that may wait for Recv, each with protocol.TaskCost; 0: 1 MiB
}

// Task is one task of a Stream. The slices may be reused as soon as Send has returned.
type Task struct {
	Data     []byte        // at most fanfold.PayloadMax bytes
	Key      []byte        // tasks of one key run in order in one process; empty: anywhere
	Deadline time.Duration // from its arrival at the coordinator; 0: the stream's
	Priority int           // within the stream: 1 (first) to 8; 0: 5
	ID       string        // idempotency key, at most 64 bytes: its tasks all get one result
	All      bool          // to each shard; the result is what the reducer makes of all results
	OneWay   bool          // no result but a failure is wanted

	// OnPartial gets what a task of Call or CallAll says before its end, in the goroutine of the
	// caller; nil: nobody wants to know. A task of Send says it to Recv.
	OnPartial func(Result)
}

// Result is how a task has ended or, if Partial is set, what it has said before. A task has exactly
// one Result that is not Partial, and none if it was OneWay and succeeded.
type Result struct {
	Tag      uint64 // as Send has given it
	State    fanfold.State
	Data     []byte         // of Recv: valid until the next Recv
	Err      *fanfold.Error // nil if it succeeded
	Attempts int            // that were started; of a Partial: the number of the one that says it
	Worker   string         // on which the last one ran
	Epoch    int            // of the key's shard: how often that has moved
	Again    bool           // the result is that of an earlier task with the same ID

	Partial bool
	Status  string // of a Partial: what the task says of itself; "": Data is part of an answer

	// Moved, if it is set, is all that there is: a shard of a stateful job lives in another process
	// from here on.
	Moved *protocol.ShardMoved
}

// Stream is an open job: tasks go in by Send, Call and CallAll, and each is answered once, whatever
// becomes of it, of its process and of the coordinator. Its methods are safe for concurrent use,
// but Recv is for one goroutine at a time. Close it in any case.
//
// When the connection is lost, all tasks without an answer are Lost, with the error's kind
// KindUnreachable; nobody knows then whether they have run. A stream that was opened with
// OpenSpec.Keep waits for its Resume instead.
type Stream struct {
	spec    StreamSpec
	foreign bool          // taken up by its job: other tasks than those of its own get results, too
	ended   chan struct{} // closed with the request
	ready   chan struct{} // capacity one: there is something for Recv; never closed

	mu       sync.Mutex // guards what follows
	client   *Client
	number   uint64        // of the request
	accepted chan struct{} // closed when the job is known, or the request has ended
	known    bool          // accepted is closed
	job      fanfold.JobID
	credit   int64         // cost of the tasks that may be sent
	more     chan struct{} // closed when something has changed for who sends; nil: nobody waits
	sealed   bool          // CloseSend was called
	cut      bool          // the connection of a kept stream is lost: err says why
	over     bool          // ended is closed
	discard  bool          // nobody receives any more
	unwatch  func() bool   // ends the watch over the context of Open
	task     protocol.Task // of who sends
	unsent   int64         // cost of what was sent since the last flush of Send
	window   window
	oneWays  uint64                    // tasks that were sent OneWay
	calls    map[uint64]place          // by tag
	saved    map[uint64]*protocol.Task // by tag: what Resume sends again
	line     line                      // of a stream whose results come in order
	filling  results                   // what Recv has not taken yet
	untaken  int64                     // cost of filling
	taken    int64                     // cost of what Recv has taken, and may still be looking at
	owed     int64                     // cost of what was dealt with, to be given as credit
	came     uint64                    // messages with a cost of this request
	reduced  []byte
	crc      uint32 // of the bytes that came for reduced
	received int64  // their number
	summary  Summary
	err      error // the job's, or that of the connection

	current results // of Recv
	at      int     // in current
}

// Open starts an open job, and returns when the coordinator has accepted it. When ctx ends before
// the stream does, the job is cancelled. An error of KindUsage says that there is no such job,
// KindBusy that another try may work later, KindUnreachable that the connection is lost.
func (c *Client) Open(ctx context.Context, spec StreamSpec) (*Stream, error) {
	s := newStream(c, spec)
	var err error
	if s.number, err = c.start(s); err != nil {
		return nil, err
	}
	m := protocol.Submit{
		Request: s.number, Job: protocol.FromJob(spec.Job), Info: spec.Info, Image: spec.Image,
		Path: spec.Path, Credit: s.spec.Window, Open: []protocol.OpenSpec{spec.Open},
	}
	if err := m.Validate(); err != nil {
		c.drop(s.number)
		return nil, fanfold.Errorf(fanfold.KindUsage, "open stream", "%w", err)
	}
	return s.begin(ctx, &m)
}

func newStream(c *Client, spec StreamSpec) *Stream {
	if spec.Window <= 0 {
		spec.Window = replyWindow
	}
	return &Stream{
		client: c, spec: spec,
		ended: make(chan struct{}), ready: make(chan struct{}, 1), accepted: make(chan struct{}),
		calls: map[uint64]place{}, credit: protocol.InputWindow,
	}
}

// begin sends the request, waits until the coordinator has accepted it, and watches ctx from then
// on.
func (s *Stream) begin(ctx context.Context, m protocol.Body) (*Stream, error) {
	if err := s.client.send(m); err != nil {
		s.client.drop(s.number)
		return nil, err
	}
	if err := s.await(ctx, s.accepted); err != nil {
		_ = s.client.send(&protocol.Cancel{Request: s.number}) // or the connection is lost
		s.client.drop(s.number)
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.job == (fanfold.JobID{}) {
		return nil, s.err
	}
	if !s.over {
		s.unwatch = context.AfterFunc(ctx, func() { _ = s.Cancel(0) })
	}
	return s, nil
}

// await waits until c is closed.
func (s *Stream) await(ctx context.Context, c chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return fanfold.Errorf(fanfold.KindCancelled, "open stream", "%w", context.Cause(ctx))
	}
}

// Job is the job's id.
func (s *Stream) Job() fanfold.JobID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.job
}

// Unanswered is the number of tasks that were sent and have no result yet, OneWay ones not counted.
func (s *Stream) Unanswered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.window.open
}

// Cancel ends one task, whose Result follows: cancelled, or what had become of it by then. With a
// tag of 0 it ends the job: all tasks without a result are cancelled.
func (s *Stream) Cancel(tag uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
		return nil // all are answered
	case s.cut && tag == 0:
		s.finish(Summary{Job: s.job, State: fanfold.Lost}, s.err)
		return nil
	case s.cut:
		return s.err
	case tag == 0:
		return s.client.send(&protocol.Cancel{Request: s.number})
	}
	return s.client.send(&protocol.CancelTask{Request: s.number, Tag: tag})
}

// CloseSend says that no further task follows. When all are answered, the stream ends.
func (s *Stream) CloseSend() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed || s.over {
		return nil
	}
	s.sealed = true
	s.stir()
	if s.cut {
		return nil // Resume says it
	}
	return s.client.send(&protocol.InputEnd{Request: s.number})
}

// Wait waits for the end of the stream, for which there must be CloseSend or Cancel, and drops the
// results that Recv has not taken. reduced is what the job's reducer made of all results, if that
// was asked for. The error is nil if all tasks succeeded, and otherwise the job's *fanfold.Error;
// the Summary is valid in both cases.
func (s *Stream) Wait() (reduced []byte, sum Summary, err error) {
	s.mu.Lock()
	s.leaveReceiving()
	s.mu.Unlock()
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reduced, s.summary, s.err
}

// Close ends the stream: its job is cancelled unless it has ended, also if it is kept (to leave it
// for Resume, close the Client). It waits until the coordinator has said so; an error tells that it
// has not for two seconds.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.leaveReceiving()
	s.mu.Unlock()
	_ = s.Cancel(0) // or the connection is lost
	limit := time.NewTimer(closeMax)
	defer limit.Stop()
	select {
	case <-s.ended:
		return nil // how it ended is no news to who has closed it
	case <-limit.C:
	}
	err := fanfold.Errorf(fanfold.KindTimeout, "close stream", "the coordinator does not answer")
	err.Hint = "close the client: its jobs end with the connection"
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(Summary{Job: s.job, State: fanfold.Lost}, err)
	s.client.drop(s.number)
	return err
}

// take handles a message that is none of the many.
func (s *Stream) take(m protocol.Body) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m := m.(type) {
	case *protocol.Accepted:
		s.job = fanfold.JobID(m.Job)
		s.accept()
	case *protocol.Credit:
		s.credit += m.Bytes
		s.stir()
	case *protocol.Result:
		s.reduce(m)
	case *protocol.ShardMoved:
		s.move(*m)
	case *protocol.Ended:
		s.conclude(m)
		return true
	case *protocol.Failure:
		s.finish(Summary{Job: s.job, State: fanfold.Lost}, m.Err())
		return true
	}
	return false
}

func (s *Stream) accept() {
	if !s.known {
		s.known = true
		close(s.accepted)
	}
}

// reduce takes bytes of what the reducer made of all results. s.mu is held.
func (s *Stream) reduce(m *protocol.Result) {
	s.received += int64(len(m.Data))
	s.crc = crc32.Update(s.crc, castagnoli, m.Data)
	if s.received <= reducedMax {
		s.reduced = append(s.reduced, m.Data...)
	}
	s.pay(int64(len(m.Data)))
}

// stir wakes those who wait to send. s.mu is held.
func (s *Stream) stir() {
	if s.more != nil {
		close(s.more)
		s.more = nil
	}
}

// wake wakes Recv.
func (s *Stream) wake() {
	select {
	case s.ready <- struct{}{}:
	default: // it has a wake-up waiting
	}
}
