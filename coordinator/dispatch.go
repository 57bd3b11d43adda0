package coordinator

import (
	"context"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// order is what a task process is to be sent for one attempt: perhaps material (sources, or the
// bytes of an inline split), and then the Assign. The orders of a slot go out one after the other,
// so that attempts run in the order that the scheduler knows.
type order struct {
	attempt attempt
	begun   bool      // some of its material was sent
	stopped bool      // a Stop is to follow the Assign
	sources []*result // those not sent yet
	pulls   []*result // of them, those on other hosts that the worker was not told to fetch yet
	pulling bool      // the worker fetches: Pulled goes on
	total   uint32    // of sources
	pieces  []*piece  // those of an inline split that were not begun yet
	data    []byte    // what is left of the piece before them
	offset  int64     // of data in the client's stream
	reading bool      // pieces[0] is being read from the spool
	part    uint32    // partition that sources are read for

	tickets map[*worker][]byte // for what is fetched, by who has it

	// Of an open job.
	task   scheduler.Ref // what the attempt is called with
	shard  uint32
	until  scheduler.Time // its deadline; 0: none
	values int            // of a reduce: those that were sent
}

// roomMax is how many bytes wait in an outbound queue before bulk has to. The rest of what
// protocol.QueueMax allows is for control messages, and for the last block of bulk.
const roomMax = protocol.QueueMax / 2

// assigned takes an attempt that the scheduler has put on a slot.
func (o *owner) assigned(e *scheduler.Effect) {
	sl, j := o.slotOf(e.Slot), o.running[e.Job]
	if sl == nil {
		return // it was lost while the journal was written, and its attempts run elsewhere
	}
	a := attempt{id: e.Attempt, job: j, stage: e.Stage, index: uint32(e.Tag), number: e.Number}
	j.live++
	sl.attempts = append(sl.attempts, a)
	sl.orders = append(sl.orders, order{attempt: a})
	o.markDirty(j)
	if len(sl.orders) == 1 {
		o.dispatch(sl)
	}
}

// dispatch sends what a slot's process is to be sent, as far as there is room for it.
func (o *owner) dispatch(sl *slot) {
	for len(sl.orders) > 0 {
		d := &sl.orders[0]
		image := o.imageFor(d.attempt.job, sl.worker)
		if p := sl.process; (p == nil || p.image != image) && !o.switchImage(sl, image) {
			return // openProcess goes on
		}
		p := sl.process
		if p.retiring {
			return // its successor, or another slot, goes on
		}
		if d.attempt.job.stream != nil {
			if !o.sendCall(p, d) {
				return // pump goes on
			}
			sl.shift()
			continue
		}
		if !d.begun && !o.prepare(sl, d) {
			continue // it was taken off
		}
		if !o.material(p, d) {
			return // pump or a read from the spool goes on
		}
		o.sendAssign(p, d)
		sl.shift()
	}
}

// shift takes the first order off.
func (sl *slot) shift() {
	sl.orders[0] = order{}
	if sl.orders = sl.orders[1:]; len(sl.orders) == 0 {
		sl.orders = nil
	}
}

// imageFor is the image that a job needs on a worker.
func (o *owner) imageFor(j *job, w *worker) uint32 {
	if j.image == 0 || slices.Equal(o.images.list[j.image-1].hash, w.peer.hello.Image) {
		return 0
	}
	return j.image
}

// prepare briefs the process and finds out what material the order needs. When a source is missing,
// because its output was lost since, it answers for the process, takes the order off, and returns
// false.
func (o *owner) prepare(sl *slot, d *order) bool {
	j := d.attempt.job
	if !sl.process.briefed[j] {
		o.brief(sl.process, j)
	}
	d.begun = true
	if d.attempt.stage == fanfold.StageMap {
		if s := j.splits[d.attempt.index].inline; s != nil {
			d.pieces, d.offset = s.pieces, s.from
		}
		return true
	}
	before := j.outputs[j.stages.before(d.attempt.stage)]
	for _, r := range before {
		if r.lost {
			o.answerFor(sl, d.attempt.id, scheduler.Command{Status: scheduler.NoSource, Task: r.task})
			return false
		}
	}
	d.sources = before
	o.preparePulls(sl.worker, d)
	if d.attempt.stage == fanfold.StageReduce && !j.stages.ranges {
		d.part = d.attempt.index
	}
	return true
}

// brief tells a process about a job.
func (o *owner) brief(p *process, j *job) {
	p.briefed[j] = true
	m := protocol.Brief{
		Job: uint64(j.sched), ID: j.id[:], Spec: j.spec,
		Partitions: j.stages.reduces, Stages: uint32(j.stages.last()), Ranges: j.stages.ranges,
	}
	if st := j.stream; st != nil {
		m.Open, m.Info = []protocol.OpenSpec{st.spec}, st.info
	}
	o.send(p.peer, &m)
}

// answerFor reports, in the place of the process, an attempt of which the process knows nothing.
func (o *owner) answerFor(sl *slot, id scheduler.AttemptID, c scheduler.Command) {
	sl.orders = slices.DeleteFunc(sl.orders, func(d order) bool { return d.attempt.id == id })
	o.leave(sl, id)
	c.Kind, c.Attempt, c.Slot = scheduler.Report, id, sl.id
	o.step(c)
}

// material sends what comes before the Assign. It returns false when that must wait.
func (o *owner) material(p *process, d *order) bool {
	if d.stopped {
		return true // what is missing will not be missed
	}
	if !o.pull(p.slot, d) {
		return false
	}
	for len(d.sources) > 0 {
		if !o.room(p.peer) {
			return false
		}
		o.sendSource(p, d, d.sources[0])
		d.sources = d.sources[1:]
	}
	for len(d.data) > 0 || len(d.pieces) > 0 {
		switch {
		case d.reading || !o.room(p.peer):
			return false
		case len(d.data) > 0:
			o.sendBlock(p, d)
		case d.pieces[0].data == nil:
			o.fetchPiece(p, d, d.pieces[0])
		default:
			d.data, d.pieces = d.pieces[0].data, d.pieces[1:]
		}
	}
	return true
}

// sendSource names a committed output to the attempt that is to read a part of it. An inline part
// with nothing in it is left out.
func (o *owner) sendSource(p *process, d *order, r *result) {
	m := protocol.Source{
		Attempt: uint64(d.attempt.id), Stage: uint32(r.stage), Task: r.index,
		Worker: uint32(r.worker.id), Path: r.output.File, Part: d.part, Records: r.output.Records,
	}
	if r.output.File == "" {
		if int(d.part) >= len(r.output.Inline) || len(r.output.Inline[d.part]) == 0 {
			return
		}
		m.Inline = r.output.Inline[d.part]
	}
	switch on := p.slot.worker; {
	case remote(on, r):
		m.Path, m.Extract = d.extract(r), true
	case r.output.File != "" && r.worker != on:
		m.Dir = r.worker.peer.hello.Dir
	}
	d.total++
	o.send(p.peer, &m)
}

// sendBlock sends the next bytes of an inline split.
func (o *owner) sendBlock(p *process, d *order) {
	block := d.data[:min(len(d.data), protocol.BlockMax)]
	o.send(p.peer, &protocol.Input{
		Stream: uint64(d.attempt.id), Offset: d.offset, Data: block,
		More: block[len(block)-1] != '\n',
	})
	d.data, d.offset = d.data[len(block):], d.offset+int64(len(block))
}

func (o *owner) sendAssign(p *process, d *order) {
	a := &d.attempt
	m := protocol.Assign{
		Slot: p.slot.index, Attempt: uint64(a.id), Job: uint64(a.job.sched), Stage: uint8(a.stage),
		Task: a.index, Number: a.number, Sources: d.total,
		Millis: a.job.spec.TaskTimeout, Epoch: uint32(o.cfg.Epoch),
		NoInline: a.job.inlined*a.job.readers() > fanfold.InlineJobMax,
	}
	if a.stage == fanfold.StageMap {
		s := &a.job.splits[a.index]
		o.split = protocol.AppendSplit(o.split[:0], &fanfold.Split{
			Ranges: s.ranges, Offset: s.offset(), First: s.first(),
		})
		m.Split, m.Inline = o.split, s.inline != nil
	}
	if a.stage == fanfold.StageReduce && a.job.stages.ranges && !d.stopped {
		m.From, m.Below = a.job.keys(a.index)
	}
	o.send(p.peer, &m)
	if d.stopped {
		o.send(p.peer, &protocol.Stop{Attempt: uint64(a.id)})
	}
}

// room reports whether bulk may be queued for a peer. If not, pump is called when there is room.
func (o *owner) room(p *peer) bool {
	if p.draining || p.closing {
		return false
	}
	if p.queued >= roomMax {
		p.queued = p.conn.Queued()
	}
	if p.queued < roomMax {
		return true
	}
	p.draining = true
	async(o, o.ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, p.conn.WaitQueued(ctx, roomMax/2)
	}, func(struct{}, error) { // an error ends the connection, which its reader sees
		p.draining = false
		o.touch(p)
	})
	return false
}

// pump goes on with what waits for room in a peer's queue.
func (o *owner) pump(p *peer) {
	switch {
	case p.closing:
	case p.process != nil:
		o.tellProcess(p.process)
		if sl := p.process.slot; sl.process == p.process { // it is not a successor yet
			o.dispatch(sl)
		}
	case p.client != nil:
		o.reply(p)
	case p.worker != nil:
		for _, sl := range p.worker.slots {
			if len(sl.orders) > 0 && len(sl.orders[0].pulls) > 0 {
				o.dispatch(sl)
			}
		}
	}
}

// stop asks for the end of an attempt.
func (o *owner) stop(e *scheduler.Effect) {
	if sl := o.slotOf(e.Slot); sl != nil && !o.recall(sl, e.Attempt, scheduler.Cancelled) {
		o.send(sl.process.peer, &protocol.Stop{Attempt: uint64(e.Attempt)})
	}
}

// takeBack asks for an attempt that may not have started.
func (o *owner) takeBack(e *scheduler.Effect) {
	if sl := o.slotOf(e.Slot); sl != nil && !o.recall(sl, e.Attempt, scheduler.Returned) {
		m := &o.out.revoke
		m.Attempt = uint64(e.Attempt)
		o.send(sl.process.peer, m)
	}
}

// recall stops an attempt that was not sent, or not wholly. It returns false when the process has
// it.
func (o *owner) recall(sl *slot, id scheduler.AttemptID, status scheduler.Status) bool {
	i := slices.IndexFunc(sl.orders, func(d order) bool { return d.attempt.id == id })
	switch {
	case i < 0:
		return sl.process == nil // then its end is under way
	case !sl.orders[i].begun:
		o.answerFor(sl, id, scheduler.Command{Status: status})
	case sl.orders[i].fetches():
		o.stopPull(sl, scheduler.Command{Status: status})
	case status == scheduler.Cancelled:
		sl.orders[i].stopped = true
	}
	return true
}
