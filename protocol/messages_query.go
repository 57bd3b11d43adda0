package protocol

import (
	"cmp"
)

// What a Query asks for.
const (
	QueryJobs uint32 = iota + 1
	QueryJob
	QueryWorkers
	QueryStats
	QueryLogs
	QueryDrain  // stop accepting jobs; answered when the running ones have ended
	QueryReload // replace the task processes, slot by slot; answered when that is over
	// QueryDrainWorker has a worker end what it has started and leave; answered when it is gone.
	QueryDrainWorker
)

// Query asks the coordinator something; one Answer comes back, or an Error.
type Query struct {
	Request uint64
	What    uint32
	Job     []byte
	Worker  string // name
}

func (*Query) kind() Kind { return KindQuery }

// Validate checks what the types do not.
func (m *Query) Validate() error {
	return cmp.Or(must(m.Request != 0, "a request must not be 0"), exact("job", m.Job, jobLen),
		texts(labelMax, m.Worker))
}

// JobInfo is a row of the job list, or (with Stages) all that is known of one job.
type JobInfo struct {
	Job      []byte
	Name     string
	Program  string
	State    uint32
	Owner    string // identity that submitted it
	Age      int64  // milliseconds since it was submitted
	Took     int64  // milliseconds from submission to the end, or until now
	Stages   []StageInfo
	Bytes    int64
	BytesAll int64
	Failure  []Failure
	Counters []Counter
	Reply    int64 // bytes of the reply, kept or being sent

	Tasks []TaskCounts // one of an open job, none of others
}

// TaskCounts are the tasks of an open job by state, and what else is counted.
type TaskCounts struct {
	Waiting   uint64 // for another attempt
	Queued    uint64
	Running   uint64
	Succeeded uint64
	Failed    uint64
	TimedOut  uint64
	Cancelled uint64
	Lost      uint64
	Retried   uint64 // attempts that were followed by another
	Late      uint64 // returns of attempts that nobody waited for any more
}

// WorkerInfo is a row of the worker list.
type WorkerInfo struct {
	Worker    uint32
	Name      string
	Host      string
	PID       uint32
	State     string // ready, suspect, excluded or draining
	Slots     uint32
	Busy      uint32
	Processes []uint32 // process id by slot; 0 where none runs
	Done      uint64   // attempts that succeeded
	Failures  uint64
	Age       int64  // milliseconds since it joined
	Excluded  int64  // milliseconds until it gets attempts again; 0: it does
	Avoided   uint32 // jobs that give it none

	Product string // "fanfold 0.1.0"
	Labels  []string
	Silent  int64 // milliseconds since it was heard of
}

// Stat is one number of the coordinator, by the name that metrics use.
type Stat struct {
	Name  string
	Value int64
}

// Answer answers a Query; what was not asked for is empty.
type Answer struct {
	Request uint64
	Jobs    []JobInfo
	Workers []WorkerInfo
	Stats   []Stat
	Logs    []LogPart
	More    bool // another Answer with the same Request follows
}

func (*Answer) kind() Kind { return KindAnswer }

// Validate checks what the types do not.
func (m *Answer) Validate() error {
	for i := range m.Jobs {
		j := &m.Jobs[i]
		err := cmp.Or(exact("job", j.Job, jobLen), failures(j.Failure), counters(j.Counters),
			must(len(j.Tasks) <= 1, "more than one count of tasks"))
		if err != nil {
			return err
		}
	}
	return nil
}

// LogPart is what one attempt printed.
type LogPart struct {
	Attempt string // fanfold.AttemptID as text
	Worker  string
	Data    []byte
	Dropped int64 // bytes cut from the middle
	Shared  bool  // several attempts ran: it may be another's
}
