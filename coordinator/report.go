package coordinator

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// result is what an attempt brought. A committed one is the output of its task.
type result struct {
	ref      scheduler.Ref
	task     scheduler.TaskID
	stage    fanfold.Stage
	index    uint32 // of the task in its stage
	worker   *worker
	output   fanfold.Output
	in       int64 // records read
	bytesIn  int64
	counters []protocol.Counter
	failure  *fanfold.Error // nil: it succeeded, or was asked to stop; see skipped
	skipped  int64          // bad records that were skipped; failure is about the first
	copies   string         // the file with copies of them, in the job's folder for that
	lost     bool           // it was committed, and has gone since
	sample   [][]byte       // keys of its output, where partitions are ranges
}

// results gives results the numbers by which the scheduler hands them back.
type results struct {
	list []*result
	free []scheduler.Ref
}

func (s *results) put(r *result) {
	if n := len(s.free); n > 0 {
		r.ref, s.free = s.free[n-1], s.free[:n-1]
		s.list[r.ref-1] = r
		return
	}
	s.list = append(s.list, r)
	r.ref = scheduler.Ref(len(s.list))
}

// get is the result with a number; nil for 0.
func (s *results) get(ref scheduler.Ref) *result {
	if ref == 0 {
		return nil
	}
	return s.list[ref-1]
}

// drop forgets a number; 0 is none.
func (s *results) drop(ref scheduler.Ref) {
	if ref != 0 {
		s.list[ref-1] = nil
		s.free = append(s.free, ref)
	}
}

// statuses says what a Done's status is to the scheduler.
var statuses = [...]scheduler.Status{
	protocol.StatusSucceeded: scheduler.Succeeded,
	protocol.StatusFailed:    scheduler.Failed,
	protocol.StatusStopped:   scheduler.Cancelled,
	protocol.StatusReturned:  scheduler.Returned,
	protocol.StatusNoSource:  scheduler.NoSource,
	protocol.StatusTimeout:   scheduler.TimedOut,
}

// done handles the end of an attempt. A report that comes again or late is the scheduler's to
// answer; what it brings is not kept.
func (o *owner) done(p *peer, m *protocol.Done) error {
	sl := p.process.slot
	if int(m.Status) >= len(statuses) || statuses[m.Status] == scheduler.None {
		return errProtocol("Done with the status %d", m.Status)
	}
	c := scheduler.Command{
		Kind: scheduler.Report, Attempt: scheduler.AttemptID(m.Attempt),
		Status: statuses[m.Status], Nanos: m.Nanos,
	}
	if i := sl.find(c.Attempt); i >= 0 && sl.process == p.process {
		a := &sl.attempts[i]
		if slices.ContainsFunc(sl.orders, func(d order) bool { return d.attempt.id == c.Attempt }) {
			return errProtocol("Done of an attempt that was not assigned yet")
		}
		r, err := o.bring(sl.worker, a, m)
		if err != nil {
			return err
		}
		c.Ref = r.ref
		if c.Status == scheduler.Failed && hopeless(r.failure) {
			c.Status = scheduler.Hopeless
		}
		if c.Status == scheduler.NoSource {
			c.Task = a.job.taskOf(a.job.stages.before(a.stage), m.Lost)
		}
		o.leave(sl, c.Attempt)
	}
	o.reporter = p
	o.step(c)
	o.reporter = nil
	return nil
}

// hopeless reports a failure that another attempt would have as well.
func hopeless(failure *fanfold.Error) bool {
	if failure == nil {
		return false
	}
	switch failure.Kind {
	case fanfold.KindUsage, fanfold.KindUnknown, fanfold.KindDenied, fanfold.KindUnsupported,
		fanfold.KindTooLarge:
		return true
	}
	return false
}

func errProtocol(format string, args ...any) error {
	return fanfold.Errorf(fanfold.KindProtocol, "serve task process", format, args...)
}

// bring checks what an attempt left behind and keeps a copy.
func (o *owner) bring(w *worker, a *attempt, m *protocol.Done) (*result, error) {
	j := a.job
	r := &result{
		stage: a.stage, index: a.index, worker: w, in: m.In, bytesIn: m.BytesIn,
		output: fanfold.Output{File: m.File, Bytes: m.Bytes, CRC: m.CRC, Records: m.Records},
	}
	if m.Status == protocol.StatusSucceeded {
		if err := o.checkOutput(j, a, m); err != nil {
			return nil, err
		}
		w.done++
		r.counters, r.sample = slices.Clone(m.Counters), a.sample
		o.noteSkipped(r, a)
		for _, part := range m.Inline {
			r.output.Inline = append(r.output.Inline, slices.Clone(part))
			j.inlined += int64(len(part))
		}
	}
	if m.Status == protocol.StatusFailed || m.Status == protocol.StatusTimeout {
		w.failures++
	}
	if len(m.Failure) > 0 {
		r.failure = m.Failure[0].Err()
		r.failure.Attempt, r.failure.Worker = a.name(o.cfg.Epoch), w.name()
	}
	o.results.put(r)
	return r, nil
}

// checkOutput refuses an output that no attempt of ours leaves: a process must not make the
// coordinator read or move a file that is not the attempt's.
func (o *owner) checkOutput(j *job, a *attempt, m *protocol.Done) error {
	final := a.stage == j.stages.last()
	parts := 1
	if a.stage == fanfold.StageMap && j.stages.reduces > 0 && !j.stages.ranges {
		parts = int(j.stages.reduces)
	}
	below := a.name(o.cfg.Epoch).Dir() + "/"
	if final && j.spec.Output != "" {
		below = attemptFile(a.name(o.cfg.Epoch))
	}
	inline := int64(0)
	for _, part := range m.Inline {
		inline += int64(len(part))
	}
	switch {
	case m.Bytes < 0 || m.Records < 0 || m.In < 0 || m.BytesIn < 0:
		return errProtocol("Done with a negative number")
	case m.File != "" && len(m.Inline) > 0:
		return errProtocol("Done with an output both in a file and inline")
	case m.File != "" && (!filepath.IsLocal(m.File) || !strings.HasPrefix(m.File, below)):
		return errProtocol("Done with an output in %q, not below %s", m.File, below)
	case len(m.Inline) > parts:
		return errProtocol("Done with %d parts of %d", len(m.Inline), parts)
	case inline > fanfold.InlineAttemptMax:
		return errProtocol("Done with %d bytes inline", inline)
	}
	return nil
}

// leave takes an attempt off its slot.
func (o *owner) leave(sl *slot, id scheduler.AttemptID) {
	if i := sl.find(id); i >= 0 {
		j := sl.attempts[i].job
		sl.attempts = slices.Delete(sl.attempts, i, i+1)
		o.left(j)
	}
}

// left notes that an attempt of a job is on no slot any more.
func (o *owner) left(j *job) {
	j.live--
	o.tidyJob(j)
}

// beat notes that an attempt makes progress.
func (o *owner) beat(p *peer, m *protocol.Beat) error {
	var sl *slot
	if p.process != nil {
		sl = p.process.slot
	} else { // it says so itself while it fetches
		sl = p.worker.fetching(m.Attempt)
	}
	if sl == nil || p.process != nil && sl.process != p.process {
		return nil
	}
	i := sl.find(scheduler.AttemptID(m.Attempt))
	if i < 0 {
		return nil
	}
	a := &sl.attempts[i]
	a.bytes = max(a.bytes, m.Bytes)
	if m.Status != "" {
		a.job.status = m.Status
	}
	o.markDirty(a.job)
	o.step(scheduler.Command{Kind: scheduler.Progress, Attempt: a.id, Percent: a.percent()})
	return nil
}

// percent is how much of its input a map attempt has read; 0: not known. It may have to write yet.
func (a *attempt) percent() uint8 {
	if a.stage != fanfold.StageMap || a.job.stream != nil || a.bytes <= 0 {
		return 0
	}
	all := max(a.job.splits[a.index].bytes, 1)
	return uint8(min(1+float64(a.bytes)/float64(all)*100, 99))
}

// commit makes what an attempt brought the output of its task.
func (o *owner) commit(e *scheduler.Effect) {
	if !e.Again {
		r, j := o.results.get(e.Result), o.running[e.Job]
		r.task = e.Task
		j.commit(r)
		o.checkSkipped(j, r)
		o.markDirty(j)
	}
	o.verdict(e, true)
}

// discard gives up what an attempt brought, or an output that was committed and is lost.
func (o *owner) discard(e *scheduler.Effect) {
	if o.returning != nil {
		o.dropLate(nil)
		return
	}
	if r := o.results.get(e.Result); r != nil && r.task != 0 {
		o.running[e.Job].lose(r)
		o.missPulls(r)
	}
	o.results.drop(e.Result)
	o.verdict(e, false)
}

// verdict tells the process what became of what it brought.
func (o *owner) verdict(e *scheduler.Effect, committed bool) {
	p := o.reporter
	if sl := o.slotOf(e.Slot); sl != nil && sl.process != nil {
		p = sl.process.peer
	}
	if p != nil {
		o.send(p, &protocol.Verdict{Attempt: uint64(e.Attempt), Committed: committed})
	}
}
