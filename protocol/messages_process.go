package protocol

import (
	"cmp"
	"slices"

	"github.com/fanfold/fanfold"
)

// Brief tells a task process about a job, once on its connection, before the job's first Assign.
type Brief struct {
	Job        uint64 // handle that Assign and Forget use
	ID         []byte // 16 bytes
	Spec       JobSpec
	Partitions uint32
	Stages     uint32 // number of the last stage

	Open []OpenSpec // none: the job is closed
	Info ProgramInfo

	Ranges bool // reduce tasks read ranges of keys: see Sample and Assign
}

func (*Brief) kind() Kind { return KindBrief }

// Validate checks what the types do not.
func (m *Brief) Validate() error {
	return cmp.Or(
		must(len(m.ID) == jobLen, "a job's id must have 16 bytes"),
		must(m.Partitions <= ReducersMax, "too many partitions"),
		openSpecs(m.Open),
		m.Spec.Validate(),
	)
}

// Source names one committed output that a reduce or gather attempt reads. They come in the order
// of Task, before the Assign of the attempt, and Assign says how many.
type Source struct {
	Attempt uint64 // the reading attempt
	Stage   uint32
	Task    uint32
	Worker  uint32
	Path    string // of File below the worker's directory; "": Inline
	Part    uint32 // partition to read in it
	Inline  []byte
	Records int64  // in all parts of that output
	Dir     string // that Path is below, when it is another worker's on this host; "": this one's
	Extract bool   // Path is an extract of the partition
}

func (*Source) kind() Kind { return KindSource }

// Validate checks what the types do not.
func (m *Source) Validate() error {
	return cmp.Or(texts(PathMax, m.Path, m.Dir), sizes(m.Records))
}

// Assign starts an attempt on a slot. Split is set for map tasks.
type Assign struct {
	Slot    uint32
	Attempt uint64 // handle, unique for ever: names the attempt in every other message
	Job     uint64
	Stage   uint8
	Task    uint32
	Number  uint16 // of the attempt, counted from one within the task
	Sources uint32 // number of Source messages that came before
	Inline  bool   // the split's bytes came before, as Input
	Split   []byte // a Split message's elements, see AppendSplit
	Millis  int64  // wall-clock time that the attempt has; 0: no limit
	Epoch   uint32

	NoInline bool // its output must go to a file: the job has brought enough inline

	// Of a reduce task where Brief.Ranges is set: its least key, and one that all are less than.
	From, Below []byte // an empty Below is none
}

func (*Assign) kind() Kind { return KindAssign }

// Validate checks what the types do not.
func (m *Assign) Validate() error {
	return cmp.Or(
		must(m.Stage >= 1 && m.Stage <= uint8(fanfold.StageGather), "no such stage"),
		must(m.Number != 0, "attempts are counted from 1"),
		must(max(len(m.From), len(m.Below)) <= fanfold.SampleKeyMax, "too long a key"),
		sizes(m.Millis),
	)
}

// Stop asks for the end of a running attempt; a Done follows in any case.
type Stop struct {
	Attempt uint64
}

func (*Stop) kind() Kind { return KindStop }

// Revoke takes back an attempt that has not started; answered with a Done of status Returned, or,
// when it was too late, with its real Done.
type Revoke struct {
	Attempt uint64
}

func (*Revoke) kind() Kind { return KindRevoke }

// Validate checks what the types do not: nothing.
func (*Revoke) Validate() error { return nil }

// Verdict says whether the output of a Done is committed or is to be discarded.
type Verdict struct {
	Attempt   uint64
	Committed bool
}

func (*Verdict) kind() Kind { return KindVerdict }

// Validate finds nothing: the types say all.
func (*Verdict) Validate() error { return nil }

// Forget says that a job has ended: what is kept for it may go. To a worker Job is 16 bytes in ID.
type Forget struct {
	Job    uint64
	ID     []byte
	Before uint32 // to a worker: only what earlier stages than this have left; 0: all
}

func (*Forget) kind() Kind { return KindForget }

// Validate checks what the types do not.
func (m *Forget) Validate() error {
	return cmp.Or(
		exact("job", m.ID, jobLen),
		must(m.Before <= uint32(fanfold.StageGather), "a stage is out of range"),
	)
}

// How an attempt ended, in Done.
const (
	StatusSucceeded uint8 = iota + 1
	StatusFailed
	StatusStopped  // after a Stop
	StatusReturned // it had not started
	StatusNoSource // a source cannot be read: Lost names its task
	StatusTimeout  // Assign.Millis passed
)

// Done ends an attempt.
type Done struct {
	Attempt  uint64
	Status   uint8
	Nanos    int64 // run time, without waiting in the queue
	Slot     uint32
	File     string   // of a fanfold.Output, below the worker's directory
	Bytes    int64    // size of File
	CRC      uint32   // Castagnoli, of a final output
	Records  int64    // out
	Inline   [][]byte // parts
	In       int64    // records read
	BytesIn  int64    // of input read
	Counters []Counter
	Failure  []Failure // none or one; of a success, the first record that was skipped
	Lost     uint32    // StatusNoSource: task of the source
}

func (*Done) kind() Kind { return KindDone }

// Validate checks what the types do not.
func (m *Done) Validate() error {
	return cmp.Or(
		must(m.Status >= StatusSucceeded && m.Status <= StatusTimeout, "no such status"),
		texts(PathMax, m.File),
		sizes(m.Nanos, m.Bytes, m.Records, m.In, m.BytesIn),
		failures(m.Failure),
		counters(m.Counters),
	)
}

// Sample has keys of the output of a map task whose Done follows, where Brief.Ranges is set.
type Sample struct {
	Attempt uint64
	Keys    [][]byte // ascending, at even distances
}

func (*Sample) kind() Kind { return KindSample }

// Validate checks what the types do not.
func (m *Sample) Validate() error {
	long := slices.ContainsFunc(m.Keys, func(k []byte) bool { return len(k) > fanfold.SampleKeyMax })
	return must(len(m.Keys) <= fanfold.SampleMax && !long, "too large a sample")
}

// Beat says that running attempts make progress.
type Beat struct {
	Attempt uint64
	Bytes   int64 // of input read
	Status  string
}

func (*Beat) kind() Kind { return KindBeat }

// Validate checks what the types do not.
func (m *Beat) Validate() error {
	return cmp.Or(texts(TextMax, m.Status), sizes(m.Bytes))
}
