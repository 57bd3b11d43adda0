package client

import (
	"context"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// replyWindow is how many bytes of a reply the coordinator may send ahead of what was read, and so
// how much a Reply holds at most.
const replyWindow = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Summary is what is left to say when a job has ended.
type Summary struct {
	Job      fanfold.JobID
	State    fanfold.State
	Counters []protocol.Counter
	Bytes    int64 // of the reply
	Records  int64 // in the output
	Millis   int64 // from submission to the end
	Files    []string
}

// Progress is how far a job is.
type Progress struct {
	Stages    []protocol.StageInfo
	Bytes     int64 // of input read
	BytesAll  int64 // of input in all, as far as it is known
	Status    string
	MapsKnown bool           // false while inputs are still being listed
	Failure   *fanfold.Error // the job's first failure: in one Progress only
}

// Reply is the answer to a Submit or an Attach. Read is for one goroutine, and for none beside
// Wait; the other methods are safe for concurrent use.
type Reply struct {
	client   *Client
	number   uint64
	attached bool // Close leaves the job alone
	waits    bool // no bytes were asked for

	accepted chan struct{} // closed when the job is known, or the request has ended
	ended    chan struct{} // closed with the request
	ready    chan struct{} // capacity one: there is something to read; never closed
	progress chan Progress // capacity one: the newest; closed with the request
	upload   *upload       // of Stdin; nil: there is none

	mu      sync.Mutex // guards what follows
	job     fanfold.JobID
	buf     []byte // received and not read: buf[at:]
	at      int
	discard bool  // nobody reads any more
	owed    int64 // bytes read for which no credit was given yet
	got     int64 // bytes received
	crc     uint32
	over    bool        // ended is closed
	unwatch func() bool // undoes watch; nil before it
	summary Summary
	cause   error // why this side has cancelled the job
	err     error // the job's, or that of asking
}

func newReply(c *Client) *Reply {
	return &Reply{
		client: c, accepted: make(chan struct{}), ended: make(chan struct{}),
		ready: make(chan struct{}, 1), progress: make(chan Progress, 1),
	}
}

// watch has the reply end with ctx.
func (r *Reply) watch(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.unwatch = context.AfterFunc(ctx, func() { r.giveUp(context.Cause(ctx)) })
	}
}

// Job is the job's id.
func (r *Reply) Job() fanfold.JobID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.job
}

// Progress gives the newest state of the job; one that was not taken is replaced, but its Failure
// is kept. The channel is closed when the job ends.
func (r *Reply) Progress() <-chan Progress { return r.progress }

// Read gives the reply's bytes. io.EOF means that the job succeeded and that the bytes are all
// there and as they were committed; any other error is the job's *fanfold.Error.
func (r *Reply) Read(p []byte) (int, error) {
	for {
		if n, err := r.readNow(p); n > 0 || err != nil {
			return n, err
		}
		if len(p) == 0 {
			return 0, nil
		}
		select {
		case <-r.ready:
		case <-r.ended:
		}
	}
}

// readNow reads what is there.
func (r *Reply) readNow(p []byte) (int, error) {
	r.mu.Lock()
	n := copy(p, r.buf[r.at:])
	if r.at += n; r.at == len(r.buf) {
		r.buf, r.at = r.buf[:0], 0
	}
	credit := r.repay(int64(n))
	var err error
	if n == 0 && r.over {
		if err = r.err; err == nil {
			err = io.EOF
		}
	}
	r.mu.Unlock()
	r.grant(credit)
	return n, err
}

// repay notes that n bytes were dealt with, and says how much credit is due; r.mu is held.
func (r *Reply) repay(n int64) (credit int64) {
	if r.owed += n; r.owed >= replyWindow/4 && !r.over {
		credit, r.owed = r.owed, 0
	}
	return credit
}

func (r *Reply) grant(credit int64) {
	if credit > 0 {
		// A connection that is lost ends the reply by its reader.
		_ = r.client.send(&protocol.Credit{Stream: r.number, Bytes: credit})
	}
}

// Wait waits for the end of the job and discards what was not read. The error is nil when the job
// succeeded, and otherwise the job's *fanfold.Error; the Summary is valid in both cases.
func (r *Reply) Wait() (Summary, error) {
	r.drain()
	<-r.ended
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.summary, r.err
}

// drain drops what is there, and what still comes.
func (r *Reply) drain() {
	r.mu.Lock()
	r.discard = true
	credit := r.repay(int64(len(r.buf) - r.at))
	r.buf, r.at = nil, 0
	r.mu.Unlock()
	r.grant(credit)
}

// Close gives up the reply: a submitted job is cancelled, an attached one goes on. It returns when
// the request has ended, and does nothing after that.
func (r *Reply) Close() error {
	r.giveUp(errClosedReply)
	r.drain()
	<-r.ended
	return nil
}

var errClosedReply = fanfold.Errorf(fanfold.KindCancelled, "read reply", "it was closed")

// giveUp cancels a submitted job, whose end then comes, and ends the reply of an attached one.
func (r *Reply) giveUp(why error) {
	// A connection that is lost ends the reply by its reader.
	_ = r.client.send(&protocol.Cancel{Request: r.number})
	if r.attached {
		r.client.drop(r.number)
		r.end(Summary{}, fanfold.Errorf(fanfold.KindCancelled, "read reply", "%w", why))
	}
}

// take handles a message for this request.
func (r *Reply) take(m protocol.Body) (last bool) {
	switch m := m.(type) {
	case *protocol.Accepted:
		r.accept(fanfold.JobID(m.Job))
	case *protocol.Result:
		r.receive(m)
	case *protocol.Progress:
		r.tell(m)
	case *protocol.Credit:
		if r.upload != nil {
			r.upload.grant(m.Bytes)
		}
	case *protocol.Ended:
		r.finish(m)
		return true
	case *protocol.Failure:
		r.fail(m.Err())
		return true
	}
	return false
}

// accept notes the job's id, which comes once.
func (r *Reply) accept(id fanfold.JobID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.job == (fanfold.JobID{}) {
		r.job = id
		close(r.accepted)
	}
}

// receive takes bytes of the reply. They are never more than the credit that was given.
func (r *Reply) receive(m *protocol.Result) {
	r.mu.Lock()
	if r.over {
		r.mu.Unlock()
		return
	}
	r.got += int64(len(m.Data))
	r.crc = crc32.Update(r.crc, castagnoli, m.Data)
	credit := int64(0)
	if r.discard {
		credit = r.repay(int64(len(m.Data)))
	} else {
		if r.at > len(r.buf)/2 { // most of it was read
			r.buf, r.at = slices.Delete(r.buf, 0, r.at), 0
		}
		r.buf = append(r.buf, m.Data...)
	}
	r.mu.Unlock()
	r.grant(credit)
	select {
	case r.ready <- struct{}{}:
	default: // Read has a wake-up waiting
	}
}

// tell replaces the progress that was not taken.
func (r *Reply) tell(m *protocol.Progress) {
	p := Progress{
		Stages: m.Stages, Bytes: m.Bytes, BytesAll: m.BytesAll, Status: m.Status,
		MapsKnown: m.MapsKnown,
	}
	if len(m.Failure) > 0 {
		p.Failure = m.Failure[0].Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	select {
	case old := <-r.progress:
		if p.Failure == nil {
			p.Failure = old.Failure
		}
	default:
	}
	r.progress <- p // only here is anything sent, so there is room
}

// finish takes the end of the job. A reply that is not what was committed is an error.
func (r *Reply) finish(m *protocol.Ended) {
	s := Summary{
		State: fanfold.State(m.State), Counters: m.Counters, Bytes: m.Bytes, Records: m.Records,
		Millis: m.Millis, Files: m.Files,
	}
	var err error
	switch {
	case len(m.Failure) > 0:
		err = m.Failure[0].Err()
	case s.State != fanfold.Succeeded:
		err = fanfold.Errorf(fanfold.KindInternal, "run job", "it ended as %s", s.State)
	case !r.waits && (r.got != m.Bytes || r.crc != m.CRC):
		err = fanfold.Errorf(fanfold.KindCorrupt, "read reply",
			"%d bytes with CRC %08x came, not %d with %08x", r.got, r.crc, m.Bytes, m.CRC)
	}
	r.end(s, err)
}

// fail ends the request without a job's end.
func (r *Reply) fail(err error) { r.end(Summary{}, err) }

// end ends the request, once.
func (r *Reply) end(s Summary, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	if err != nil && r.cause != nil {
		err = r.cause
	}
	r.over, r.err, r.summary = true, err, s
	r.summary.Job = r.job
	if r.upload != nil {
		r.upload.stop()
	}
	if r.unwatch != nil {
		r.unwatch()
	}
	close(r.progress)
	close(r.ended)
}
