package protocol

import (
	"cmp"
	"encoding/binary"
	"errors"

	"github.com/fanfold/fanfold"
)

// OpenSpec makes a Submit an open job.
type OpenSpec struct {
	Reduce     bool   // apply the program's reducer to all results, for the reply of the job
	Keep       bool   // when the client's connection ends, go on, and keep what it did not get
	KeepMillis int64  // for so long; 0: the coordinator's default
	TaskMillis int64  // deadline of a task that has none, from its arrival; 0: none
	IDMillis   int64  // for how long an ID is remembered after its task ended; 0: the default
	Shards     uint32 // of keys; 0: fanfold.DefaultShards
	QueueMax   uint32 // tasks not answered; one above it is refused as busy. 0: credit is withheld
}

// Validate checks what the types do not.
func (s *OpenSpec) Validate() error {
	return cmp.Or(
		sizes(s.KeepMillis, s.TaskMillis, s.IDMillis),
		must(s.Shards <= ShardsMax, "too many shards"),
	)
}

// openSpecs is the rule for a field that has none or one.
func openSpecs(list []OpenSpec) error {
	if len(list) == 0 {
		return nil
	}
	if len(list) > 1 {
		return errors.New("more than one open specification")
	}
	return list[0].Validate()
}

// The flags of a Task.
const (
	TaskAll    uint8 = 1 << iota // to each shard, and the results through the reducer
	TaskOneWay                   // no Reply but for a failure
)

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
	if len(m.ID)|len(m.Key)|int(m.Priority)|int(m.Flags) == 0 && m.Millis >= 0 {
		return nil // as most are
	}
	return cmp.Or(
		texts(NameMax, m.ID),
		must(len(m.Key) <= KeyMax, "the key is too long"),
		must(m.Priority <= TaskPriorityMax, "no such priority"),
		must(m.Flags <= TaskAll|TaskOneWay, "no such flags"),
		sizes(m.Millis),
	)
}

// Reply ends a Task.
type Reply struct {
	Request  uint64
	Tag      uint64
	State    uint8
	Data     []byte
	Attempts uint16
	Worker   string
	Epoch    uint32 // of the key's shard: how often that has moved
	Again    bool   // an earlier task of the same ID got this result
	Failure  []Failure
}

func (*Reply) kind() Kind { return KindReply }

// Validate checks what the types do not.
func (m *Reply) Validate() error {
	if m.State == uint8(fanfold.Succeeded) && len(m.Failure) == 0 {
		return nil
	}
	return ending(m.State, m.Failure)
}

// ending is the rule for what became of a task.
func ending(state uint8, list []Failure) error {
	return cmp.Or(
		must(state >= uint8(fanfold.Succeeded) && state <= uint8(fanfold.Lost), "no such state"),
		failures(list),
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
func (m *Partial) Validate() error {
	if m.Status == "" {
		return nil
	}
	return texts(TextMax, m.Status)
}

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

// Validate checks what the types do not.
func (m *ShardMoved) Validate() error { return shard(m.Shard) }

// shard is the rule for a field that names one.
func shard(n uint32) error {
	return must(n >= 1 && n <= ShardsMax, "there is no such shard")
}

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
	if m.Op == OpHandle && m.Millis >= 0 && m.Shard == 0 && len(m.Key) == 0 {
		return nil // as most are
	}
	return cmp.Or(
		must(m.Op <= OpReduce, "no such call"),
		must(m.Shard <= ShardsMax, "too many shards"),
		must(len(m.Key) <= KeyMax, "the key is too long"),
		sizes(m.Millis),
	)
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
	if m.Status == StatusSucceeded && len(m.Data) <= fanfold.PayloadMax && m.Nanos >= 0 &&
		len(m.Counters)|len(m.Failure) == 0 {
		return nil // as most are
	}
	return cmp.Or(
		must(m.Status >= StatusSucceeded && m.Status <= StatusTimeout, "no such status"),
		must(m.Status != StatusNoSource, "a task of an open job has no sources"),
		payload(m.Data),
		sizes(m.Nanos),
		failures(m.Failure),
		counters(m.Counters),
	)
}

// payload is the rule for the result of a task, or the state of a shard.
func payload(b []byte) error { return must(len(b) <= fanfold.PayloadMax, "it is too long") }

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
func (m *Ask) Validate() error { return texts(labelMax, m.Program) }

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
	return cmp.Or(ending(m.State, m.Failure), payload(m.Data))
}

// Snapshot is the state of a shard: from a process, that which is to be kept; to a process, ahead
// of the shard's first Call, that which it is to restore.
type Snapshot struct {
	Job   uint64
	Shard uint32 // counted from 1
	Tasks uint64 // that have succeeded before it, since the shard began
	Data  []byte
}

func (*Snapshot) kind() Kind { return KindSnapshot }

// Validate checks what the types do not.
func (m *Snapshot) Validate() error { return cmp.Or(shard(m.Shard), payload(m.Data)) }

// AppendValue appends a value to the Data of a Call of OpReduce: its length as a uvarint, and
// itself.
func AppendValue(dst, v []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

// NextValue cuts the first value off such a list, of which it is a part. An error of
// fanfold.KindProtocol says that there is none.
func NextValue(list []byte) (v, rest []byte, err error) {
	n, size := binary.Uvarint(list)
	if size <= 0 || n > uint64(len(list)-size) {
		return nil, nil, errValues
	}
	list = list[size:]
	return list[:n:n], list[n:], nil
}

var errValues = fanfold.Errorf(fanfold.KindProtocol, "read values", "the list is cut short")
