package worker

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// openJob is what a process keeps of an open job. It belongs to the hand that has the baton, but
// for what never changes and for waiting.
type openJob struct {
	stateful bool   // a handler of each shard of its own, with a state
	every    uint64 // tasks between two snapshots of a shard

	batches bool // the handler is a BatchHandler; known when one was made
	shards  map[uint32]*shard
	waiting int // calls that wait for others; the inbox's lock guards it
}

func newOpenJob(b *protocol.Brief) *openJob {
	return &openJob{
		stateful: b.Info.Stateful, shards: map[uint32]*shard{},
		every: cmp.Or(uint64(b.Info.Snapshots), fanfold.DefaultSnapshotEvery),
	}
}

// idle reports whether no call of an open job is under way. The inbox's lock is held.
func (p *plan) idle() bool { return p.open.waiting == 0 }

// shard is the handler of a job, or of one shard of a job with state.
type shard struct {
	plan   *plan
	number uint32 // of the shard, counted from 1; 0: of all tasks
	task   *fanfold.Task
	log    *logTail
	end    context.CancelFunc // of the task's context

	handler fanfold.Handler      // nil: to be made
	batch   fanfold.BatchHandler // the handler, or nil
	state   fanfold.Snapshotter  // the handler, or nil

	tasks    uint64 // that have succeeded, since the shard began
	saved    uint64 // of those, which are in the last snapshot
	snapshot []byte // to be restored by the next handler, if restored
	restored bool
}

// shardOf finds the shard of a call, or makes one.
func (p *plan) shardOf(number uint32) *shard {
	if !p.open.stateful {
		number = 0
	}
	s := p.open.shards[number]
	if s == nil {
		s = &shard{plan: p, number: number}
		p.open.shards[number] = s
	}
	return s
}

// ready sees to it that s has a handler.
func (s *shard) ready(x *executor) (err error) {
	if s.handler != nil {
		return nil
	}
	if s.task == nil {
		if err := s.begin(x); err != nil {
			return err
		}
	}
	defer func() {
		if v := recover(); v != nil {
			s.handler = nil
			err = panicError("start handler", v, s.log)
		}
	}()
	h, err := s.plan.program.Handle(s.task)
	if err != nil {
		return fanfold.UserError("start handler", err)
	}
	s.batch, _ = h.(fanfold.BatchHandler)
	s.plan.open.batches = s.batch != nil
	if s.plan.open.stateful {
		s.state, _ = h.(fanfold.Snapshotter)
	}
	if s.restored && s.state != nil {
		if err := s.state.Restore(bytes.NewReader(s.snapshot)); err != nil {
			closeHandler(h, s.log)
			return fanfold.UserError(fmt.Sprintf("restore shard %d", s.number), err)
		}
	}
	s.handler, s.snapshot, s.restored = h, nil, false
	return nil
}

// begin makes what a handler may know, and its scratch directory: one for all of its tasks.
func (s *shard) begin(x *executor) error {
	ctx, end := context.WithCancel(x.base)
	job := &s.plan.job
	log := &logTail{w: x.cfg.Log}
	dir := filepath.Join(x.cfg.Dir, s.plan.id.String())
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		dir, err = os.MkdirTemp(dir, "handler-")
	}
	if err != nil {
		end()
		return fanfold.Errorf(fanfold.KindDisk, "make handler directory", "%w", err)
	}
	s.log, s.end = log, end
	s.task = fanfold.NewTask(ctx, fanfold.Task{
		ID:      fanfold.AttemptID{Job: s.plan.id, Stage: fanfold.StageMap},
		Program: job.Program, Params: job.Params, Command: job.Command,
		Dir: dir, Log: log, Notify: x.status,
	})
	return nil
}

// count notes that n more tasks have succeeded, and takes a snapshot when it is time.
func (s *shard) count(x *executor, n int) {
	s.tasks += uint64(n)
	if s.state != nil && s.tasks-s.saved >= s.plan.open.every {
		s.save(x)
	}
}

// save takes a snapshot and sends it. That which cannot be had is missing when the shard has to
// move: the log says so.
func (s *shard) save(x *executor) {
	if s.state == nil || s.tasks == s.saved {
		return
	}
	s.saved = s.tasks
	text, err := s.write()
	if err == nil && len(text) > fanfold.PayloadMax {
		err = fanfold.Errorf(fanfold.KindTooLarge, "", "it has %d bytes: the most is %d",
			len(text), fanfold.PayloadMax)
	}
	if err != nil {
		fmt.Fprintf(s.log, "snapshot of shard %d after %d tasks: %v\n", s.number, s.tasks, err)
		return
	}
	x.send(&protocol.Snapshot{
		Job: s.plan.handle, Shard: s.number, Tasks: s.tasks, Data: text,
	})
}

func (s *shard) write() (text []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError("snapshot", v, s.log)
		}
	}()
	var b bytes.Buffer
	err = s.state.Snapshot(&b)
	return b.Bytes(), err
}

// suspect is called when the handler has panicked: what it holds cannot be relied on, unless it is
// a state that there is no other of.
func (s *shard) suspect() {
	if !s.plan.open.stateful {
		s.drop()
	}
}

// drop closes the handler.
func (s *shard) drop() {
	if h := s.handler; h != nil {
		s.handler, s.batch, s.state = nil, nil, nil
		closeHandler(h, s.log)
	}
}

// restore takes the state that the next handler is to begin with.
func (s *shard) restore(c *call) {
	s.drop()
	s.tasks, s.saved = c.tasks, c.tasks
	s.snapshot, s.restored = bytes.Clone(c.data), true
}

// close ends all that there is of s.
func (s *shard) close() {
	s.drop()
	if s.task != nil {
		s.end()
		_ = os.RemoveAll(s.task.Dir) // what stays is the agent's to remove
	}
}

// closeHandler closes a handler that can be.
func closeHandler(h fanfold.Handler, log io.Writer) {
	defer func() {
		if v := recover(); v != nil {
			_ = panicError("close handler", v, log)
		}
	}()
	var err error
	switch c := h.(type) {
	case fanfold.Closer:
		err = c.Close(nil)
	case io.Closer:
		err = c.Close()
	}
	if err != nil {
		fmt.Fprintf(log, "close handler: %v\n", err)
	}
}
