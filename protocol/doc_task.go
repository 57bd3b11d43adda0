// # Messages between the coordinator and task processes
//
// An attempt is named by a number that the coordinator never uses twice, a job by one of the
// coordinator's that is unique on the connection.
//
// # Brief: 40, control, from coordinator
//
// Tells a process about a job, before its first Assign or Call. The specs have no default left
// open.
//
//	1 Job         u64
//	2 ID          bin         16 bytes
//	3 Spec        JobSpec
//	4 Partitions  u32         tasks of the reduce stage; 0: there is none
//	5 Stages      u32         number of the last stage, which writes the output
//	6 Open        [OpenSpec]  none, or that of an open job: Partitions is 0, Stages 1
//	7 Info        ProgramInfo what the server goes by: a shard that it takes for one with a state
//	                          has one
//	8 Ranges      bool        reduce tasks read ranges of keys: a map task's output has one
//	                          partition, and a Sample comes before its Done
//
// # Source: 41, bulk, from coordinator
//
// Names one committed output that a reduce or gather attempt reads, in the order of Task.
//
//	1 Attempt  u64  the attempt that reads it
//	2 Stage    u32  that it was made in
//	3 Task     u32  that made it
//	4 Worker   u32  that has it
//	5 Path     str  of its file, below that worker's directory; "": Inline
//	6 Part     u32  the partition to read
//	7 Inline   bin
//	8 Records  i64  in all parts of that output
//	9 Dir      str  that Path is below, when it is another worker's on this host; "": this worker's
//	10 Extract bool Path is an extract of the partition, which came from another host
//
// # Assign: 42, control, from coordinator
//
// Starts an attempt on a slot, behind those assigned before.
//
//	1  Slot     u32
//	2  Attempt  u64
//	3  Job      u64
//	4  Stage    u8    1 map, 2 reduce, 3 gather
//	5  Task     u32
//	6  Number   u16   of the attempt, counted from 1 within the task
//	7  Sources  u32   Source messages that came for it
//	8  Inline   bool  its bytes came as Input
//	9  Split    bin   map: MessagePack of a Split; else empty
//	10 Millis   i64   wall-clock time that it has; 0: any
//	11 Epoch    u32
//	12 NoInline bool  its output must go to a file, however small it is
//	13 From     bin   reduce of a job with Ranges: the least key that it reads
//	14 Below    bin   and one that is greater than all of them; empty: there is none
//
// Split is the array [ranges, offset, first]: an array of ranges, an i64 (of the Input in the
// client's stream) and a bool (the Input is the stream's first). A range is the array [name str,
// offset i64, length i64, codec u8, size i64, modification time i64 in nanoseconds since 1970, tag
// str, decoded i64: offset of the first byte in what the input decodes to]; codecs are 0 none, 1
// gzip, 2 zstd, 3 bzip2. Size, time and tag identify the input.
//
// # Stop: 43, control, from coordinator
//
// Ends an attempt, running or not; a Done, or a Return, follows in any case, if it has not been
// sent yet.
//
//	1 Attempt  u64
//
// # Revoke: 44, control, from coordinator
//
// Takes back an attempt that has not started: the answer is a Done, or a Return, of status
// returned. When it is too late, its real Done or Return is the answer.
//
//	1 Attempt  u64
//
// # Verdict: 45, control, from coordinator
//
// Answers a Done that left an output: it is committed, or it is to be removed.
//
//	1 Attempt    u64
//	2 Committed  bool
//
// # Forget: 46, control, from coordinator
//
// A job has ended: what is kept for it is to be removed. Job names it to processes, ID to workers.
// Where Before names a stage, it is only what earlier stages have made: the reply is kept.
//
//	1 Job     u64
//	2 ID      bin  16 bytes, or none
//	3 Before  u32  0: all
//
// # Done: 47, bulk, from process
//
// Ends an attempt.
//
//	1  Attempt   u64
//	2  Status    u8         see below
//	3  Nanos     i64        run time, without waiting behind others
//	4  Slot      u32
//	5  File      str        its output, below the worker's directory; "": Inline
//	6  Bytes     i64        size of File
//	7  CRC       u32        CRC-32C (Castagnoli) of an output of the last stage
//	8  Records   i64        in the output
//	9  Inline    [bin]      parts of the output, by partition
//	10 In        i64        records read
//	11 BytesIn   i64        of input read
//	12 Counters  [Counter]
//	13 Failure   [Failure]  none or one; of a success, the first bad record that was skipped
//	14 Lost      u32        no-source: the task whose output cannot be read
//
// Status is 1 succeeded, 2 failed, 3 stopped (after a Stop), 4 returned (it had not started), 5
// no-source (it cannot read a source), 6 timed out (Assign.Millis have passed).
//
// # Sample: 55, control, from process
//
// Has keys of the output of a map attempt, from which the coordinator finds the ranges of the
// reduce tasks. The Done of the attempt follows.
//
//	1 Attempt  u64
//	2 Keys     [bin]  at most 32, ascending, at even distances; of each the first 256 bytes
//
// # Beat: 48, control, urgent, from process worker
//
// A running attempt has made progress.
//
//	1 Attempt  u64
//	2 Bytes    i64  of input read so far
//	3 Status   str  what the task has last said of itself
//
// # Call: 49, bulk, from coordinator
//
// Has a process run a task of an open job, behind those of before.
//
//	1  Attempt  u64
//	2  Job      u64
//	3  Data     bin   what the task works on; of a reduce: see below
//	4  Task     u32   its number in the job
//	5  Number   u16   of the attempt, counted from 1 within the task; 0 is 1
//	6  Millis   i64   until its deadline, from the arrival of the Call; 0: none
//	7  Shard    u32   counted from 1; 0: none
//	8  Key      bin
//	9  Op       u8    0 the program's handler, 1 its reducer
//	10 More     bool  Op 1: Data goes on in the next Call of the attempt
//
// A reduce gets the results of tasks, under an empty key. Data is a list of them, each with its
// length ahead, as an unsigned varint (seven bits a byte, the lowest first, 0x80 set in all but the
// last). A result may go on in the next Call. Its own result is all that the reducer emits, one
// value behind the other; of one that is Associative it may become a value of another reduce.
//
// # Return: 50, bulk, from process
//
// Ends a Call.
//
//	1 Attempt   u64
//	2 Status    u8         as in Done, but for no-source
//	3 Data      bin        the result, up to 3 MiB
//	4 Nanos     i64        run time, without waiting behind others
//	5 Counters  [Counter]
//	6 Failure   [Failure]  none or one
//
// # Retire: 51, control, from coordinator
//
// The process is to start nothing more. It returns what it has not started, sends a Snapshot of
// each of its shards when what runs has ended, then Bye.
//
//	1 Reason  str  for people
//
// # Ask: 52, bulk, from process
//
// A task calls another, of a program of the same binary. Its attempt waits, and its process runs
// other Calls, until it has been Told of each Ask.
//
//	1 Attempt  u64   that asks
//	2 Tag      u64   chosen by the process; not in use by this attempt
//	3 Program  str
//	4 Data     bin
//	5 More     bool  another Ask of the same call follows
//
// # Told: 53, bulk, from coordinator
//
// Ends an Ask.
//
//	1 Attempt  u64
//	2 Tag      u64
//	3 State    u8         as in Reply
//	4 Data     bin        the result
//	5 Failure  [Failure]  one unless it has succeeded; else none
//
// # Snapshot: 54, bulk, from process coordinator
//
// The state of a shard of a stateful job. From a process: it is to be kept, and holds what the
// Returns before it have done. To a process, before the first Call of the shard: it is to be
// restored.
//
//	1 Job    u64
//	2 Shard  u32  counted from 1
//	3 Tasks  u64  that have succeeded before it, since the shard began
//	4 Data   bin  up to 3 MiB
//
// # Messages between the coordinator and workers
//
// A worker's own connection, its control connection, carries these. Its local task processes have
// connections of their own.
//
// # Start: 60, control, from coordinator
//
// Tells which image is wanted on a slot from now on: one of its processes is to be of that image
// and is replaced when it ends. The slot is idle. Its processes of other images go on, and are not
// replaced; the coordinator kills those that are too many by the worker's Hello. A Start of the
// image that is wanted already changes nothing. When the image cannot be had, Exited says why, and
// the one before is still wanted.
//
//	1 Slot   u32
//	2 Image  bin  SHA-256 of a binary; none: the worker's own
//	3 Path   str  where it is
//
// # Kill: 61, control, from coordinator
//
// Ends a process of a slot: SIGTERM to its tree, SIGKILL after the grace time. If its image is the
// one that is wanted, a new one is started in its place. A process that is not there is no error.
//
//	1 Slot         u32
//	2 GraceMillis  u32
//	3 PID          u32  0: the process of the image that is wanted
//
// # Exited: 62, control, from worker
//
// A process has ended, or could not be started.
//
//	1 Slot    u32
//	2 PID     u32
//	3 Code    u32  exit status
//	4 Signal  u32  that ended it, or 0
//	5 Words   str  "exited with status 3", "killed (signal 9)"
//	6 Log     str  the last lines that it printed
//	7 Failed  str  why it could not be started, or ""
//	8 Image   bin  that of the Start; none: it is the worker's own
//
// # Read: 63, control, urgent, from coordinator
//
// Asks for a piece of a file below the worker's directory, which comes as Result.
//
//	1 Stream  u64  chosen by the coordinator
//	2 Path    str
//	3 Offset  i64
//	4 Length  i64
//	5 Credit  i64  bytes of Result to send before further Credit
//
// # LogQuery: 64, control, urgent, from coordinator
//
// Asks for what the attempts of a job have printed, or one of them. Log messages follow.
//
//	1 Stream   u64
//	2 Job      bin  16 bytes
//	3 Attempt  str  as LogPart has it; "": all
//	4 Tail     u32  so many last bytes of each; 0: all
//
// # Log: 65, bulk, from worker
//
//	1 Stream  u64
//	2 Parts   [LogPart]
//	3 Last    bool  nothing follows
//
// # Heartbeat: 66, control, urgent, from worker coordinator
//
// The worker lives. It sends one each Welcome.BeatMillis. The coordinator answers at once, by one
// that has the same Sent and nothing else: so the worker knows since when it is known to live.
//
//	1 Running  u32    attempts
//	2 PIDs     [u32]  id of the process of the image that is wanted, by slot; 0 where none runs
//	3 Sent     i64    when it was sent, by the worker's own clock; 0: no answer is wanted
package protocol
