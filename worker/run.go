package worker

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/mapper"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/reducer"
)

// attempt runs a in a directory of its own, which stays only when there is output in it.
func (x *executor) attempt(a *attempt) *protocol.Done {
	ctx := a.ctx
	if a.limit > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, a.limit, errTimeout)
		defer cancel()
		ctx = limited
	}
	beat := &beat{conn: x.conn, attempt: a.handle, last: time.Now()}
	t := fanfold.NewTask(ctx, fanfold.Task{
		ID: a.id, Program: a.plan.job.Program, Params: a.plan.job.Params,
		Dir: filepath.Join(x.cfg.Dir, a.id.Dir()), Log: &logTail{w: x.cfg.Log}, Notify: beat.status,
		Reducers: a.plan.partitions, Command: a.plan.job.Command, Reading: a.plan.job.Reading,
	})
	r, err := x.work(a, t, beat)
	d := r.done()
	if err == nil {
		x.sample(a, &r)
		r.count(t)
		d.Counters, err = counters(t)
	}
	if err != nil {
		d = x.failed(a, t, r, err)
		a.sources = nil // extracts stay for another attempt
		x.in.finished(a, "")
		_ = os.RemoveAll(t.Dir)
		return d
	}
	kept := ""
	toFolder := a.plan.job.Output != "" && a.id.Stage == a.plan.last
	if r.output.File != "" && !toFolder {
		kept = t.Dir
		d.File = filepath.Join(a.id.Dir(), r.output.File)
		keepOnly(kept, r.output.File)
	}
	if wanted := x.in.finished(a, kept); kept == "" || !wanted {
		_ = os.RemoveAll(t.Dir)
	}
	return d
}

// work runs the mapper or the reducer of an attempt.
func (x *executor) work(a *attempt, t *fanfold.Task, b *beat) (r result, err error) {
	if a.plan.err != nil {
		return r, a.plan.err
	}
	if err := makeDir(t.Dir); err != nil {
		return r, fanfold.Errorf(fanfold.KindDisk, "make attempt directory", "%w", err)
	}
	defer func() {
		if v := recover(); v != nil {
			err = panicError(runOp(a), v, t.Log)
		}
	}()
	switch a.id.Stage {
	case fanfold.StageMap:
		r, err := mapper.Run(t, x.mapperSpec(a, t, b))
		return result{
			output: r.Output, in: r.In, bytesIn: r.BytesIn, spills: r.Spills,
			skipped: r.Skipped, sample: r.Sample,
		}, err
	case fanfold.StageReduce:
		r, err := reducer.Run(t, x.reducerSpec(a, t, b))
		return reduced(r), err
	case fanfold.StageGather:
		r, err := reducer.Gather(t, x.reducerSpec(a, t, b))
		return reduced(r), err
	}
	return r, fanfold.Errorf(fanfold.KindProtocol, "run attempt", "no stage %d", a.id.Stage)
}

func reduced(r reducer.Result) result {
	return result{
		output: r.Output, in: r.In, bytesIn: r.BytesIn, lost: r.LostTask, spills: r.Spills,
	}
}

func (x *executor) mapperSpec(a *attempt, t *fanfold.Task, b *beat) mapper.Spec {
	s := mapper.Spec{
		Program: a.plan.program, Split: a.split, Memory: x.memory(a), Dir: t.Dir,
		Final: a.final(), Storage: x.cfg.Storage, Progress: b.read, NoInline: a.filed,
		Scout: x.scout(a, t, b),
	}
	if folder := a.plan.job.Reading.Skipped; folder != "" {
		s.Skipped = strings.TrimSuffix(folder, "/") + "/" + stagedName(a.id)
	}
	switch {
	case a.plan.last == fanfold.StageMap:
	case a.plan.ranges:
		s.Partitions, s.Ranges = 1, true
	case a.plan.partitions > 0:
		s.Partitions = a.plan.partitions
	default: // the gather stage follows
		s.Partitions, s.Unsorted = 1, true
	}
	if s.Partitions == 1 && !s.Unsorted && a.plan.passes() {
		s.First = a.plan.job.Top
	}
	return s
}

// sample sends the sample of a map task's output, where the job needs one.
func (x *executor) sample(a *attempt, r *result) {
	if len(r.output.Sample) > 0 {
		x.send(&protocol.Sample{Attempt: a.handle, Keys: r.output.Sample})
	}
}

func (x *executor) reducerSpec(a *attempt, t *fanfold.Task, b *beat) reducer.Spec {
	return reducer.Spec{
		Program: a.plan.program, Partition: int(a.id.Task), Sources: a.sources,
		Memory: x.memory(a), Dir: t.Dir, Last: a.id.Stage == a.plan.last,
		Final: a.final(), Storage: x.cfg.Storage, Progress: b.read, NoInline: a.filed,
	}
}

// memory is the budget of an attempt's buffers in bytes.
func (x *executor) memory(a *attempt) int64 {
	bytes := cmp.Or(a.plan.job.Memory, x.cfg.Memory)
	if x.cfg.Budget != nil && bytes != x.budget {
		x.budget = bytes
		x.cfg.Budget(bytes)
	}
	return bytes
}
