package coordinator

import (
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// markDirty notes that there is progress of a job to be told; nil is none.
func (o *owner) markDirty(j *job) {
	if j != nil && !j.isDirty {
		j.isDirty = true
		o.dirty = append(o.dirty, j)
	}
}

// tellProgress tells the clients of all jobs that have changed where they are. One that does not
// read what it was told before is told less often.
func (o *owner) tellProgress(now scheduler.Time) {
	o.told = now
	dirty := o.dirty
	o.dirty = nil
	for _, j := range dirty {
		j.isDirty = false
		if j.phase == phaseOpening || j.phase >= phaseEnding {
			continue
		}
		m := o.progress(j)
		for _, r := range j.requests {
			if r.peer.conn.Queued() >= roomMax {
				o.markDirty(j)
				continue
			}
			m.Request = r.number
			o.send(r.peer, &m)
		}
	}
}

// tellFailure tells the clients of a job about its first failure, at once.
func (o *owner) tellFailure(j *job) {
	m := o.progress(j)
	m.Failure = j.first.list()
	for _, r := range j.requests {
		m.Request = r.number
		o.send(r.peer, &m)
	}
}

// progress is where a job is now.
func (o *owner) progress(j *job) protocol.Progress {
	return protocol.Progress{
		Stages: o.stageInfos(j), Bytes: o.bytesRead(j), BytesAll: j.bytesAll, Status: o.statusOf(j),
		MapsKnown: j.feed.closed,
	}
}

// bytesRead is how much input the attempts have read that are committed or run.
func (o *owner) bytesRead(j *job) int64 {
	n := j.bytes
	for _, w := range o.workers {
		for _, sl := range w.slots {
			for i := range sl.attempts {
				if a := &sl.attempts[i]; a.job == j && a.stage == fanfold.StageMap {
					n += a.bytes
				}
			}
		}
	}
	return n
}

// stageInfos counts the tasks of a job's stages.
func (o *owner) stageInfos(j *job) []protocol.StageInfo {
	if j.phase >= phaseEnding && j.views != nil {
		return j.views
	}
	view, ok := o.state.Job(j.sched)
	if !ok {
		return nil
	}
	var list []protocol.StageInfo
	for stage := fanfold.StageMap; stage <= fanfold.StageGather; stage++ {
		v := &view.Stages[stage]
		if v.Total == 0 && stage != fanfold.StageMap {
			continue
		}
		list = append(list, protocol.StageInfo{
			Stage: uint32(stage), Total: v.Total, Running: v.Running,
			Succeeded: v.Succeeded, Failures: v.Failures,
		})
	}
	return list
}
