package protocol

import (
	"cmp"
	"math"

	"github.com/fanfold/fanfold"
)

// Failure is an error on the wire; see fanfold.Error. In an Error message Request is the request
// that failed, or 0: then the connection ends.
type Failure struct {
	Request uint64
	Kind    uint32 // fanfold.Kind
	Op      string
	Message string
	Job     []byte // 16 bytes or none
	Stage   uint32
	Task    uint32
	Attempt uint32
	Worker  string
	Input   string
	Offset  int64 // -1: unknown
	Log     string
	Hint    string
	Retry   uint32 // KindBusy: milliseconds to wait before another try
}

func (*Failure) kind() Kind { return KindError }

// Validate checks what the types do not.
func (m *Failure) Validate() error {
	return cmp.Or(
		texts(labelMax, m.Worker),
		texts(PathMax, m.Op, m.Input),
		texts(TextMax, m.Message, m.Log, m.Hint),
		exact("job", m.Job, jobLen),
		must(m.Kind <= math.MaxUint16 && m.Attempt <= math.MaxUint16 && m.Stage <= math.MaxUint8,
			"a number of a failure is out of range"),
	)
}

// Param is a name and its value.
type Param struct {
	Key, Value string
}

// Counter is one of a job's counters.
type Counter struct {
	Group, Name string
	N           int64
}

// JobSpec is fanfold.Job on the wire. Durations are milliseconds.
type JobSpec struct {
	Program         string
	Name            string
	Params          []Param
	Output          string
	Overwrite       bool
	Reducers        uint32
	SplitSize       int64
	Memory          int64
	Sort            uint32
	Top             uint32
	Format          uint32
	MaxAttempts     uint32
	ProgressTimeout int64
	TaskTimeout     int64
	Deadline        int64
	Priority        uint32
	ID              string
	Detach          bool
	Mapper          []string
	Combiner        []string
	Reducer         []string
	Aggregate       string
	Separator       string
	KeyFields       uint32
	Env             []string
	Dir             string // that commands run in, where the worker has it
	Feed            uint32 // of an open job: how Mapper is given its tasks
	Reads           string // format of the inputs
	Codec           string // of the inputs
	Header          bool   // the inputs begin with one
	NoBackups       bool
	Labels          []string // key=value, that workers must have
	SortKeys        []string
	ExpandMax       uint32 // times its size that a compressed input may become
	SkipBad         uint32 // bad records that may be skipped
	Skipped         string // folder for copies of them
}

// Validate checks what the types do not. An error of fanfold.KindUsage is about the job, and does
// not break the protocol.
func (s *JobSpec) Validate() error {
	if err := cmp.Or(s.bounds(), s.sense()); err != nil {
		return fanfold.Errorf(fanfold.KindUsage, "check job", "%w", err)
	}
	return nil
}

func (s *JobSpec) bounds() error {
	for _, p := range s.Params {
		if err := texts(TextMax, p.Key, p.Value); err != nil {
			return err
		}
	}
	return cmp.Or(
		texts(labelMax, s.Program, s.ID, s.Aggregate, s.Separator, s.Reads, s.Codec),
		texts(PathMax, s.Output, s.Dir, s.Skipped),
		texts(TextMax, s.Mapper...),
		texts(TextMax, s.Combiner...),
		texts(TextMax, s.Reducer...),
		texts(TextMax, s.Env...),
		texts(labelMax, s.Labels...),
		texts(TextMax, s.SortKeys...),
		sizes(s.SplitSize, s.Memory, s.ProgressTimeout, s.TaskTimeout, s.Deadline),
		must(max(len(s.Params), len(s.Mapper), len(s.Combiner), len(s.Reducer), len(s.Env),
			len(s.Labels), len(s.SortKeys)) <= ParamsMax,
			"too many parameters, arguments, labels or environment entries"),
	)
}

// sense refuses what no job can mean.
func (s *JobSpec) sense() error {
	return cmp.Or(
		must(s.Program != "", "a job needs a program"),
		must(validName(s.Name), "a job's name has up to 64 letters, digits, '.', '_' and '-'"),
		must(s.Reducers <= ReducersMax, "too many reducers"),
		must(s.Sort <= uint32(fanfold.SortNone), "no such order"),
		must(s.Format <= uint32(fanfold.FormatJSON), "no such format"),
		must(s.MaxAttempts <= math.MaxUint8, "too many attempts"),
		must(s.Priority <= prioritiesMax, "a priority is 0 to 7"),
		must(s.Feed <= uint32(fanfold.FeedPerTask), "no such way to feed a command"),
	)
}

// ProgramInfo is what the coordinator must know of the program, told by the binary that has it.
type ProgramInfo struct {
	Fold     uint32
	Combines bool
	Reduces  bool // has a reducer, or a fold
	Reducers uint32
	Sort     uint32

	Maps        bool // it has a mapper
	Handles     bool // it has a handler
	Stateful    bool
	Associative bool
	Snapshots   uint32 // tasks between two snapshots of a shard
	Batch       uint32 // tasks sent ahead however long they take; at most fanfold.BatchMax
	Ranges      bool   // its partitions are ranges of keys
}
