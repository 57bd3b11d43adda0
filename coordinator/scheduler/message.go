package scheduler

import "github.com/fanfold/fanfold"

// Time is nanoseconds on the coordinator's monotonic clock, from an origin that the owner chooses.
type Time = fanfold.Instant

// An id is its record's index (low half) and a serial number (high half) that is never used twice,
// so that a stale id finds nothing. The zero id names nothing.
type (
	JobID     uint64
	TaskID    uint64
	AttemptID uint64
	SlotID    uint64
)

// Ref is an opaque handle that the owner resolves: a payload, a manifest, the number of a split.
type Ref uint64

// ShareID names a submitting identity; small numbers, counted from one.
type ShareID uint32

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
)

// Spec is what a job asks for. It is not changed after JobOpened.
type Spec struct {
	ID       fanfold.JobID
	Share    ShareID
	Weight   uint32 // of the share; at least 1
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
	QueueMax uint32 // tasks held; above it Submit is refused as Busy

	MaxAttempts uint8 // failures that end a task
	Progress    Time  // an attempt without a Progress command for so long; 0: no limit
	Timeout     Time  // of one attempt; 0: no limit
	Grace       Time  // from Stop to Kill
	Deadline    Time  // of the job, absolute; 0: none
}

// CommandKind says what a Command asks or reports.
type CommandKind uint8

// The commands, and the fields that they use.
const (
	OpenJob    CommandKind = iota + 1 // Spec
	Submit                            // Job, Tag, Ref: one map task, or one task of an open job
	CloseJob                          // Job: no more inputs
	CancelJob                         // Job, Status (Cancelled, or Failed by the owner)
	CancelTask                        // Task
	Report                            // Attempt, Status, Ref (result or manifest), Nanos, Task
	Progress                          // Attempt
	LoseOutput                        // Task: its committed output is gone, it runs again
	FinishJob                         // Job, Status: the owner has delivered, or could not
	OpenSlot                          // Worker, Slot (index: of the owner's choice), Image
	LoseSlot                          // Slot, Status: Crashed, Lost (agent gone) or Returned (retired)
	Tick                              // time passed
)

// Command is a request, a report, or the passing of time: one flat value.
type Command struct {
	Kind    CommandKind
	Status  Status
	Image   uint32
	Worker  fanfold.WorkerID
	Nanos   int64 // run time that the process measured
	Job     JobID
	Task    TaskID
	Attempt AttemptID
	Slot    SlotID
	Tag     uint64 // the owner's name for the task; for a closed job its index in the stage
	Ref     Ref
	Spec    *Spec
}

// EventKind says what changed.
type EventKind uint8

// The events, and the fields that they use.
const (
	JobOpened    EventKind = iota + 1 // Job, Spec
	TaskQueued                        // Job, Task, Stage, Tag, Ref
	Assigned                          // Job, Task, Stage, Tag, Attempt, Number, Slot, Worker, N (cost)
	AttemptEnded                      // Attempt, Task, Why, Until (when to try again; 0: at once)
	TaskEnded                         // Task, Why, Attempt (of the report, or 0), Ref, N (nanos)
	TaskWoken                         // Task
	TaskReopened                      // Task: its output was lost
	JobClosed                         // Job
	StageOpened                       // Job, Stage, N (tasks)
	JobFinishing                      // Job: all tasks are committed, the owner delivers
	JobEnded                          // Job, Why
	TasksReaped                       // Job, N
	SlotOpened                        // Slot, Worker, Image
	SlotLost                          // Slot, Why
	SlotExpired                       // Slot: its process is to be killed
	SlotRearmed                       // Slot, Until
	JobParked                         // Job: no slot may take it now
	Revoked                           // Attempt
	Ticked                            // At
)

// Event is one change of the state. It carries every decision, ids included; a flat value.
type Event struct {
	Kind    EventKind
	Why     Status
	Stage   fanfold.Stage
	Backup  bool
	Number  uint16 // of the attempt within its task, counted from one
	Worker  fanfold.WorkerID
	Image   uint32
	N       int64
	Seq     uint64 // place in the journal; 0: not journalled
	At      Time
	Until   Time
	Job     JobID
	Task    TaskID
	Attempt AttemptID
	Slot    SlotID
	Tag     uint64
	Ref     Ref
	Spec    *Spec
}

// EffectKind says what the owner has to do.
type EffectKind uint8

// The effects, and the fields that they use.
const (
	Send       EffectKind = iota + 1 // Slot, Attempt, Job, Task, Stage, Tag, Number, Ref: payload
	Stop                             // Slot, Attempt: ask it to end; its report follows in any case
	TakeBack                         // Slot, Attempt: return it if it has not started
	Kill                             // Slot: end its process
	Commit                           // Slot, Attempt: the output is the task's
	Discard                          // Slot, Attempt: the output is not wanted
	Reply                            // Client, Job, Task, Stage, Tag, Status, Ref payload, Result
	Refuse                           // Client, Job, Tag, Status, Ref
	Retry                            // Client, Job, Task, Stage, Tag, Status, Attempt: it will run again
	StageReady                       // Client, Job, Stage, N tasks: they were queued
	Deliver                          // Client, Job: all is committed; answer with FinishJob
	JobReply                         // Client, Job, Status: the job has ended
	SlotReady                        // Slot
)

// Effect is something for the owner to do once the journal is durable up to Seq.
type Effect struct {
	Kind    EffectKind
	Status  Status
	Stage   fanfold.Stage
	Number  uint16
	Client  uint32
	Seq     uint64
	Job     JobID
	Task    TaskID
	Attempt AttemptID
	Slot    SlotID
	Tag     uint64
	N       uint32
	Ref     Ref
	Result  Ref
}

// Out collects what Step and Apply produce; the owner resets and reuses it.
type Out struct {
	Record  bool    // keep the events of jobs that are not durable too, for watchers and tests
	Events  []Event // to be journalled (Seq above 0) or watched
	Effects []Effect
}

// Reset empties o and keeps its memory.
func (o *Out) Reset() { o.Events, o.Effects = o.Events[:0], o.Effects[:0] }
