package coordinator

import (
	"context"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/protocol"
)

// The limits of a job's list of inputs.
const (
	pathsMax     = 1_000_000
	pathBytesMax = 64 << 20
	feedMax      = 4096 // map tasks that are queued before others get their turn
)

// feed turns what a client sends as inputs into map tasks, in the order in which it came. A group
// of paths has to be listed before what is behind it can be numbered.
type feed struct {
	format    *format.Format
	codec     string   // that the job asks for
	splitSize int64    // that the job asks for; 0: by the inputs
	wide      bool     // see planner
	paths     []string // of the last group, which may still grow
	pathBytes int      // of all paths
	pathCount int
	items     []feedItem // complete, in order
	inlet     *inlet     // of the client's own bytes; nil: none came
	listing   bool       // the paths of items[0] are being listed
	ended     bool       // no more will come
	todo      []uint32   // map tasks in the order in which they are to be queued
	closed    bool       // all are queued
}

// feedItem is a group of paths, or one split of the client's own bytes.
type feedItem struct {
	paths  []string
	inline *stretch
}

// inputs adds inputs by path.
func (o *owner) inputs(p *peer, m *protocol.Inputs) error {
	j := feeding(p, m.Request)
	if j == nil {
		return nil
	}
	f := &j.feed
	f.pathCount += len(m.Paths)
	for _, path := range m.Paths {
		f.pathBytes += len(path)
	}
	if f.pathCount > pathsMax || f.pathBytes > pathBytesMax {
		o.failJob(j, fanfold.Errorf(fanfold.KindTooLarge, "take inputs",
			"more than %d names or %d bytes of names", pathsMax, pathBytesMax))
		return nil
	}
	o.endStretch(j)
	f.paths = append(f.paths, m.Paths...)
	return nil
}

// feeding is the job of a request that still takes inputs, or nil: what a client sends for a job
// that was refused or has ended is dropped.
func feeding(p *peer, request uint64) *job {
	r := p.client.requests[request]
	if r == nil || !r.submits || r.job.client != r || r.job.feed.ended ||
		r.job.doomed != scheduler.None || r.job.phase >= phaseEnding {
		return nil
	}
	return r.job
}

// inputEnd says that a job has all its inputs.
func (o *owner) inputEnd(p *peer, m *protocol.InputEnd) error {
	j := feeding(p, m.Request)
	if j == nil {
		return nil
	}
	if j.stream != nil {
		j.feed.ended = true
		o.settleStream(j.stream)
		return nil
	}
	o.endInlet(j)
	j.feed.endPaths()
	j.feed.ended = true
	o.advance(j)
	return nil
}

// endPaths completes the last group of paths.
func (f *feed) endPaths() {
	if len(f.paths) > 0 {
		f.items = append(f.items, feedItem{paths: f.paths})
		f.paths = nil
	}
}

// advance goes on with the items of a job, as far as it can.
func (o *owner) advance(j *job) {
	f := &j.feed
	for len(f.items) > 0 && !f.listing && j.phase == phaseRunning {
		item := f.items[0]
		if item.inline == nil {
			f.listing = true
			o.list(j, item.paths)
			return
		}
		f.items = slices.Delete(f.items, 0, 1)
		s := split{inline: item.inline, bytes: item.inline.bytes()}
		o.addSplits(j, plan{splits: []split{s}, order: []uint32{0}, bytes: s.bytes})
	}
	o.feedJob(j)
}

// list plans the tasks for a group of paths.
func (o *owner) list(j *job, paths []string) {
	p := planner{
		store: o.cfg.Storage, splitSize: j.feed.splitSize, wide: j.feed.wide,
		format: j.feed.format, codec: j.feed.codec,
		slots: o.slotCount(), tasksMax: o.cfg.Limits.TasksMax - len(j.splits),
	}
	async(o, j.ctx, func(ctx context.Context) (plan, error) {
		return p.plan(ctx, paths)
	}, func(got plan, err error) {
		j.feed.listing = false
		switch {
		case j.phase != phaseRunning || j.doomed != scheduler.None:
			return
		case err != nil:
			o.failJob(j, fanfoldError(err, fanfold.KindInput, "list inputs"))
			return
		}
		j.feed.items = slices.Delete(j.feed.items, 0, 1)
		if note := got.note(); note != "" {
			j.status = note
		}
		o.addSplits(j, got)
		o.advance(j)
	})
}

// addSplits appends map tasks.
func (o *owner) addSplits(j *job, p plan) {
	base := uint32(len(j.splits))
	j.splits = append(j.splits, p.splits...)
	for _, i := range p.order {
		j.feed.todo = append(j.feed.todo, base+i)
	}
	j.bytesAll += p.bytes
	if len(j.splits) > o.cfg.Limits.TasksMax {
		o.failJob(j, fanfold.Errorf(fanfold.KindTooLarge, "plan map tasks",
			"more than %d", o.cfg.Limits.TasksMax))
	}
	o.markDirty(j)
}

// feedJob queues map tasks, and closes the job's input behind the last.
func (o *owner) feedJob(j *job) {
	f := &j.feed
	if j.phase != phaseRunning || f.closed || j.doomed != scheduler.None {
		return
	}
	n := min(feedMax, len(f.todo))
	for _, i := range f.todo[:n] {
		o.step(scheduler.Command{
			Kind: scheduler.Submit, Job: j.sched, Tag: uint64(i), Worker: o.near(j.splits[i].hosts, i),
		})
	}
	if f.todo = f.todo[n:]; len(f.todo) > 0 {
		o.feeding = append(o.feeding, j)
		return
	}
	if f.ended && len(f.items) == 0 && !f.listing {
		f.closed = true
		o.step(scheduler.Command{Kind: scheduler.CloseJob, Job: j.sched})
	}
}

// feedMore goes on with the jobs that have more map tasks than can be queued at once.
func (o *owner) feedMore() {
	jobs := o.feeding
	o.feeding = nil
	for _, j := range jobs {
		o.feedJob(j)
	}
}

// failJob ends a job for a reason that is not an attempt's.
func (o *owner) failJob(j *job, why *fanfold.Error) {
	o.stopJob(j, scheduler.Failed, why)
}
