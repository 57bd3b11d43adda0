package coordinator

import (
	"slices"

	"github.com/fanfold/fanfold"

	"github.com/fanfold/fanfold/coordinator/scheduler"
)

// endedMax is how many jobs that have ended are known by what they were.
const endedMax = 1000

// archive has the jobs that have ended, the oldest first.
type archive struct {
	ended []*job
}

// archiveJob takes in a job that has ended. The reply of one that outlives its connection is kept
// for a while, as long as all kept replies together are not too much.
func (o *owner) archiveJob(j *job) {
	j.endedAt = o.now()
	j.kept = j.keep && j.state == fanfold.Succeeded && j.spec.Output == ""
	if j.stream != nil {
		j.kept = j.stream.spec.Keep // it may have ended otherwise, and have replies
	}
	o.archive.ended = append(o.archive.ended, j)
	bytes := o.keptBytes()
	for _, old := range o.archive.ended {
		if bytes <= o.cfg.Limits.KeepMax {
			break
		}
		if old.kept {
			bytes -= old.replyBytes()
			o.log.Info("kept reply dropped", "job", old.id, "kept_bytes", bytes)
			o.dropReply(old)
		}
	}
}

// keptBytes is the size of all kept replies.
func (o *owner) keptBytes() (n int64) {
	for _, j := range o.archive.ended {
		if j.kept {
			n += j.replyBytes()
		}
	}
	return n
}

// dropReply keeps the reply of a job no longer than those need it who are reading it.
func (o *owner) dropReply(j *job) {
	j.kept = false
	if j.stream != nil {
		o.dropOutlet(j.stream)
	}
	o.tidyJob(j)
}

// expire drops replies whose time is up, and forgets the oldest jobs.
func (o *owner) expire(now scheduler.Time) {
	old := now - scheduler.Time(o.cfg.Limits.KeepFor)
	for _, j := range o.archive.ended {
		if j.endedAt > old {
			break
		}
		if j.kept {
			o.dropReply(j)
		}
	}
	ended := o.archive.ended
	for len(ended) > 0 && (len(ended) > endedMax || ended[0].endedAt <= old) && ended[0].released {
		o.forgetJob(ended[0])
		ended = ended[1:]
	}
	o.archive.ended = ended
}

// forgetJob removes the last trace of a job.
func (o *owner) forgetJob(j *job) {
	delete(o.jobs, j.id)
	delete(j.tenant.jobs, j)
	key := idempotency{j.tenant, j.spec.ID}
	if o.byKey[key] == j {
		delete(o.byKey, key)
	}
	if o.writes[j.spec.Output] == j {
		delete(o.writes, j.spec.Output)
	}
	o.listed = slices.DeleteFunc(o.listed, func(k *job) bool { return k == j })
}
