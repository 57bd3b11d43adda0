// # Messages of all connections
//
// Of each message: kind, class, whether it is urgent, who sends it. Of each field: its position in
// the array, its name, its type. The kind is at position 0. Structs, which have no kind of their
// own, begin at position 0.
//
// # Hello: 1, control, from all
//
// The first message of both sides; see the handshake.
//
//	1  Magic     str    "fanfold"
//	2  ProtoMin  u32    the versions that the sender speaks
//	3  ProtoMax  u32
//	4  Role      u8
//	5  Product   str    for people: "fanfold 0.1.0"
//	6  Name      str    worker: its name; process: its worker's name; else ""
//	7  Slots     [u32]  worker: all it has, from 0; process: the one it runs; else none
//	8  Nonce     bin    32 bytes, or none where no token is used
//	9  Proof     bin    server, with a token: 32 bytes
//	10 Dir       str    worker: the directory that the paths of its outputs are relative to
//	11 Image     bin    worker and process: SHA-256 of the binary it runs
//	12 Host      str    name of the host, for people
//	13 PID       u32
//	14 Offer     Offer  worker: what it has besides its slots
//
// # Offer
//
//	0 Processes u32    task processes that a slot may keep, each of another image; 0: 1
//	1 HostID    str    the same for workers that see the same files in their directories
//	2 Data      str    HOST:PORT where other workers fetch its files; "": nowhere
//	3 Labels    [str]  key=value, in order; 512 bytes in all
//
// # Proof: 2, control, from client process worker admin viewer
//
//	1 MAC  bin  32 bytes; see the handshake
//
// # Welcome: 3, control, from coordinator
//
// Ends the handshake: the peer is in.
//
//	1 Proto       u32  the version that both sides speak from here on
//	2 Connection  u64  number of the connection, as the greeting has it
//	3 Worker      u32  the number that a worker has got; 0 for others
//	4 BeatMillis  u32  how often a worker is to send Heartbeat; 0: never
//	5 Epoch       u32  of the coordinator
//	6 FrameMax    u32  longest bulk frame that the server takes; 0: 4 MiB
//	7 LeaseMillis u32  for a worker: it ends what it runs when, for so long, it has sent no Heartbeat
//	                   that was answered; 0: when its connection ends
//	8 SegmentToken bin  for a worker: 32 bytes, the token of connections between workers that have
//	                    no certificates
//	9 SegmentKey   bin  for a worker: 32 bytes, the key of the tickets for its files
//
// # Error: 4, control, urgent, from all
//
// A request has failed that got no Accepted, or that is a Query: nothing else will come for it.
// With request 0 the connection has failed, and the sender closes it. The same fields, as a struct,
// are what other messages have of type Failure: there, positions begin at 0 and Request means
// nothing.
//
//	1  Request  u64
//	2  Kind     u32  see the table of errors
//	3  Op       str  what was being done: "open input"
//	4  Message  str  the cause
//	5  Job      bin  16 bytes, or none; as Attempt, zero outside an attempt
//	6  Stage    u32  1 map, 2 reduce, 3 gather
//	7  Task     u32
//	8  Attempt  u32
//	9  Worker   str  name of the worker it ran on
//	10 Input    str  name of the input being read
//	11 Offset   i64  byte offset in it; -1: unknown
//	12 Log      str  the last lines that the attempt printed
//	13 Hint     str  what to do next
//	14 Retry    u32  busy: milliseconds to wait before another try
//
// # Bye: 5, control, from all
//
// The sender takes no more work: what has not started was returned. It closes the connection next,
// and that is no failure. A worker may wait with that: it gets no more work, ends what it has
// started, and when nothing of it is wanted any more, the coordinator says Bye to it with Last.
//
//	1 Reason  str   for people
//	2 Last    bool  to a worker: it closes the connection, and does not join again
//
// # Messages between clients and the coordinator
//
// # Submit: 10, control, urgent, from client admin
//
// Starts a job.
//
//	1 Request  u64  chosen by the client; not 0, not in use on this connection
//	2 Job      JobSpec
//	3 Info     ProgramInfo
//	4 Image    bin  SHA-256 of the binary that has the program; none: the workers' own
//	5 Path     str  where that binary is on the client's host
//	6 Credit   i64  bytes of Result, or of Replies, that the client takes before it sends Credit
//	7 Open     [OpenSpec]  none: its inputs end before its reply begins; one: it is an open job
//
// # OpenSpec
//
//	0 Reduce      bool  the program's reducer gets all results, and makes the reply of the job
//	1 Keep        bool  the job goes on without its client, for KeepMillis
//	2 KeepMillis  i64   0: the server's default, an hour
//	3 TaskMillis  i64   deadline of a Task that has none, from its arrival; 0: none
//	4 IDMillis    i64   how long the ID of a Task is known after its Reply; 0: the default, 10 min
//	5 Shards      u32   that keys are spread over: up to 4096; 0: 64
//	6 QueueMax    u32   tasks without a Reply; a Task above it gets one at once: failed, busy.
//	                    0: no such limit, credit for Tasks is withheld instead
//
// # JobSpec
//
// Zero and "" mean the default.
//
//	0  Program          str
//	1  Name             str       for people: up to 64 letters, digits, '.', '_' and '-'
//	2  Params           [Param]
//	3  Output           str       a folder for the output; "": the reply is the output
//	4  Overwrite        bool
//	5  Reducers         u32       partitions
//	6  SplitSize        i64       bytes of a map task's input
//	7  Memory           i64       bytes for an attempt's buffers
//	8  Sort             u32       1 key, 2 value, 3 none
//	9  Top              u32       records of the output to keep; 0: all
//	10 Format           u32       0 text, 1 JSON lines
//	11 MaxAttempts      u32       failures that end a task
//	12 ProgressTimeout  i64       milliseconds
//	13 TaskTimeout      i64       milliseconds
//	14 Deadline         i64       milliseconds from the submission
//	15 Priority         u32       0 (first) to 7
//	16 ID               str       idempotency key
//	17 Detach           bool      the job outlives the connection
//	18 Mapper           [str]     of the program "command": argument vectors, and below
//	19 Combiner         [str]
//	20 Reducer          [str]
//	21 Aggregate        str
//	22 Separator        str
//	23 KeyFields        u32
//	24 Env              [str]     name=value
//	25 Dir              str       where the commands run
//	26 Feed             u32       open job: how Mapper gets its tasks, which are lines; see below
//	27 Reads            str       format of the inputs, as "csv:2"; "": lines
//	28 Codec            str       of the inputs: plain, gzip, zstd, bzip2; "": by their first bytes
//	29 Header           bool      the first record of each input has the names of its columns
//	30 NoBackups        bool      slow tasks at the end of a stage get no second attempt
//	31 Labels           [str]     key=value: only workers with all of them run its tasks; host and
//	                              worker are every worker's, its names
//	32 SortKeys         [str]     order of the lines of a key for Reducer, as sort -k has it
//	33 ExpandMax        u32       times its size that a compressed input may become; 0: 1000
//	34 SkipBad          u32       bad records that may be skipped
//	35 Skipped          str       a folder for copies of them; "": none
//
// Feed is 0 for a command that is kept running and answers each line with one, in turn; 1 for one
// that gets many lines ahead; 2 for one that is started for each line, whose whole output is the
// answer.
//
// # Param
//
//	0 Key    str
//	1 Value  str
//
// # ProgramInfo
//
// What the coordinator must know of a program that its workers do not have themselves.
//
//	0 Fold         u32   0 none, 1 sum, 2 count, 3 min, 4 max, 5 first, 6 distinct,
//	                     7 an aggregator
//	1 Combines     bool
//	2 Reduces      bool  it has a reducer, or a fold
//	3 Reducers     u32   its default
//	4 Sort         u32   its default
//	5 Maps         bool  it has a mapper
//	6 Handles      bool  it has a handler: there may be open jobs of it
//	7 Stateful     bool  its handler keeps a state for each shard
//	8 Associative  bool  its reducer may get some results at first, and what it made of them later
//	9 Snapshots    u32   tasks between two Snapshots of a shard; 0: 1000
//	10 Batch       u32   tasks that a process is sent ahead, however long they take; at most 512
//	11 Ranges      bool  its partitions are ranges of keys: it orders all
//
// # Inputs: 11, control, from client admin
//
// Adds inputs by path, in order. Paths are as workers see them: files, directories, globs.
//
//	1 Request  u64
//	2 Paths    [str]
//
// # Input: 12, bulk, from client admin coordinator
//
// From a client: its own bytes, in order, under credit. A message has whole lines, unless More says
// that its last line goes on in the next one. From the coordinator to a process: the same as the
// split of an attempt, before its Assign; there is no credit for that.
//
//	1 Stream  u64   the request; to a process: the attempt
//	2 Offset  i64   of Data in the client's stream
//	3 More    bool
//	4 Data    bin
//
// # InputEnd: 13, control, from client admin
//
// The job has all its inputs, or tasks. A line that was to go on ends here.
//
//	1 Request  u64
//
// # Accepted: 14, control, urgent, from coordinator
//
// The job of a Submit exists, or that of an Attach was found.
//
//	1 Request  u64
//	2 Job      bin  16 bytes
//
// # Progress: 15, control, urgent, from coordinator
//
// Unasked, when something has changed, at most ten times a second.
//
//	1 Request    u64
//	2 Stages     [StageInfo]
//	3 Bytes      i64        of input read by committed and running attempts
//	4 BytesAll   i64        of input in all, as far as it is known
//	5 Status     str        what a task has last said of itself
//	6 Failure    [Failure]  none; or one, once: the job's first failed attempt, which may be repeated
//	7 MapsKnown  bool       false while inputs are still being listed
//
// # StageInfo
//
//	0 Stage      u32  1 map, 2 reduce, 3 gather
//	1 Total      u32  tasks
//	2 Running    u32
//	3 Succeeded  u32
//	4 Failures   u32  attempts that failed or were lost
//
// # Result: 16, bulk, from worker coordinator
//
// Bytes of a stream, in order, under credit: of a reply, or of the file that a Read asked for.
//
//	1 Stream  u64   the request, or the stream of the Read
//	2 Offset  i64   of Data in the stream; of a file: in the file
//	3 Data    bin
//	4 Last    bool  nothing follows in the stream
//	5 Error   str   from a worker: what went wrong; it is the last
//
// # Ended: 17, control, from coordinator
//
// Ends a Submit or an Attach, behind the last Result.
//
//	1 Request   u64
//	2 State     u32        3 succeeded, 4 failed, 5 timed-out, 6 cancelled, 7 lost
//	3 Failure   [Failure]  one unless it has succeeded
//	4 Counters  [Counter]  of the committed attempts
//	5 Bytes     i64        of the reply, whether it was sent or not
//	6 Records   i64        of the output; of an open job: tasks that have succeeded
//	7 CRC       u32        CRC-32C (Castagnoli) of the reply
//	8 Millis    i64        from submission to end
//	9 Files     [str]      of an output folder
//
// # Counter
//
//	0 Group  str
//	1 Name   str
//	2 N      i64
//
// # Credit: 18, control, urgent, from client worker admin viewer coordinator
//
// The receiver may send that many further bytes of a stream.
//
//	1 Stream  u64  of Input or Result; the request of an open job
//	2 Bytes   i64
//	3 Number  u64  of an open job: the only Reply or Partial of the request that this acknowledges,
//	               counted from 1; 0: it acknowledges the oldest ones
//
// # Cancel: 19, control, urgent, from client admin
//
// Ends a job. Its Ended follows where the job's client is. With Job and a Request, an empty Answer
// comes back, or Error.
//
//	1 Request  u64  a Submit of this connection; or a number for the Answer, and
//	2 Job      bin  16 bytes: any job; none: that of Request
//
// # Attach: 20, control, urgent, from client admin viewer
//
// Asks for the reply of a job, running or ended, as its Submit would get it. That of an open job
// takes its stream over.
//
//	1 Request  u64
//	2 Job      bin   16 bytes
//	3 Credit   i64   as in Submit
//	4 Wait     bool  only Ended is wanted
//
// # Query: 21, control, urgent, from client admin viewer
//
// One or more Answers come back, or one Error.
//
//	1 Request  u64
//	2 What     u32  1 jobs, 2 job, 3 workers, 4 stats, 5 logs, 6 drain, 7 reload, 8 drain worker
//	3 Job      bin  16 bytes: which one, for job and logs
//	4 Worker   str  name: which one, for drain worker
//
// Drain stops the coordinator from accepting jobs, and is answered when the last has ended. Reload
// replaces the task processes, slot by slot, and is answered when that is over; if another one is
// under way, after it. Drain worker is answered when the worker has left.
//
// # Answer: 22, control, urgent, from coordinator
//
// Of the lists only that is there which was asked for. What is too long for a frame goes on in the
// next Answer; a log's Data goes on in a LogPart of the same Attempt.
//
//	1 Request  u64
//	2 Jobs     [JobInfo]
//	3 Workers  [WorkerInfo]
//	4 Stats    [Stat]
//	5 Logs     [LogPart]
//	6 More     bool  another Answer follows
//
// # JobInfo
//
//	0  Job       bin          16 bytes
//	1  Name      str
//	2  Program   str
//	3  State     u32
//	4  Owner     str          who submitted it
//	5  Age       i64          milliseconds since then
//	6  Took      i64          milliseconds from then to the end, or until now
//	7  Stages    [StageInfo]
//	8  Bytes     i64
//	9  BytesAll  i64
//	10 Failure   [Failure]    none or one
//	11 Counters  [Counter]
//	12 Reply     i64          bytes of the reply, kept or being sent
//	13 Tasks     [TaskCounts] one of an open job; else none
//
// # TaskCounts
//
// The tasks of an open job by their state now, and what else is counted.
//
//	0 Waiting    u64  for another attempt
//	1 Queued     u64
//	2 Running    u64  sent to a process
//	3 Succeeded  u64
//	4 Failed     u64
//	5 TimedOut   u64
//	6 Cancelled  u64
//	7 Lost       u64
//	8 Retried    u64  attempts that were followed by another
//	9 Late       u64  Returns that nobody waited for any more
//
// # WorkerInfo
//
//	0  Worker     u32
//	1  Name       str
//	2  Host       str
//	3  PID        u32
//	4  State      str    ready, suspect, excluded or draining
//	5  Slots      u32
//	6  Busy       u32
//	7  Processes  [u32]  process id by slot; 0 where none runs
//	8  Done       u64    attempts that succeeded
//	9  Failures   u64
//	10 Age        i64    milliseconds since it joined
//	11 Excluded   i64    milliseconds until it gets attempts again; 0: it does
//	12 Avoided    u32    unfinished jobs that give it none, because it failed them
//	13 Product    str    "fanfold 0.1.0"
//	14 Labels     [str]  key=value
//	15 Silent     i64    milliseconds since it was heard of
//
// # Stat
//
//	0 Name   str  as metrics have it
//	1 Value  i64
//
// # LogPart
//
//	0 Attempt  str   job_01J…/map-3/1
//	1 Worker   str
//	2 Data     bin   what it printed
//	3 Dropped  i64   bytes cut from the middle
//	4 Shared   bool  several attempts ran: it may be another's
//
// # Task: 23, bulk, from client admin
//
// A task of an open job, under credit. Fields at its end that are zero need not be sent; that is so
// for every message, but here it pays.
//
//	1 Request   u64
//	2 Tag       u64  chosen by the client; not in use in this request
//	3 Data      bin  what it works on: up to 3 MiB, otherwise its Reply is failed, too-large
//	4 Key       bin  tasks of one key run one after the other, in their order; none: anywhere
//	5 Millis    i64  deadline from its arrival; 0: that of the OpenSpec
//	6 Priority  u8   among the tasks without a key: 1 (first) to 8; 0 is 5
//	7 ID        str  idempotency key, up to 64 bytes; see below
//	8 Flags     u8   the sum of 1 all and 2 one-way
//
// A key has up to 1,024 bytes. Its shard is its XXH64 (seed 0) modulo Shards, and 1 more: numbers
// of shards begin at 1. A Task with an ID that another one of the job has, which is not answered or
// was answered less than IDMillis ago, does not run: it gets the same Reply, with Again.
//
// One with the flag all goes to each shard, and its result is what the program's reducer makes of
// theirs. One-way: no Reply if it succeeds.
//
// # Reply: 24, bulk, from coordinator
//
// The end of a Task, under credit.
//
//	1 Request   u64
//	2 Tag       u64
//	3 State     u8         3 succeeded, 4 failed, 5 timed-out, 6 cancelled, 7 lost
//	4 Data      bin        the result
//	5 Attempts  u16        that were started; 0: it never ran
//	6 Worker    str        that the last one ran on; "": none
//	7 Epoch     u32        of the key's shard: how often that has moved
//	8 Again     bool       an earlier Task of the same ID got this result
//	9 Failure   [Failure]  one unless it has succeeded; else none
//
// # Partial: 25, bulk, from process coordinator
//
// What a task says before its Reply, under credit to the client. A repeated attempt says it again:
// what came with another Number is void then. From a process Stream is the attempt, Tag and Number
// are 0.
//
//	1 Stream  u64  the request; from a process: the attempt
//	2 Tag     u64
//	3 Number  u16  of the attempt, counted from 1
//	4 Status  str  how far it is; "": Data
//	5 Data    bin
//
// # CancelTask: 26, control, from client admin
//
// Ends a Task. Its Reply follows: cancelled, or what it has become meanwhile. A Tag that is not in
// use is no error: the Reply may be under way.
//
//	1 Request  u64
//	2 Tag      u64
//
// # ShardMoved: 27, control, from coordinator
//
// A shard of a stateful job lives in another process from here on. It comes before the Replies of
// that process, unless it overtook those of the one before that wait for credit.
//
//	1 Request   u64
//	2 Shard     u32   counted from 1
//	3 Epoch     u32   as in Reply: 1 the first time
//	4 Lost      bool  its process has died: what came after the snapshot is not in its state
//	5 Restored  bool  its state is that of a snapshot; false: it is empty
//	6 Behind    u64   tasks that had succeeded after that snapshot
package protocol
