package scheduler

import (
	"fmt"

	"github.com/fanfold/fanfold"
)

// Time is nanoseconds on the coordinator's monotonic clock, from an origin that the owner chooses.
type Time = fanfold.Instant

// Ref is an opaque handle that the owner resolves: a payload, a manifest, the number of a split.
type Ref uint64

// ShareID names a submitting identity; small numbers, counted from one.
type ShareID uint32

// Label is something that a slot may have and a job may require; the owner numbers them.
type Label uint64

// Status says how an attempt, a task or a job ended.
type Status uint8

// The statuses.
const (
	None      Status = iota
	Succeeded        // from here on terminal
	Failed           // its own fault: counts towards MaxAttempts
	Crashed          // its process died under it: a failure, and poison at KillsMax
	TimedOut
	Cancelled
	Lost     // the machine's fault: counts towards LostMax
	Returned // an attempt only: it had not started
	NoSource // an attempt only: it cannot read a committed output (Command.Task)
	Busy     // a refusal only: the job's queue is full
	Unknown  // a refusal only: no such job, or its input is closed
	Hopeless // a report only: it failed, and would fail again however often it is tried
)

var statusNames = [...]string{
	"none", "succeeded", "failed", "crashed", "timed-out", "cancelled", "lost", "returned",
	"no-source", "busy", "unknown", "hopeless",
}

// String is the status's name in transcripts and messages.
func (s Status) String() string { return nameOf(statusNames[:], uint8(s)) }

// State is the state of a task or a job that ended like that.
func (s Status) State() fanfold.State {
	switch s {
	case Succeeded:
		return fanfold.Succeeded
	case TimedOut:
		return fanfold.TimedOut
	case Cancelled:
		return fanfold.Cancelled
	case Lost:
		return fanfold.Lost
	}
	return fanfold.Failed
}

// Spec is what a job asks for. It is not changed after JobOpened.
type Spec struct {
	ID       fanfold.JobID
	Share    ShareID
	Weight   uint32 // of the share; 0: 1
	Priority uint8  // 0 (first) … 7
	Image    uint32 // a slot holds attempts of one image at a time
	Client   uint32 // where replies go: the owner's number
	Durable  bool   // its events are journalled, and its effects wait for the journal

	// Open: tasks are independent, each is answered and forgotten as it ends. Otherwise the job is
	// closed: tasks are kept until the job ends, a stage starts when the one before is committed,
	// and one task that fails ends the job.
	Open     bool
	Reduces  uint32 // closed: tasks of StageReduce; 0: no such stage
	Gathers  uint32 // closed: tasks of StageGather: 0 or 1
	Backups  bool   // closed: a slow attempt may get a rival
	QueueMax uint32 // tasks not ended; above it Submit is refused as Busy; 0: fanfold.TasksMax

	MaxAttempts uint8 // failures that end a task; 0: fanfold.DefaultMaxAttempts
	Progress    Time  // an attempt without a Progress command for so long; 0: no limit
	Timeout     Time  // of one attempt; 0: no limit
	Grace       Time  // from Stop to Kill; 0: at once
	Deadline    Time  // of the job, absolute; 0: none

	Labels []Label // slots get its tasks only if they have all of these

	Shards   uint32 // open: tasks may have one of so many shards; 0: none has
	Stateful bool   // open: a shard stays on its slot as long as that is there
	Batch    uint32 // tasks that a slot may hold, however long they take; 0: measured time says
}

// CommandKind says what a Command asks or reports.
type CommandKind uint8

// The commands, and the fields that they use.
const (
	OpenJob    CommandKind = iota + 1 // Spec, Tag: comes back in JobReady
	Submit                            // Job, Tag, Ref: a map task; open: Shard, Priority, Until
	CloseJob                          // Job: no more inputs
	CancelJob                         // Job, Status (Cancelled, or Failed by the owner)
	CancelTask                        // Task; in a closed job it cancels the job
	Report                            // Attempt, Status, Ref (result or manifest), Nanos, Task
	Progress                          // Attempt, Percent
	LoseOutput                        // Task: its committed output is gone, it runs again
	FinishJob                         // Job, Status: answers Deliver
	OpenSlot                          // Worker, Image, Key, Spec (its Labels; or nil), Tag: comes back
	LoseSlot                          // Slot, Status: Crashed, Lost (its agent) or Returned
	Tick                              // time passed
	Suspend                           // Attempt: it waits for others, and leaves its slot's line
	DrainSlot                         // Slot: it gets nothing more
)

var commandNames = [...]string{
	"none", "open-job", "submit", "close-job", "cancel-job", "cancel-task", "report", "progress",
	"lose-output", "finish-job", "open-slot", "lose-slot", "tick", "suspend",
	"drain-slot",
}

// String is the kind's name in transcripts.
func (k CommandKind) String() string { return nameOf(commandNames[:], uint8(k)) }

func nameOf(names []string, k uint8) string {
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind-%d", k)
}

// Command is a request, a report, or the passing of time: one flat value.
type Command struct {
	Kind   CommandKind
	Status Status
	// Of a task of an open job.
	Priority uint8  // 0 (first) … 7; tasks with a shard have none
	Percent  uint8  // Progress: how much of its work the attempt has done; 0: not known
	Shard    uint32 // counted from 1; 0: any slot
	Until    Time   // its deadline; 0: none
	Key      uint64 // OpenSlot: what the slot is hashed by, to place shards

	Image   uint32
	Worker  fanfold.WorkerID // OpenSlot; Submit to a closed job: that had better run it, or 0
	Nanos   int64            // run time that the process measured; 0: not known
	Job     JobID
	Task    TaskID
	Attempt AttemptID
	Slot    SlotID
	Tag     uint64 // the owner's name for the task, the job or the slot
	Ref     Ref
	Spec    *Spec // copied, not retained; but an Event that is kept has it too
}
