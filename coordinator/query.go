package coordinator

import (
	"cmp"
	"slices"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// rowsMax is how many rows of a list go into one Answer.
const rowsMax = 100

// query answers what a client asks.
func (o *owner) query(p *peer, m *protocol.Query) error {
	switch m.What {
	case protocol.QueryJobs:
		o.answerJobs(p, m.Request)
	case protocol.QueryJob:
		j, err := o.find(p, m.Job)
		if err != nil {
			o.refuse(p, m.Request, err)
			break
		}
		info := o.jobInfo(j)
		info.Failure, info.Counters = j.failures(), j.counters
		switch {
		case j.phase == phaseEnded:
		case j.stream != nil:
			info.Counters = j.stream.counters.list()
		default:
			info.Counters = j.sumCounters()
		}
		o.send(p, &protocol.Answer{Request: m.Request, Jobs: []protocol.JobInfo{info}})
	case protocol.QueryWorkers:
		o.answerWorkers(p, m.Request)
	case protocol.QueryStats:
		o.send(p, &protocol.Answer{Request: m.Request, Stats: o.stats()})
	case protocol.QueryLogs:
		o.queryLogs(p, m)
	case protocol.QueryDrain:
		o.queryDrain(p, m.Request)
	case protocol.QueryDrainWorker:
		o.queryDrainWorker(p, m)
	case protocol.QueryReload:
		o.queryReload(p, m.Request)
	default:
		o.refuse(p, m.Request, fanfold.Errorf(fanfold.KindUnsupported, "serve query",
			"nothing is known as query %d", m.What))
	}
	return nil
}

// queryDrain starts to drain for a client that may ask for it.
func (o *owner) queryDrain(p *peer, request uint64) {
	if !mayManage(p) {
		o.refuse(p, request, fanfold.Errorf(fanfold.KindDenied, "drain", "a %s may not drain", p.role))
		return
	}
	p.client.queries++
	o.drain(func() {
		p.client.queries--
		o.send(p, &protocol.Answer{Request: request})
	})
}

// answerJobs lists the jobs that a client may know of, the newest last.
func (o *owner) answerJobs(p *peer, request uint64) {
	var rows []protocol.JobInfo
	for _, j := range o.listed {
		if mayTouch(p, j) {
			rows = append(rows, o.jobInfo(j))
		}
	}
	answerRows(o, p, rows, func(part []protocol.JobInfo, more bool) protocol.Answer {
		return protocol.Answer{Request: request, Jobs: part, More: more}
	})
}

// workerInfos lists the workers in the order in which they joined.
func (o *owner) workerInfos() (rows []protocol.WorkerInfo) {
	for _, w := range o.workers {
		rows = append(rows, o.workerInfo(w))
	}
	slices.SortFunc(rows, func(a, b protocol.WorkerInfo) int {
		return cmp.Compare(a.Worker, b.Worker)
	})
	return rows
}

func (o *owner) answerWorkers(p *peer, request uint64) {
	answerRows(o, p, o.workerInfos(), func(part []protocol.WorkerInfo, more bool) protocol.Answer {
		return protocol.Answer{Request: request, Workers: part, More: more}
	})
}

// answerRows sends a list in as many Answers as it needs, at least one.
func answerRows[T any](o *owner, p *peer, rows []T, answer func([]T, bool) protocol.Answer) {
	for {
		n := min(rowsMax, len(rows))
		m := answer(rows[:n], n < len(rows))
		o.send(p, &m)
		if rows = rows[n:]; len(rows) == 0 {
			return
		}
	}
}

// mayTouch reports whether a peer may know of a job.
func mayTouch(p *peer, j *job) bool {
	return p.role == protocol.RoleAdmin || p.role == protocol.RoleViewer ||
		j.tenant.name == p.identity.Name
}

// jobInfo is a job's row in the list.
func (o *owner) jobInfo(j *job) protocol.JobInfo {
	took := j.took
	if j.phase < phaseEnded {
		took = time.Since(j.submitted)
	}
	info := protocol.JobInfo{
		Job: j.id[:], Name: j.spec.Name, Program: j.spec.Program, State: uint32(o.stateOf(j)),
		Owner: j.tenant.name, Age: time.Since(j.submitted).Milliseconds(), Took: took.Milliseconds(),
		Stages: o.stageInfos(j), Bytes: j.bytes, BytesAll: j.bytesAll, Reply: j.reply,
		Tasks: o.tasks(j),
	}
	if j.phase < phaseEnded {
		info.Bytes, info.Reply = o.bytesRead(j), j.replyBytes()
	}
	return info
}

// stateOf is the state of a job for people.
func (o *owner) stateOf(j *job) fanfold.State {
	switch view, ok := o.state.Job(j.sched); {
	case j.phase == phaseEnded:
		return j.state
	case j.phase == phaseOpening || !ok:
		return fanfold.Waiting
	case j.phase >= phaseDelivering:
		return fanfold.Running
	default:
		return view.State
	}
}

// failures is what is known of why a job fails or has failed: none or one.
func (j *job) failures() []protocol.Failure {
	if j.phase == phaseEnded {
		return j.cause.list()
	}
	return j.first.list()
}

// workerInfo is a worker's row in the list.
func (o *owner) workerInfo(w *worker) protocol.WorkerInfo {
	info := protocol.WorkerInfo{
		Worker: uint32(w.id), Name: w.name(), Host: w.peer.hello.Host, PID: w.peer.hello.PID,
		State: w.state(), Slots: uint32(len(w.slots)), Done: w.done, Failures: w.failures,
		Age:     time.Duration(o.now() - w.joined).Milliseconds(),
		Product: w.peer.hello.Product, Labels: w.peer.hello.Offer.Labels,
		Silent: time.Duration(o.now() - w.peer.heard).Milliseconds(),
	}
	until, jobs := o.state.Exclusion(w.id)
	if info.Avoided = jobs; until > o.now() && info.State == "ready" {
		info.State, info.Excluded = "excluded", time.Duration(until-o.now()).Milliseconds()
	}
	for _, sl := range w.slots {
		pid := uint32(0)
		if sl.process != nil {
			pid = sl.process.peer.hello.PID
		}
		info.Processes = append(info.Processes, pid)
		if v, ok := o.state.Slot(sl.id); ok && v.Busy > 0 {
			info.Busy++
		}
	}
	return info
}
