package scheduler

import (
	"slices"

	"github.com/fanfold/fanfold"
)

// EffectKind says what the owner has to do.
type EffectKind uint8

// The effects, and the fields that they use. All that name a task carry Client, Job, Task, Stage,
// Tag and Ref, its payload; all that name an attempt carry Slot, Worker and Number too.
const (
	Send       EffectKind = iota + 1 // Attempt, Image: start it behind those sent before
	Stop                             // Slot, Attempt: ask it to end; its report follows in any case
	TakeBack                         // Slot, Attempt: return it if it has not started
	Kill                             // Slot, Worker: end its process
	Commit                           // Attempt, Result, Again: the output is the task's
	Discard                          // Attempt, Result, Slot if known: the output is not wanted
	Reply                            // a task, Status, Result, Number, Attempt if one has ended it
	Refuse                           // Client, Job, Tag, Status, Ref
	Retry                            // Attempt, Status, Result: the task will run again
	StageReady                       // Client, Job, Stage, N tasks
	Deliver                          // Client, Job: all is committed; answer with FinishJob
	JobReply                         // Client, Job, Status: the job has ended
	SlotReady                        // Slot, Worker, Tag: of OpenSlot
	JobReady                         // Client, Job, Tag: of OpenJob
	Drained                          // Slot, Worker: no attempt is left on it, of DrainSlot
)

var effectNames = [...]string{
	"none", "send", "stop", "take-back", "kill", "commit", "discard", "reply", "refuse", "retry",
	"stage-ready", "deliver", "job-reply", "slot-ready", "job-ready", "drained",
}

// String is the kind's name in transcripts.
func (k EffectKind) String() string { return nameOf(effectNames[:], uint8(k)) }

// Effect is something for the owner to do once the journal is durable up to Seq.
type Effect struct {
	Kind    EffectKind
	Status  Status
	Stage   fanfold.Stage
	Again   bool // of a Commit: it repeats an earlier one
	Number  uint16
	Client  uint32
	Worker  fanfold.WorkerID
	Image   uint32
	N       uint32
	Seq     uint64
	Job     JobID
	Task    TaskID
	Attempt AttemptID
	Slot    SlotID
	Tag     uint64
	Ref     Ref
	Result  Ref // what the report brought, or a committed output

	Shard uint32 // of the task; 0: none
	Until Time   // deadline of the task; 0: none
}

// Out collects what Step and Apply produce; the owner resets and reuses it.
type Out struct {
	Record  bool    // keep the events of jobs that are not durable too, for watchers and tests
	Events  []Event // to be journalled (Seq above 0) or watched
	Effects []Effect

	draft Event // the event being decided
}

// Reset empties o and keeps its memory.
func (o *Out) Reset() { o.Events, o.Effects = o.Events[:0], o.Effects[:0] }

// effect gives a new effect, to be filled in.
func (o *Out) effect(kind EffectKind, seq uint64) *Effect {
	n := len(o.Effects)
	if n == cap(o.Effects) {
		o.Effects = slices.Grow(o.Effects, 1)
	}
	o.Effects = o.Effects[:n+1]
	e := &o.Effects[n]
	*e = Effect{Kind: kind, Seq: seq}
	return e
}
