package coordinator

import (
	"context"
	"fmt"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/storage"
)

// noteSkipped takes from a success how many bad records it has skipped.
func (o *owner) noteSkipped(r *result, a *attempt) {
	if r.stage != fanfold.StageMap || a.job.spec.SkipBad == 0 {
		return
	}
	for _, c := range r.counters {
		if c.Group == systemGroup && c.Name == fanfold.SkippedCounter {
			r.skipped, r.copies = max(c.N, 0), attemptFile(a.name(o.cfg.Epoch))
		}
	}
}

// checkSkipped fails a job whose committed map tasks have skipped more records than it may.
func (o *owner) checkSkipped(j *job, r *result) {
	if r.skipped == 0 {
		return
	}
	if j.skipped += r.skipped; j.skipped <= int64(j.spec.SkipBad) {
		return
	}
	e := fanfold.Error{Offset: -1}
	if r.failure != nil {
		e = *r.failure
	}
	e.Op, e.Kind = "skip records", fanfold.KindTooLarge
	e.Err = fmt.Errorf("%d are bad, and the job may skip %d; one of them: %w",
		j.skipped, j.spec.SkipBad, e.Err)
	o.failJob(j, &e)
}

// keepSkipped makes the copies of skipped records visible, and then hands the job over.
func (o *owner) keepSkipped(j *job) {
	moves := map[string]string{}
	for _, r := range j.outputs[fanfold.StageMap] {
		if r != nil && !r.lost && r.skipped > 0 {
			name := fmt.Sprintf("%s-%05d.jsonl", j.id, r.index)
			moves[join(j.spec.Skipped, r.copies)] = join(j.spec.Skipped, name)
		}
	}
	staging := stagingFolder(j.spec.Skipped, j.id.String())
	j.working++
	async(o, j.ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, promoteAll(ctx, o.cfg.Storage, moves, staging)
	}, func(_ struct{}, err error) {
		j.working--
		switch {
		case j.doomed != scheduler.None:
			o.step(scheduler.Command{Kind: scheduler.CancelJob, Job: j.sched, Status: j.doomed})
		case err != nil && j.phase < phaseEnding:
			j.cause = &failure{job: j, err: fanfoldError(err, fanfold.KindOutput, "save skipped records")}
			o.finish(j, scheduler.Failed)
		case err == nil && j.phase == phaseDelivering:
			o.handOver(j)
		}
		o.conclude(j)
	})
}

// promoteAll moves files out of a folder, and removes that. What an earlier delivery of the job has
// moved stays: a map task that ran again has skipped the same records.
func promoteAll(
	ctx context.Context, store storage.Driver, moves map[string]string, folder string,
) error {
	for from, to := range moves {
		err := store.Promote(ctx, from, to)
		if err != nil && fanfold.KindOf(err) != fanfold.KindExists {
			return err
		}
	}
	return store.Remove(ctx, folder)
}
