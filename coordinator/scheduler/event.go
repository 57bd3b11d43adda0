package scheduler

import "github.com/fanfold/fanfold"

// EventKind says what changed.
type EventKind uint8

// The events, and the fields that they use. All of a task have Job, Task, Stage and Tag.
const (
	JobOpened      EventKind = iota + 1 // Job, Spec, Tag
	TaskQueued                          // Ref, Shard, Priority, Until, Worker (that it is near to)
	Assigned                            // Attempt, Number, Slot, Worker, Image, N (nanos expected)
	AttemptEnded                        // Attempt, Why, Ref, N (nanos), Until; of a task or of none
	TaskEnded                           // Why, Attempt (that ends it, or 0), Ref, N (nanos)
	TaskWoken                           // its time to wait is over
	TaskReopened                        // its output was lost
	JobClosed                           // Job
	StageOpened                         // Job, Stage, N (tasks)
	JobFinishing                        // Job: all tasks are committed, the owner delivers
	JobEnded                            // Job, Why
	TasksReaped                         // Job, N: up to so many tasks of an ended job are forgotten
	SlotOpened                          // Slot, Worker, Image, Tag, Key, Spec (Labels only; or nil)
	SlotLost                            // Slot, Why
	SlotExpired                         // Slot: its process is to be killed
	SlotRearmed                         // Slot, Until
	JobParked                           // Job: no slot may take it now
	Revoked                             // Attempt, Slot
	Progressed                          // Attempt, N (percent)
	Ticked                              // At
	Suspended                           // Attempt, Slot
	SlotWanted                          // Slot, N (nanos): for another image, when that is over
	SlotDraining                        // Slot: it gets nothing more
	SlotDrained                         // Slot: and has no attempt any more
	JobPaced                            // Job, Until: when its attempts are looked at again; 0: not
	WorkerExcluded                      // Worker, Until: from all jobs
	Pardoned                            // workers are not excluded any more whose time is over
)

var eventNames = [...]string{
	"none", "job-opened", "task-queued", "assigned", "attempt-ended", "task-ended", "task-woken",
	"task-reopened", "job-closed", "stage-opened", "job-finishing", "job-ended", "tasks-reaped",
	"slot-opened", "slot-lost", "slot-expired", "slot-rearmed", "job-parked", "revoked",
	"progressed", "ticked", "suspended", "slot-wanted", "slot-draining",
	"slot-drained", "job-paced", "worker-excluded", "pardoned",
}

// String is the kind's name in transcripts and in the journal's messages.
func (k EventKind) String() string { return nameOf(eventNames[:], uint8(k)) }

// Event is one change of the state. It carries every decision, ids included; a flat value.
type Event struct {
	Kind    EventKind
	Why     Status
	Stage   fanfold.Stage
	Number  uint16 // of the attempt within its task, counted from one
	Worker  fanfold.WorkerID
	Image   uint32
	N       int64
	Seq     uint64 // place in the journal; 0: not journalled
	At      Time
	Until   Time // AttemptEnded: when to try again, 0 at once; SlotRearmed: 0 never
	Job     JobID
	Task    TaskID
	Attempt AttemptID
	Slot    SlotID
	Tag     uint64
	Ref     Ref
	Spec    *Spec

	Shard    uint32
	Priority uint8
	Key      uint64
}
