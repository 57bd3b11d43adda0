// Package scheduler decides which task runs on which slot.
//
// It is a pure state machine, used by the coordinator's one owning goroutine. The one idea:
// events are the state. Step takes one Command, decides one Event, gives it to Apply, which
// alone changes the state and tells what is to be done as Effects, and repeats that until the
// command has no further consequence. Apply depends on nothing but the state and the event, so
// that applying the recorded events to a new State gives an equal State. There is no clock,
// goroutine, file, socket, random number or iteration over a map; time comes in with each Step.
// A State is not safe for concurrent use.
//
// # For the owner
//
// A Ref is an opaque handle of the owner's. The Ref of a Submit names a payload, the Ref of a
// Report names what the report brought: a manifest, a result or a failure. Step never fails: a
// stale id finds nothing and is harmless. Effects are to be performed in their order, each once
// the journal is durable up to its Seq. A command may be followed by others before its effects
// are performed, but not by a Tick.
//
// Slots. OpenSlot is answered by the effect SlotReady, which carries the new SlotID, the Worker
// and the command's Tag; SlotID.Index is small and dense, for a table beside the scheduler's. A
// slot starts with the Image of its command, and gets another one, by a Send with that Image,
// only when it is idle. LoseSlot removes the slot: with Crashed, the first attempt on it (it
// alone had started) crashed, the others are queued again at once, uncounted; with Lost, the
// first one is lost; with Returned, all are queued again. A process that comes back is a new
// OpenSlot. The effect Kill asks for the end of the slot's process: the slot takes nothing more,
// and LoseSlot is due when the process is gone, with any Status, for what is left on it is not
// counted.
//
// DrainSlot lets a slot end the attempts that it has started and gives it nothing more: those that
// had not started are taken back, but for those with a shard, which it ends too. The effect Drained
// says that it has none left; a LoseSlot may come before. The worker that drains is not to open
// further slots.
//
// Jobs. OpenJob is answered by the effect JobReady, which carries the new JobID and the
// command's Tag. Submit adds a task to the map stage (of an open job: to its only stage, called
// map too); the order of the Submits is the order of the tasks, and their Tags are the owner's.
// CloseJob ends the input. CancelJob ends the job at any time before its end.
//
// Open jobs. Every task is answered by one effect, Reply or Refuse, and forgotten; the Reply is
// its commit, and its Number says how many attempts were made. JobReply is the last effect of the
// job: Failed if one of its tasks failed. A task may have a Priority within the job, and a deadline
// (Until): whoever passes it is answered as TimedOut and, if it runs, stopped; nothing is started
// behind its deadline.
//
// Shards. Tasks with a Shard run in the order of their Submits and on one slot: one that failed is
// answered and not tried again, because what is behind it may have run; one whose process or worker
// was lost comes back ahead of those behind it. When an attempt that had not started comes back, or
// is reported as lost, those behind it are taken back (TakeBack) and nothing more of the shard is
// sent until all are answered; otherwise those with a shard are never taken back. A shard is on the
// slot that rendezvous hashing of its number and OpenSlot's Key says. It moves when every process
// has answered for what it was sent of it, or is gone; that of a Stateful job only when its slot is
// gone. The owner sees from a Send's Slot that a shard has moved.
//
// Waiting. Suspend takes an attempt that has started out of its slot's line: the next one begins,
// and the attempt has neither a progress time-out nor a Timeout any more, but a Stop is still to be
// answered within Spec.Grace. It is reported like any other. With its slot, it is lost. A slot does
// not change its image as long as an attempt of it waits.
//
// Closed jobs. When the input is closed and all map tasks are committed, the stage StageReduce
// opens: effect StageReady, then its tasks are sent, Tag and Ref being the task's index.
// StageGather likewise. A stage opens although the one before has no task. Spec.Reduces and
// Spec.Gathers may both be 0. After the last stage comes the effect Deliver; the owner answers
// with FinishJob, and JobReply is the last effect of the job. The first task that fails ends the
// job: Reply for that task, Stop for the attempts that run, JobReply, all in one Step; slots
// stay occupied until their processes have answered. The view of a job (Job, Committed, TaskAt)
// can be had until the first Tick after the Step that ended it.
//
// Attempts. Send starts an attempt; on each slot they run one at a time in the order of the
// Sends. Each attempt is to be answered by one Report; further ones are harmless. Every Report
// is answered:
//
//	Commit   the output is the task's, for ever or until it is lost; once per task of a closed
//	         job. A repeated report of the winner gets the same Commit, with Again set.
//	Reply    the task has ended: each task of an open job; of a closed job, the one that fails it.
//	Retry    the attempt ended otherwise than well, and its task will run again.
//	Discard  nobody wants this output: the report is late, or its job has ended.
//	nothing  after a Report with Status Returned: the task is queued again.
//
// The Ref of the Report comes back in that effect's Result; in a Commit with Again, Result is
// the output committed before, and the report's own Ref is free. Retry and Reply also come
// without a report, when an attempt is ended by a lost slot or by time; their Result is then 0.
// Stop and TakeBack are answered by a Report like any other: Stop by Cancelled or by what became
// of the attempt meanwhile, TakeBack by Returned, or, if the attempt has started, by its end.
//
// Lost outputs. LoseOutput names a task whose committed output is gone; a Report with Status
// NoSource names, in Task, the one that its attempt could not read (TaskAt finds it by its
// index). Either way that task runs again and counts as lost once more, the effect Discard gives
// back its output, and no task of a later stage is started before the stage is complete again:
// then StageReady comes again. Attempts that run go on; an attempt that reported NoSource is not
// counted as failed, unless it names no task of an earlier stage. An output that nobody needs
// any more is left alone: of a lost worker, tell the outputs of later stages first. The effect
// Deliver comes again if an output of the last stage is lost before FinishJob.
//
// Where attempts go. A job's tasks get only slots that have all of its Spec.Labels, however long
// that takes. A Submit to a closed job may name the Worker that has the task's input: the job then
// leaves other slots to other jobs for up to Config.Near.
//
// Backup attempts. A slow attempt of a closed job with Spec.Backups may get a rival on another
// slot: a further Send of its task. The first that succeeds is committed, the other is told to
// Stop. One that fails while the other goes on is answered by Retry, though nothing is sent in its
// place.
//
// Time. Next says when a Tick is due; a time in the past means at once. A Tick at any other time
// is harmless. Progress re-arms the progress time-out of a running attempt; an attempt that
// exceeds it, or Spec.Timeout, has failed, and its process is killed. The same befalls a process
// that does not answer a Stop within Spec.Grace. A crash that is the task's first failure is
// tried again at once; after others the task waits.
//
// # For the reader
//
// A task is in exactly one list: that of its state, in its stage, in its job; an attempt is in
// the list of its slot until its process has answered. All counts of the views are lengths of
// such lists. Records stand in paged slabs and name each other by index; what comes from outside
// names them by ids with a serial number. Among the jobs the next is found by three rules:
// shares by slot time over weight, priority classes within a share, and jobs by slot time within
// a class. An idle slot may stay with its last job for a little longer than that (Config.Stay)
// before it changes to another image. A job that no slot has room for now is parked: others go, and
// it is looked at again when a slot that suits it has room. One that needs a slot that is busy with
// another image, as that of its shard may be, wants that slot: it gets no more work until it is
// idle.
package scheduler
