package coordinator

import (
	"hash/crc32"
	"math"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// readMax is how much of a file is asked of a worker at once.
const readMax = 4 * protocol.BlockMax

// consumer is what the owner knows of a client.
type consumer struct {
	requests map[uint64]*request
	ring     []*request // those with bytes to send and credit for them, in turns
	granted  int64      // bytes asked of workers for this client and not here yet
	logs     []*logFlow // answers to log queries, one after the other
	queries  int        // that wait for something to happen

	ended map[uint64]*stream // kept ones that it was told the end of, by request
}

// request is a Submit or an Attach until its Ended.
type request struct {
	peer    *peer
	number  uint64
	job     *job
	submits bool // it is the job's own Submit
	waits   bool // only for the end

	credit  int64 // bytes that the client takes
	started bool  // the reply is being sent
	inRing  bool
	part    int     // output that is being sent
	at      int64   // offset in it
	output  *result // it, once a byte of it was sent
	partCRC uint32  // of what was sent of it
	sent    int64   // bytes in all
	total   int64   // bytes of the reply
	reading bool    // a worker was asked for the next bytes
	done    bool    // all was sent
}

// join makes r one of those that wait for a job.
func (o *owner) join(j *job, r *request) {
	r.job = j
	r.peer.client.requests[r.number] = r
	j.requests = append(j.requests, r)
	switch {
	case j.phase == phaseEnded:
		o.endRequest(r)
	case j.phase == phaseDelivering:
		o.startReply(r)
	}
}

// attach joins a request to a job that somebody submitted.
func (o *owner) attach(p *peer, m *protocol.Attach) error {
	if p.client.requests[m.Request] != nil {
		return errRequest(m.Request)
	}
	j, err := o.find(p, m.Job)
	switch {
	case err != nil:
	case p.role == protocol.RoleViewer && !m.Wait:
		err = fanfold.Errorf(fanfold.KindDenied, "attach", "a viewer may wait only")
	case !m.Wait && j.phase == phaseEnded && j.state == fanfold.Succeeded && j.released &&
		j.spec.Output == "":
		err = fanfold.Errorf(fanfold.KindNotFound, "attach", "the reply of job %s is not kept", j.id)
	}
	streams := err == nil && j.stream != nil && !m.Wait && (j.phase < phaseEnded || j.kept)
	if streams {
		err = j.stream.attachable(p)
	}
	switch {
	case err != nil:
		o.refuse(p, m.Request, err)
		return nil
	case streams:
		return o.attachStream(p, m, j)
	}
	o.send(p, &protocol.Accepted{Request: m.Request, Job: j.id[:]})
	o.join(j, &request{peer: p, number: m.Request, credit: m.Credit, waits: m.Wait})
	return nil
}

// credit lets more of a reply go to its client.
func (o *owner) credit(p *peer, m *protocol.Credit) error {
	r := p.client.requests[m.Stream]
	if r == nil || m.Bytes <= 0 {
		o.lateCredit(p, m)
		return nil
	}
	r.credit += min(m.Bytes, math.MaxInt64-r.credit)
	if st := r.job.stream; st != nil && st.client == r {
		o.acknowledge(st, m)
		o.replyMore(st)
	}
	o.enter(r)
	return nil
}

// startReply begins to send the reply of a job, or goes on after an output of it was made again.
func (o *owner) startReply(r *request) {
	if r.waits {
		return
	}
	r.started, r.total = true, r.job.replyBytes()
	o.enter(r)
}

// enter puts a request into its client's ring, if it has something to send and may.
func (o *owner) enter(r *request) {
	if r.inRing || !r.started || r.done || r.reading || r.gone() {
		return
	}
	r.inRing = true
	c := r.peer.client
	c.ring = append(c.ring, r)
	o.touch(r.peer)
}

// reply sends what a client's ring has, one block of each in turn, as long as there is room.
func (o *owner) reply(p *peer) {
	c := p.client
	for _, r := range c.requests {
		if r.replies() {
			o.replyMore(r.job.stream)
		}
	}
	for len(c.ring) > 0 {
		// What a worker was asked for calls again when it has come, and room when there is some.
		if c.granted > 0 && p.conn.Queued()+int(c.granted) >= roomMax || !o.room(p) {
			break
		}
		r := c.ring[0]
		c.ring = slices.Delete(c.ring, 0, 1)
		r.inRing = false
		if !r.gone() && o.next(r) {
			o.enter(r)
		}
	}
	o.tellLogs(p)
}

// next sends the next block of a reply. It returns false when there is none to be sent now.
func (o *owner) next(r *request) bool {
	outputs := r.job.final()
	for r.part < len(outputs) && r.at == outputs[r.part].bytes() && !outputs[r.part].lost {
		if err := o.partSent(r, outputs[r.part]); err != nil {
			o.breakReply(r, err)
			return false
		}
	}
	if r.part == len(outputs) {
		o.replySent(r)
		return false
	}
	out := outputs[r.part]
	switch {
	case out.lost || r.credit <= 0: // deliver or credit goes on
		return false
	case r.output != nil && r.output != out && !sameOutput(r.output, out):
		o.breakReply(r, fanfold.Errorf(fanfold.KindChanged, "send reply",
			"a part of the output was lost, and came out different when it was made again"))
		return false
	}
	r.output = out
	if out.output.File != "" {
		o.readPart(r, out)
		return false
	}
	data := out.output.Inline[0][r.at:]
	o.sendResult(r, data[:min(int64(len(data)), r.credit, protocol.BlockMax)])
	return true
}

// sameOutput compares two outputs of one task: of a program that is a function of its input they
// are equal, and then what was sent of one goes on with the other.
func sameOutput(a, b *result) bool {
	return a.bytes() == b.bytes() && a.output.CRC == b.output.CRC
}

// partSent checks what was sent of an output against its manifest, and goes on to the next.
func (o *owner) partSent(r *request, out *result) *fanfold.Error {
	if r.partCRC != out.output.CRC && out.bytes() > 0 {
		return fanfold.Errorf(fanfold.KindCorrupt, "send reply",
			"the output of %s-%d is not as it was committed", out.stage, out.index)
	}
	r.part, r.at, r.output, r.partCRC = r.part+1, 0, nil, 0
	return nil
}

// sendResult sends bytes of a reply.
func (o *owner) sendResult(r *request, data []byte) {
	n := int64(len(data))
	o.send(r.peer, &protocol.Result{
		Stream: r.number, Offset: r.sent, Data: data, Last: r.sent+n == r.total,
	})
	r.credit, r.at, r.sent = r.credit-n, r.at+n, r.sent+n
	r.partCRC = crc32.Update(r.partCRC, castagnoli, data)
}

// replySent notes that a client has it all. The job of a client that waits for its reply is over
// only now.
func (o *owner) replySent(r *request) {
	r.done = true
	j := r.job
	switch {
	case j.phase == phaseEnded:
		o.endRequest(r)
	case r == j.client:
		o.finish(j, scheduler.Succeeded)
	}
}

// breakReply ends a request whose reply cannot be sent, and the job if it is its own.
func (o *owner) breakReply(r *request, why *fanfold.Error) {
	if r == r.job.client && r.job.phase == phaseDelivering {
		o.failJob(r.job, why)
		return
	}
	o.refuse(r.peer, r.number, why)
	o.quit(r)
}

// readPart asks the worker that has it for the next bytes of a part: no more than the client takes
// and its queue has room for. Each such Read stands for itself, so that nothing is left at the
// worker when the client goes.
func (o *owner) readPart(r *request, out *result) {
	c := r.peer.client
	room := int64(roomMax - r.peer.conn.Queued() - int(c.granted) + protocol.BlockMax)
	n := min(out.output.Bytes-r.at, r.credit, room, readMax)
	if out.worker.lost {
		o.breakReply(r, fanfold.Errorf(fanfold.KindLost, "send reply",
			"worker %s has gone with a part of it", out.worker.name()))
		return
	}
	r.reading = true
	c.granted += n
	number := o.number()
	o.streams[number] = &reading{request: r, out: out, left: n}
	o.send(out.worker.peer, &protocol.Read{
		Stream: number, Path: out.output.File, Offset: r.at, Length: n, Credit: n,
	})
}

// reading is a Read under way at a worker.
type reading struct {
	request *request
	out     *result
	left    int64 // bytes that are to come
}

// result passes on what a worker has read.
func (o *owner) result(p *peer, m *protocol.Result) error {
	s, ok := o.streams[m.Stream].(*reading)
	if !ok || s.out.worker != p.worker {
		return nil // nobody waits for it any more
	}
	r := s.request
	n := int64(len(m.Data))
	if n > s.left {
		return fanfold.Errorf(fanfold.KindProtocol, "read output", "more than was asked for")
	}
	s.left -= n
	if c := r.peer.client; c != nil {
		c.granted -= n
	}
	if m.Error != "" || m.Last && s.left > 0 {
		o.endReading(m.Stream, s)
		o.readFailed(r, s.out, m.Error)
		return nil
	}
	if !r.gone() {
		o.sendResult(r, m.Data)
	}
	if s.left == 0 {
		o.endReading(m.Stream, s)
		o.enter(r)
	}
	return nil
}

func (o *owner) endReading(number uint64, s *reading) {
	delete(o.streams, number)
	s.request.reading = false
	s.request.peer.client.granted -= s.left
	o.touch(s.request.peer)
}

// gone reports whether nobody waits for the request any more.
func (r *request) gone() bool { return r.peer.client.requests[r.number] != r }

// readFailed has an output made again that its worker cannot read, or ends the request if it is too
// late for that.
func (o *owner) readFailed(r *request, out *result, why string) {
	if r.gone() || out.lost { // a job that was given up has no files any more
		return
	}
	o.log.Warn("read output", "job", r.job.id, "worker", out.worker.name(), "error", why)
	switch {
	case r.job.phase == phaseDelivering:
		o.step(scheduler.Command{Kind: scheduler.LoseOutput, Task: out.task})
	default:
		o.breakReply(r, fanfold.Errorf(fanfold.KindLost, "send reply", "%s", why))
	}
}
