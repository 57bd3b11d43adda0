package fanfold

import (
	"context"
	"errors"
	"io"
	"time"
)

// Handler answers the tasks of an open job, one at a time: what it writes to the Reply is the
// result. An error fails the attempt. ctx ends when the task is cancelled or out of time, and when
// the process is to end. In is valid during the call only.
//
// A Program's Handle makes one value per process and job, not per task, because a task may take
// less time than making a value. It must not carry one task's state over to the next, unless the
// program is Stateful: then there is one value per shard, which sees the shard's tasks in order.
// After a panic the value is not used again, unless it has the state of a shard. What has Close, as
// Closer or io.Closer, is closed when the job has ended.
type Handler interface {
	Handle(ctx context.Context, in []byte, reply *Reply) error
}

// BatchHandler is a Handler that may take several tasks at once, in their order: for code that
// pays per call. Each Reply has its input (In), and takes its own result and error (Fail). When a
// Handler has it, Handle is not called. An error fails all tasks of the batch. When one of them is
// stopped or out of time, ctx ends; those of the others that have no result then run again.
type BatchHandler interface {
	HandleBatch(ctx context.Context, tasks []*Reply) error
}

// Snapshotter is for the handlers of Stateful programs: what Snapshot writes is kept outside of the
// process, and given to Restore of the value that takes over when the shard moves or its process
// has died. At most PayloadMax bytes.
type Snapshotter interface {
	Snapshot(w io.Writer) error
	Restore(r io.Reader) error
}

// PayloadMax bounds the payload and the result of a task of an open job, in bytes. What is longer
// is an error of KindTooLarge.
const PayloadMax = 3 << 20

// BatchMax bounds Program.Batch.
const BatchMax = 512

// DefaultShards is the number of shards of a job whose tasks have keys, when it does not say.
const DefaultShards = 64

// DefaultSnapshotEvery is the number of tasks between two snapshots of a shard, when its program
// does not say.
const DefaultSnapshotEvery = 1000

// DepthMax is how deep tasks may call tasks.
const DepthMax = 8

// Outcome is how a task of an open job ended.
type Outcome struct {
	State State  // Succeeded, Failed, TimedOut, Cancelled or Lost
	Data  []byte // the result, if it succeeded
	Err   *Error // why not, if it did not
}

// Link is what a Reply needs of the system.
type Link interface {
	// Partial sends bytes, or a status, ahead of the result of a task.
	Partial(r *Reply, data []byte, status string) error
	// Call has another task run, and waits for its end. Meanwhile the slot takes other work.
	Call(ctx context.Context, r *Reply, program string, in [][]byte) ([]Outcome, error)
}

// Reply is where a Handler puts the result of a task. It is valid during the call, and for the
// goroutine of the call only.
type Reply struct {
	// Of the system; not to be changed by a Handler.
	ID       AttemptID
	Input    []byte // the task's payload
	Routing  []byte // the task's key, or nil
	Shard    int    // of the key; -1: none
	Deadline time.Time
	Link     Link
	Handle   uint64 // the system's number for the attempt

	out []byte
	err error
}

// errNoLink is what a Reply of a test without a Link gives.
var errNoLink = errors.New("this reply has no connection to a coordinator")

// In is the task's payload. It is valid during the call.
func (r *Reply) In() []byte { return r.Input }

// Key is the task's key, or nil. It is valid during the call.
func (r *Reply) Key() []byte { return r.Routing }

// Write appends to the result. It never fails; a result of more than PayloadMax bytes fails the
// task when the Handler returns.
func (r *Reply) Write(p []byte) (int, error) {
	r.out = append(r.out, p...)
	return len(p), nil
}

// WriteString is Write for a string.
func (r *Reply) WriteString(s string) (int, error) {
	r.out = append(r.out, s...)
	return len(s), nil
}

// Buffer is the result so far, for append-style functions: SetResult(append(r.Buffer(), …)).
func (r *Reply) Buffer() []byte { return r.out }

// SetResult makes b, of which Buffer may be a part, the result. It takes b over.
func (r *Reply) SetResult(b []byte) { r.out = b }

// Fail is for a BatchHandler: it fails this task alone.
func (r *Reply) Fail(err error) { r.err = err }

// Err is what Fail was given.
func (r *Reply) Err() error { return r.err }

// Reset is for the system: it makes r ready for another task, keeping its memory.
func (r *Reply) Reset() {
	out := r.out[:0]
	if cap(out) > replyKept {
		out = nil
	}
	*r = Reply{Shard: -1, Link: r.Link, out: out}
}

// replyKept is how many bytes a Reply holds on to for the next task.
const replyKept = 64 << 10

// Partial sends bytes to the client ahead of the result. They are lost when the connection is, and
// sent again by a repeated attempt: the client is told the attempt's number.
func (r *Reply) Partial(data []byte) error {
	if r.Link == nil {
		return errNoLink
	}
	return r.Link.Partial(r, data, "")
}

// Progress tells the client, and whoever looks at the job, how far the task is. It counts as
// progress.
func (r *Reply) Progress(status string) error {
	if r.Link == nil {
		return errNoLink
	}
	return r.Link.Partial(r, nil, status)
}

// Call runs another task, of a program of the same binary, and gives its result. The slot of the
// caller takes other work meanwhile, so that calls cannot block each other; tasks call tasks up to
// DepthMax deep.
func (r *Reply) Call(ctx context.Context, program string, in []byte) ([]byte, error) {
	all, err := r.CallAll(ctx, program, [][]byte{in})
	if err != nil {
		return nil, err
	}
	if all[0].State != Succeeded {
		return nil, all[0].Err
	}
	return all[0].Data, nil
}

// CallAll runs several tasks and gives one Outcome for each, in their order, when all have ended.
func (r *Reply) CallAll(ctx context.Context, program string, in [][]byte) ([]Outcome, error) {
	if r.Link == nil {
		return nil, errNoLink
	}
	return r.Link.Call(ctx, r, program, in)
}
