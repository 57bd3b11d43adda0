package coordinator

import (
	"context"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// job is one submitted computation, from its Submit until nobody can ask for it any more.
type job struct {
	id        fanfold.JobID
	tag       uint64          // of its OpenJob
	sched     scheduler.JobID // 0: not opened yet
	spec      protocol.JobSpec
	asked     protocol.JobSpec // spec before its defaults were filled in
	stages    stages
	image     uint32
	tenant    *tenant
	keep      bool // it outlives its connection, and its reply is kept
	durable   bool // its events are journalled; no Submit asks for that yet
	submitted time.Time
	started   scheduler.Time

	ctx    context.Context // ends with the job: of the goroutines that work for it
	cancel context.CancelFunc

	client   *request   // of the Submit; nil when its connection is gone
	requests []*request // all that wait for the reply or the end, client included
	feed     feed       // of inputs
	stream   *stream    // of an open job; nil: it is closed
	parent   *job       // whose tasks have asked for those of this one; nil: a client has
	splits   []split    // map tasks
	bytesAll int64      // of input, as far as it is known
	bytes    int64      // of input read by committed map tasks
	outputs  [fanfold.StageGather + 1][]*result
	bounds   [][]byte // see cuts
	live     int      // attempts on slots
	inlined  int64    // bytes that its attempts have brought inline
	skipped  int64    // bad records that committed map tasks have skipped
	working  int      // goroutines that must end before the job is over

	status  string
	isDirty bool // in owner.dirty
	first   *failure
	cause   *failure         // why it ends otherwise than well
	doomed  scheduler.Status // it is to end so as soon as that can be

	phase    phase
	endedAt  scheduler.Time
	state    fanfold.State // when it has ended
	views    []protocol.StageInfo
	counters []protocol.Counter
	took     time.Duration
	records  int64 // of its output
	reply    int64 // bytes of its reply, and their CRC
	crc      uint32
	files    []string // of an output folder
	kept     bool     // its reply is, for those who may attach
	tidied   bool     // what only attempts needed is gone
	released bool     // nothing of it is left but what this struct says

	keepStaging bool // the staging folder has what an overwrite could not put back
}

// phase is how far the coordinator is with a job. Magnitude is progress.
type phase uint8

const (
	phaseOpening    phase = iota // until the scheduler has it
	phaseRunning                 // until all tasks are committed
	phaseDelivering              // until the client has the reply, or the folder its output
	phaseEnding                  // until the cause of a failure is known in full
	phaseEnded
)

// tenant is an identity that submits jobs.
type tenant struct {
	name  string
	share scheduler.ShareID
	jobs  map[*job]bool // that have not ended
}

// idempotency is what makes a resubmission the same job.
type idempotency struct {
	tenant *tenant
	id     string
}

// inFolder reports whether the outputs of a stage are in the job's output folder.
func (j *job) inFolder(stage fanfold.Stage) bool {
	return j.spec.Output != "" && stage == j.stages.last()
}

// commit makes r the output of its task.
func (j *job) commit(r *result) {
	list := j.outputs[r.stage]
	for len(list) <= int(r.index) {
		list = append(list, nil)
	}
	list[r.index] = r
	j.outputs[r.stage] = list
	if r.stage == fanfold.StageMap {
		j.bytes += r.bytesIn
	}
}

// taskOf is the scheduler's id of the task that has made an output; 0 if there is none.
func (j *job) taskOf(stage fanfold.Stage, index uint32) scheduler.TaskID {
	if int(index) >= len(j.outputs[stage]) || j.outputs[stage][index] == nil {
		return 0
	}
	return j.outputs[stage][index].task
}

// final is the outputs that make the reply, in its order.
func (j *job) final() []*result { return j.outputs[j.stages.last()] }

// miscounted is an error where tasks of a stage have read more or fewer records than those of the
// stage before it have written: each counts for itself.
func (j *job) miscounted() *fanfold.Error {
	for stage := j.stages.last(); stage != fanfold.StageMap; stage = j.stages.before(stage) {
		before := j.stages.before(stage)
		var in, out int64
		for _, r := range j.outputs[stage] {
			in += r.in
		}
		for _, r := range j.outputs[before] {
			out += r.output.Records
		}
		if in != out {
			return fanfold.Errorf(fanfold.KindCorrupt, "count records",
				"the %s tasks wrote %d, the %s tasks read %d", before, out, stage, in)
		}
	}
	return nil
}

// recordsOut is the number of records in the job's output.
func (j *job) recordsOut() (n int64) {
	for _, r := range j.final() {
		if r != nil && !r.lost {
			n += r.output.Records
		}
	}
	return n
}

// replyBytes is the length of the reply, as far as it is there.
func (j *job) replyBytes() (n int64) {
	if j.spec.Output != "" {
		return 0
	}
	for _, r := range j.final() {
		if r != nil && !r.lost {
			n += r.bytes()
		}
	}
	return n
}

// lose notes that a committed output has gone. A reply that is being sent waits for another.
func (j *job) lose(r *result) {
	r.lost = true
	if r.stage == fanfold.StageMap {
		j.bytes -= r.bytesIn
		j.skipped -= r.skipped
	}
	if j.phase == phaseDelivering {
		j.phase = phaseRunning
	}
}

// bytes is the length of a final output.
func (r *result) bytes() int64 {
	if r.output.File != "" {
		return r.output.Bytes
	}
	n := int64(0)
	for _, part := range r.output.Inline {
		n += int64(len(part))
	}
	return n
}
