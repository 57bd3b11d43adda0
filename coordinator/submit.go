package coordinator

import (
	"context"
	"math"
	"reflect"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
	"github.com/oklog/ulid/v2"
)

// retryHint is after how long a client that was refused as busy may try again.
const retryHint = time.Second

// refuse answers a request with an error.
func (o *owner) refuse(p *peer, number uint64, err error) {
	f := wireFailure(fanfoldError(err, fanfold.KindInternal, "serve request"))
	f.Request = number
	o.send(p, &f)
}

// wireFailure is an error for the wire; one that is busy says when to try again.
func wireFailure(err *fanfold.Error) protocol.Failure {
	f := protocol.FromError(err)
	if err.Kind == fanfold.KindBusy {
		f.Retry = uint32(retryHint.Milliseconds())
	}
	return f
}

// submit starts a job, or finds the one that was submitted with the same ID before.
func (o *owner) submit(p *peer, m *protocol.Submit) error {
	if p.client.requests[m.Request] != nil {
		return errRequest(m.Request)
	}
	r := &request{peer: p, number: m.Request, credit: m.Credit, submits: true}
	t := o.tenantOf(p.identity.Name)
	if old := o.byKey[idempotency{t, m.Job.ID}]; old != nil && m.Job.ID != "" {
		if !sameJob(old.asked, m.Job) {
			o.refuse(p, m.Request, usagef("id %q was used for another job, %s", m.Job.ID, old.id))
			return nil
		}
		if st := old.stream; st != nil {
			return o.attach(p, &protocol.Attach{Request: m.Request, Job: old.id[:], Credit: m.Credit})
		}
		o.send(p, &protocol.Accepted{Request: m.Request, Job: old.id[:]})
		o.join(old, r)
		return nil
	}
	j, err := o.newJob(t, m)
	if err != nil {
		o.refuse(p, m.Request, err)
		return nil
	}
	p.client.requests[r.number] = r
	r.job, j.client, j.requests = j, r, []*request{r}
	if j.stream != nil {
		j.stream.client = r
	}
	o.openJob(j)
	return nil
}

// sameJob reports whether two submissions with one ID ask for the same. Whether the client stays to
// wait does not matter.
func sameJob(a, b protocol.JobSpec) bool {
	a.Detach, b.Detach = false, false
	return reflect.DeepEqual(a, b)
}

func errRequest(number uint64) error {
	return fanfold.Errorf(fanfold.KindProtocol, "serve request",
		"request %d is under way already", number)
}

// tenantOf finds or makes the tenant for an identity.
func (o *owner) tenantOf(name string) *tenant {
	t := o.tenants[name]
	if t == nil {
		share := scheduler.ShareID(len(o.tenants) + 1)
		t = &tenant{name: name, share: share, jobs: map[*job]bool{}}
		o.tenants[name] = t
	}
	return t
}

// newJob checks a Submit and makes its job.
func (o *owner) newJob(t *tenant, m *protocol.Submit) (*job, error) {
	switch {
	case o.draining:
		return nil, fanfold.Errorf(fanfold.KindBusy, "submit job", "the coordinator is draining")
	case len(t.jobs) >= o.cfg.Limits.JobsMax:
		return nil, fanfold.Errorf(fanfold.KindBusy, "submit job",
			"%s has %d jobs that have not ended", t.name, len(t.jobs))
	}
	how, err := checkSpec(&m.Job)
	if err != nil {
		return nil, err
	}
	info, err := infoOf(m, o.cfg.Programs)
	if err != nil {
		return nil, err
	}
	j := &job{
		id: fanfold.JobID(ulid.Make()), tag: o.number(), spec: m.Job, asked: m.Job, tenant: t,
		keep: m.Job.Detach || m.Job.ID != "", submitted: time.Now(), started: o.now(),
		image: o.imageNumber(m.Image, m.Path),
	}
	if len(m.Open) > 0 {
		if err := o.checkOpen(m, info); err != nil {
			return nil, err
		}
	} else if info.Handles && !info.Maps {
		return nil, usagef("program %s takes tasks, not inputs: it is for open jobs", j.spec.Program)
	}
	j.stages = resolve(&j.spec, info, o.slotCount())
	j.feed = feed{
		format: how, codec: j.spec.Codec, splitSize: j.spec.SplitSize, wide: info.Fold != 0,
	}
	if other := o.writes[j.spec.Output]; other != nil {
		return nil, fanfold.Errorf(fanfold.KindExists, "open output",
			"job %s writes to %s", other.id, j.spec.Output)
	}
	if len(m.Open) > 0 {
		o.openStream(j, m.Open[0], info)
	}
	j.ctx, j.cancel = context.WithCancel(o.ctx)
	o.jobs[j.id], t.jobs[j] = j, true
	o.listed = append(o.listed, j)
	if j.spec.ID != "" {
		o.byKey[idempotency{t, j.spec.ID}] = j
	}
	if j.spec.Output != "" {
		o.writes[j.spec.Output] = j
	}
	return j, nil
}

// slotCount is the number of slots to plan for.
func (o *owner) slotCount() int { return max(o.joined(), o.cfg.Slots) }

// joined is the number of slots that workers offer.
func (o *owner) joined() (n int) {
	for _, w := range o.workers {
		n += len(w.slots)
	}
	return n
}

// openJob hands a job to the scheduler, after a look at its output folder.
func (o *owner) openJob(j *job) {
	if j.spec.Output == "" {
		o.schedule(j)
		return
	}
	j.working++
	async(o, j.ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, refuseOccupied(ctx, o.cfg.Storage, j.spec.Output, j.spec.Overwrite)
	}, func(_ struct{}, err error) {
		j.working--
		if err != nil && j.doomed == scheduler.None {
			o.refuseJob(j, fanfoldError(err, fanfold.KindOutput, "open output"))
			return
		}
		o.schedule(j)
	})
}

// schedule opens the job in the scheduler.
func (o *owner) schedule(j *job) {
	spec := scheduler.Spec{
		ID: j.id, Share: j.tenant.share, Priority: uint8(j.spec.Priority), Image: j.image,
		Reduces: j.stages.reduces, QueueMax: uint32(o.cfg.Limits.TasksMax),
		MaxAttempts: uint8(j.spec.MaxAttempts), Durable: j.durable,
		Progress: ticks(j.spec.ProgressTimeout), Timeout: ticks(j.spec.TaskTimeout),
		Grace: scheduler.Time(o.cfg.Limits.Grace), Backups: !j.spec.NoBackups,
		Labels: labels(j.spec.Labels),
	}
	if j.stages.gathers {
		spec.Gathers = 1
	}
	if st := j.stream; st != nil {
		spec.Open, spec.Client, spec.QueueMax = true, st.number, math.MaxUint32 // credit bounds it
		spec.Shards, spec.Stateful = st.spec.Shards, st.info.Stateful
		spec.Batch = min(st.info.Batch, fanfold.BatchMax)
	}
	if j.spec.Deadline > 0 {
		spec.Deadline = j.started + ticks(j.spec.Deadline)
	}
	o.opened[j.tag] = j
	o.step(scheduler.Command{Kind: scheduler.OpenJob, Spec: &spec, Tag: j.tag})
}

// ticks turns milliseconds into the scheduler's time.
func ticks(millis int64) scheduler.Time { return scheduler.Time(millis) * 1e6 }

// jobReady acknowledges a job that the scheduler has, and lets its inputs in.
func (o *owner) jobReady(e *scheduler.Effect) {
	j := o.opened[e.Tag]
	delete(o.opened, e.Tag)
	j.sched, j.phase = e.Job, phaseRunning
	o.running[e.Job] = j
	o.log.Info("job accepted", "job", j.id, "program", j.spec.Program, "identity", j.tenant.name)
	if r := j.client; r != nil { // others that wait for it have been told
		o.send(r.peer, &protocol.Accepted{Request: r.number, Job: j.id[:]})
	}
	if j.doomed != scheduler.None {
		o.step(scheduler.Command{Kind: scheduler.CancelJob, Job: j.sched, Status: j.doomed})
		return
	}
	if st := j.stream; st != nil {
		o.grantTasks(st)
		return
	}
	o.advance(j)
}

// refuseJob ends a job that the scheduler never had.
func (o *owner) refuseJob(j *job, err error) {
	for _, r := range j.requests {
		o.refuse(r.peer, r.number, err)
		delete(r.peer.client.requests, r.number)
	}
	j.requests, j.client = nil, nil
	j.cancel()
	o.forgetJob(j)
	o.tellDrained()
}

// errCancelled is the failure of a job that was cancelled.
var errCancelled = fanfold.Errorf(fanfold.KindCancelled, "run job", "cancelled")

// cancelled is errCancelled for messages.
var cancelled = []protocol.Failure{protocol.FromError(errCancelled)}

// stopJob ends a job before its time, with a cause. A promotion under way is undone, or turns out
// to be complete: then the job has succeeded.
func (o *owner) stopJob(j *job, status scheduler.Status, cause *fanfold.Error) {
	if j.doomed != scheduler.None || j.phase >= phaseEnding {
		return
	}
	j.doomed, j.cause = status, &failure{job: j, err: cause}
	j.cancel()
	if j.sched != 0 && !(j.phase == phaseDelivering && j.working > 0) {
		o.step(scheduler.Command{Kind: scheduler.CancelJob, Job: j.sched, Status: status})
	}
}

// cancel ends a job for a client: one of its own requests, or any other job that it may touch.
func (o *owner) cancel(p *peer, m *protocol.Cancel) error {
	if len(m.Job) == 0 {
		o.cancelRequest(p.client.requests[m.Request])
		return nil
	}
	j, err := o.find(p, m.Job)
	if err == nil {
		o.stopJob(j, scheduler.Cancelled, errCancelled)
	}
	switch {
	case m.Request == 0: // nobody wants to know
	case err != nil:
		o.refuse(p, m.Request, err)
	default:
		o.send(p, &protocol.Answer{Request: m.Request})
	}
	return nil
}

// cancelRequest ends a client's own request, and its job if that has not ended; nil is none.
func (o *owner) cancelRequest(r *request) {
	switch {
	case r == nil:
	case r.submits && r.job.phase < phaseEnded:
		o.stopJob(r.job, scheduler.Cancelled, errCancelled)
	default:
		o.refuse(r.peer, r.number, errCancelled)
		o.quit(r)
	}
}

// find looks up a job that a peer may know of: its own, or any for an administrator.
func (o *owner) find(p *peer, id []byte) (*job, error) {
	if len(id) != len(fanfold.JobID{}) {
		return nil, fanfold.Errorf(fanfold.KindUsage, "find job", "a job id has 16 bytes")
	}
	j := o.jobs[fanfold.JobID(id)]
	if j == nil || !mayTouch(p, j) {
		return nil, fanfold.Errorf(fanfold.KindNotFound, "find job",
			"there is no job %s", fanfold.JobID(id))
	}
	return j, nil
}
