package protocol

import (
	"cmp"

	"github.com/fanfold/fanfold"
)

// OpenSpec makes a Submit an open job.
type OpenSpec struct {
	Reduce      bool   // apply the program's reducer to all results, for the reply of the job
	Keep        bool   // when the client's connection ends, go on, and keep what it did not get
	KeepMillis  int64  // for so long; 0: the coordinator's default
	TaskMillis  int64  // deadline of a task that has none, from its arrival; 0: none
	IDMillis    int64  // for how long an ID is remembered after its task ended; 0: the default
	Shards      uint32 // of keys; 0: fanfold.DefaultShards
	QueueMax    uint32 // tasks not answered; one above it is refused as busy. 0: credit is withheld
	Stateful    bool   // of the program, as are those that follow
	Associative bool
	Snapshots   uint32 // tasks between two snapshots of a shard
	Feed        uint32 // of a command: one of the constants below
}

// How a command of an open job is fed.
const (
	FeedKept      uint32 = iota // one line, one answer, in turn, by a process that is kept
	FeedPipelined               // lines ahead of answers
	FeedPerTask                 // a process per task
)

// Validate checks what the types do not.
func (s *OpenSpec) Validate() error {
	return cmp.Or(
		sizes(s.KeepMillis, s.TaskMillis, s.IDMillis),
		must(s.Shards <= ShardsMax, "too many shards"),
		must(s.Feed <= FeedPerTask, "no such way to feed a command"),
	)
}

// The flags of a Task.
const (
	TaskAll    uint8 = 1 << iota // to each shard, and the results through the reducer
	TaskOneWay                   // no Reply but for a failure
)

// ShardsMax bounds the shards of a job.
const ShardsMax = 4096

// TaskCost is what a Task, a Reply or a Partial costs of credit besides its Data and Key, in bytes.
const TaskCost = 64

// Task is one task of an open job.
type Task struct {
	Request  uint64
	Tag      uint64 // the client's, in use once at a time
	Data     []byte
	Key      []byte // tasks of one key run in order on one slot; none: anywhere
	Millis   int64  // deadline from its arrival; 0: the stream's
	Priority uint8  // within the stream: 1 (first) to 8; 0: 5, the middle
	ID       string // idempotency key
	Flags    uint8
}

func (*Task) kind() Kind { return KindTask }

// Validate checks what the types do not.
func (m *Task) Validate() error {
	return cmp.Or(
		texts(NameMax, m.ID),
		must(len(m.Key) <= KeyMax, "the key is too long"),
		must(m.Priority <= 8, "no such priority"),
		sizes(m.Millis),
	)
}

// KeyMax bounds the key of a Task.
const KeyMax = 1024 // bytes

// Reply ends a Task.
type Reply struct {
	Request  uint64
	Tag      uint64
	State    uint8
	Data     []byte
	Attempts uint16
	Worker   []byte // its name: a str
	Epoch    uint32 // of the key's shard: how often that has moved
	Again    bool   // an earlier task of the same ID got this result
	Failure  []Failure
}

func (*Reply) kind() Kind { return KindReply }

// Validate checks what the types do not.
func (m *Reply) Validate() error {
	return cmp.Or(
		must(m.State >= uint8(fanfold.Succeeded) && m.State <= uint8(fanfold.Lost), "no such state"),
		failures(m.Failure),
	)
}

// Partial comes ahead of a Reply.
type Partial struct {
	Stream uint64 // the request; from a process: the attempt
	Tag    uint64 // of the Task
	Number uint16 // of the attempt
	Status string // what the task says of itself; "": Data
	Data   []byte
}

func (*Partial) kind() Kind { return KindPartial }

// Validate checks what the types do not.
func (m *Partial) Validate() error { return texts(TextMax, m.Status) }

// CancelTask ends a Task, whose Reply follows.
type CancelTask struct {
	Request uint64
	Tag     uint64
}

func (*CancelTask) kind() Kind { return KindCancelTask }

// ShardMoved says that a shard of a stateful job lives in another process from here on.
type ShardMoved struct {
	Request  uint64
	Shard    uint32
	Epoch    uint32
	Lost     bool   // its process has died: what came after the snapshot is not in its state
	Restored bool   // from a snapshot; otherwise it starts empty
	Behind   uint64 // tasks that had succeeded after the snapshot
}

func (*ShardMoved) kind() Kind { return KindShardMoved }

// What a Call asks for.
const (
	OpHandle uint8 = iota // the program's handler
	OpReduce              // its reducer, on results
)

// Call has a process run a task of an open job. The Brief of its job came before it.
type Call struct {
	Attempt uint64
	Job     uint64
	Data    []byte // OpReduce: see AppendValue
	Task    uint32 // number of the task in the job
	Number  uint16 // of the attempt; 0: 1
	Millis  int64  // until its deadline; 0: none
	Shard   uint32 // counted from 1; 0: none
	Key     []byte
	Op      uint8
	More    bool // OpReduce: Data goes on in the next Call of the attempt
}

func (*Call) kind() Kind { return KindCall }

// Validate checks what the types do not.
func (m *Call) Validate() error {
	return cmp.Or(must(m.Op <= OpReduce, "no such call"), sizes(m.Millis))
}

// Return ends a Call.
type Return struct {
	Attempt  uint64
	Status   uint8
	Data     []byte
	Nanos    int64
	Counters []Counter
	Failure  []Failure // none or one
}

func (*Return) kind() Kind { return KindReturn }

// Validate checks what the types do not.
func (m *Return) Validate() error {
	return cmp.Or(
		must(m.Status >= StatusSucceeded && m.Status <= StatusTimeout, "no such status"),
		must(m.Status != StatusNoSource, "a task of an open job has no sources"),
		sizes(m.Nanos),
		failures(m.Failure),
		counters(m.Counters),
	)
}

// Retire asks a process to start nothing more, to return what it has not started, and to end.
type Retire struct {
	Reason string
}

func (*Retire) kind() Kind { return KindRetire }

// Validate checks what the types do not.
func (m *Retire) Validate() error { return texts(TextMax, m.Reason) }

// Ask is a call of a task by a task: the coordinator runs it like one of a client's. The caller's
// attempt counts as waiting until it has been Told all.
type Ask struct {
	Attempt uint64
	Tag     uint64 // the process's, in use once at a time
	Program string
	Data    []byte
	More    bool // further ones of the same call follow
}

func (*Ask) kind() Kind { return KindAsk }

// Validate checks what the types do not.
func (m *Ask) Validate() error { return texts(NameMax, m.Program) }

// Told ends an Ask.
type Told struct {
	Attempt uint64
	Tag     uint64
	State   uint8
	Data    []byte
	Failure []Failure
}

func (*Told) kind() Kind { return KindTold }

// Validate checks what the types do not.
func (m *Told) Validate() error {
	return cmp.Or(
		must(m.State >= uint8(fanfold.Succeeded) && m.State <= uint8(fanfold.Lost), "no such state"),
		failures(m.Failure),
	)
}

// Snapshot is the state of a shard: from a process, that which is to be kept; to a process, ahead of
// the shard's first Call, that which it is to restore.
type Snapshot struct {
	Job   uint64
	Shard uint32 // counted from 1
	Tasks uint64 // that have succeeded before it, since the shard began
	Data  []byte
}

func (*Snapshot) kind() Kind { return KindSnapshot }
