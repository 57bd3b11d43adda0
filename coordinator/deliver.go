package coordinator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// filesToldMax is how many names of output files a client is told; all of them are in _SUCCESS.
const filesToldMax = 1000

// deliver hands over a job whose tasks are all committed: into its output folder, or to those that
// wait for its reply. A reply that is kept is delivered when it is kept.
func (o *owner) deliver(j *job) {
	if j.doomed != scheduler.None {
		return // CancelJob is on its way
	}
	j.phase = phaseDelivering
	if err := j.miscounted(); err != nil {
		j.cause = &failure{job: j, err: err}
		o.finish(j, scheduler.Failed)
		return
	}
	if j.skipped > 0 && j.spec.Skipped != "" {
		o.keepSkipped(j)
		return
	}
	o.handOver(j)
}

// handOver is deliver for a job whose skipped records are saved.
func (o *owner) handOver(j *job) {
	if j.spec.Output != "" {
		o.promote(j)
		return
	}
	for _, r := range j.requests {
		o.startReply(r)
	}
	if j.keep {
		o.finish(j, scheduler.Succeeded)
	}
}

// finish tells the scheduler how the delivery of a job ended.
func (o *owner) finish(j *job, status scheduler.Status) {
	o.step(scheduler.Command{Kind: scheduler.FinishJob, Job: j.sched, Status: status})
}

// promote moves the outputs of a job into its folder.
func (o *owner) promote(j *job) {
	p := &promotion{
		store: o.cfg.Storage, job: j.id.String(), program: j.spec.Program,
		folder: j.spec.Output, overwrite: j.spec.Overwrite,
	}
	for _, r := range j.final() {
		part := part{bytes: r.bytes(), crc: r.output.CRC, records: r.output.Records}
		if r.output.File != "" {
			part.from = join(j.spec.Output, r.output.File)
		} else if len(r.output.Inline) > 0 {
			part.data = r.output.Inline[0]
		}
		p.parts = append(p.parts, part)
	}
	j.working++
	async(o, j.ctx, func(ctx context.Context) ([]string, error) {
		files, err := p.run(ctx)
		if err == nil {
			// So that whoever hears of the end finds nothing else. What fails, or comes later, is
			// removed by tidyJob.
			_ = p.store.Remove(context.WithoutCancel(ctx), p.staging())
		}
		return files, err
	}, func(files []string, err error) {
		j.working--
		o.promoted(j, files, err)
	})
}

// promoted notes how a promotion ended. One that was complete before the job could be cancelled has
// made it succeed.
func (o *owner) promoted(j *job, files []string, err error) {
	var kept *keptError
	j.keepStaging = errors.As(err, &kept)
	switch {
	case err == nil:
		j.files, j.doomed, j.cause = files, scheduler.None, nil
		if j.phase == phaseEnding { // its deadline has passed since
			j.state = fanfold.Succeeded
		}
		o.finish(j, scheduler.Succeeded)
	case j.doomed != scheduler.None:
		o.step(scheduler.Command{Kind: scheduler.CancelJob, Job: j.sched, Status: j.doomed})
	case j.phase < phaseEnding:
		j.cause = &failure{job: j, err: fanfoldError(err, fanfold.KindOutput, "promote output")}
		o.finish(j, scheduler.Failed)
	}
	o.conclude(j)
}

// jobEnded notes that the scheduler has ended a job. Clients are told when the cause is known in
// full and nothing works for the job any more.
func (o *owner) jobEnded(j *job, status scheduler.Status) {
	j.state, j.phase = status.State(), phaseEnding
	j.views = o.stageInfos(j)
	if j.stream != nil {
		o.endStream(j.stream)
	}
	if j.state != fanfold.Succeeded && j.cause == nil {
		j.cause = &failure{job: j, err: o.endWords(j, status)}
	}
	delete(o.running, j.sched)
	for _, list := range j.outputs {
		for _, r := range list {
			if r != nil && !r.lost {
				o.results.drop(r.ref)
			}
		}
	}
	j.cancel()
	o.conclude(j)
}

// endWords says why a job ended that no attempt and no client has ended.
func (o *owner) endWords(j *job, status scheduler.Status) *fanfold.Error {
	switch status {
	case scheduler.TimedOut:
		return fanfold.Errorf(fanfold.KindDeadline, "run job", "its deadline of %v has passed",
			time.Duration(j.spec.Deadline)*time.Millisecond)
	case scheduler.Cancelled:
		return errCancelled
	case scheduler.Lost:
		return fanfold.Errorf(fanfold.KindLost, "run job", "outputs were lost too often")
	}
	return fanfold.Errorf(fanfold.KindInternal, "run job", "it ended as %s", status)
}

// conclude ends a job for everyone who waits for it.
func (o *owner) conclude(j *job) {
	if j.phase != phaseEnding || j.working > 0 || j.cause.open() {
		return
	}
	if j.first.open() { // whatever is known of it by now
		j.first.gone, j.first.log = nil, 0
		o.tellFailure(j)
	}
	j.phase, j.took = phaseEnded, time.Since(j.submitted)
	j.counters = j.sumCounters()
	j.records = j.recordsOut()
	if st := j.stream; st != nil {
		j.counters, j.records = st.counters.list(), int64(st.counts.ended[fanfold.Succeeded])
	}
	if j.reply = j.replyBytes(); j.state == fanfold.Succeeded {
		j.crc = o.replyCRC(j)
	}
	delete(j.tenant.jobs, j)
	delete(o.writes, j.spec.Output)
	o.log.Info("job ended", "job", j.id, "state", j.state, "took", j.took, "error", j.cause.text())
	if j.parent == nil {
		o.archiveJob(j)
	}
	for _, r := range slices.Clone(j.requests) {
		o.endRequest(r)
	}
	o.tidyJob(j)
	o.tellDrained()
}

// endRequest tells a client how a job ended, unless it is still to get the reply.
func (o *owner) endRequest(r *request) {
	j := r.job
	if r.replies() {
		return // replyMore calls again
	}
	if j.state == fanfold.Succeeded && j.spec.Output == "" && !r.waits && !r.done {
		if j.released {
			o.refuse(r.peer, r.number, fanfold.Errorf(fanfold.KindNotFound, "attach",
				"the reply of job %s is not kept", j.id))
			o.quit(r)
			return
		}
		o.startReply(r)
		return
	}
	m := protocol.Ended{
		Request: r.number, State: uint32(j.state), Failure: j.cause.list(), Counters: j.counters,
		Bytes: j.reply, Records: j.records, CRC: j.crc, Millis: j.took.Milliseconds(),
		Files: j.files[:min(len(j.files), filesToldMax)],
	}
	o.send(r.peer, &m)
	o.quit(r)
}

// quit ends a request. A job that only its client wanted is cancelled by it.
func (o *owner) quit(r *request) {
	j := r.job
	if r.peer.client.requests[r.number] == r {
		delete(r.peer.client.requests, r.number)
	}
	for i, other := range j.requests {
		if other == r {
			j.requests = append(j.requests[:i], j.requests[i+1:]...)
			break
		}
	}
	if j.stream != nil && j.stream.client == r {
		o.leaveStream(j.stream)
	}
	if j.client == r {
		j.client = nil
		if !j.keep {
			o.stopJob(j, scheduler.Cancelled, errGone)
		} else if !j.feed.ended {
			o.failJob(j, fanfold.Errorf(fanfold.KindInput, "take inputs",
				"the client left before it had sent all"))
		}
	}
	o.tidyJob(j)
	o.tellDrained()
}

// errGone is the failure of a job whose client has left.
var errGone = fanfold.Errorf(fanfold.KindCancelled, "run job", "its client has gone")

// tidyJob removes what an ended job has left, as soon as no attempt of it runs any more. What makes
// the reply stays as long as somebody may ask for it.
func (o *owner) tidyJob(j *job) {
	if j.phase != phaseEnded || j.live > 0 || j.released {
		return
	}
	if !j.tidied {
		j.tidied = true
		o.dropInput(j)
		j.splits = nil
		o.dropEarlier(j)
		o.forgetInProcesses(j)
		if j.spec.Output != "" && !j.keepStaging {
			o.removeStaging(j, j.spec.Output)
		}
		if j.spec.Skipped != "" {
			o.removeStaging(j, j.spec.Skipped)
		}
	}
	if len(j.requests) == 0 && !j.kept {
		o.releaseJob(j)
	}
}

// dropEarlier gives up what the stages before the last have made of a job whose reply is kept.
func (o *owner) dropEarlier(j *job) {
	last := j.stages.last()
	for stage := range last {
		j.outputs[stage] = nil
	}
	if !j.kept || j.stream != nil {
		return // all of it goes soon
	}
	for _, w := range o.workers {
		o.send(w.peer, &protocol.Forget{ID: j.id[:], Before: uint32(last)})
	}
}

// forgetInProcesses tells the task processes that know a job that it has ended.
func (o *owner) forgetInProcesses(j *job) {
	for _, w := range o.workers {
		for _, sl := range w.slots {
			for _, p := range sl.processes() {
				if p.briefed[j] {
					delete(p.briefed, j)
					p.latest = nil
					o.send(p.peer, &protocol.Forget{Job: uint64(j.sched), ID: j.id[:]})
				}
			}
		}
	}
}

// removeStaging removes the folder that attempts have written to, below another. It goes on when
// the Server closes.
func (o *owner) removeStaging(j *job, from string) {
	async(o, context.WithoutCancel(o.ctx), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, o.cfg.Storage.Remove(ctx, stagingFolder(from, j.id.String()))
	}, func(_ struct{}, err error) {
		if err != nil {
			o.log.Warn("remove staging folder", "job", j.id, "error", err)
		}
	})
}

// attemptFile is where an attempt writes its part of an output folder, below that.
func attemptFile(id fanfold.AttemptID) string { return stagingPrefix + id.Dir() }

// releaseJob gives up the outputs of a job, which nobody can ask for any more.
func (o *owner) releaseJob(j *job) {
	j.released = true
	j.outputs = [len(j.outputs)][]*result{}
	for _, w := range o.workers {
		o.send(w.peer, &protocol.Forget{ID: j.id[:]})
	}
}
