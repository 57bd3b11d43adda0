package protocol

// Kind is the first element of every message: a positive fixint, 1 to 127. It fixes the message's
// class. Kinds are never reused: append only.
type Kind uint8

// The kinds of message. Who sends what, and when, stands in the package comment.
const (
	KindHello   Kind = 1
	KindProof   Kind = 2
	KindWelcome Kind = 3
	KindError   Kind = 4
	KindBye     Kind = 5

	KindSubmit   Kind = 10
	KindInputs   Kind = 11
	KindInput    Kind = 12 // bulk
	KindInputEnd Kind = 13
	KindAccepted Kind = 14
	KindProgress Kind = 15
	KindResult   Kind = 16 // bulk
	KindEnded    Kind = 17
	KindCredit   Kind = 18
	KindCancel   Kind = 19
	KindAttach   Kind = 20
	KindQuery    Kind = 21
	KindAnswer   Kind = 22

	KindBrief   Kind = 40
	KindSource  Kind = 41 // bulk: it may carry a part inline
	KindAssign  Kind = 42
	KindStop    Kind = 43
	KindRevoke  Kind = 44
	KindVerdict Kind = 45
	KindForget  Kind = 46
	KindDone    Kind = 47 // bulk: it may carry parts inline
	KindBeat    Kind = 48

	KindStart     Kind = 60
	KindKill      Kind = 61
	KindExited    Kind = 62
	KindRead      Kind = 63
	KindLogQuery  Kind = 64
	KindLog       Kind = 65 // bulk
	KindHeartbeat Kind = 66
)

// Role is what a peer is on one connection.
type Role uint8

// The roles.
const (
	RoleClient Role = iota + 1
	RoleWorker
	RoleProcess
	RoleCoordinator
	RoleAdmin
	RoleViewer
)

// Hello is the first message of both sides. The coordinator's answers the peer's.
type Hello struct {
	Magic    string // "fanfold"
	ProtoMin uint32
	ProtoMax uint32
	Role     uint8
	Product  string // and version, for people: "fanfold 0.1.0"
	Name     string // of the worker; "" otherwise
	Slots    []uint32
	Nonce    []byte // 32 bytes where the transport does not prove identity; else empty
	Proof    []byte // coordinator only: HMAC-SHA256, see the package comment
	Dir      string // worker: directory that the paths of its outputs are relative to
	Image    []byte // worker: SHA-256 of its own binary, which runs jobs without an image
	Host     string // name of the host, for people
	PID      uint32
}

// Proof is the client's half of the token handshake.
type Proof struct {
	MAC []byte // HMAC-SHA256
}

// Welcome ends the handshake: the peer is in.
type Welcome struct {
	Proto      uint32 // version that both sides speak from here
	Connection uint64 // number of this connection, as in logs
	Worker     uint32 // the worker's number; 0 for others
	BeatMillis uint32 // heartbeat interval that the coordinator wants; 0: none
	Epoch      uint32
	FrameMax   uint32 // bytes: largest bulk frame that this side takes
}

// Failure is an error on the wire; see fanfold.Error. In an Error message Request is the request
// that failed, or 0: then the connection ends.
type Failure struct {
	Request uint64
	Kind    uint32 // fanfold.Kind
	Op      string
	Message string
	Job     []byte // 16 bytes or none
	Stage   uint32
	Task    uint32
	Attempt uint32
	Worker  string
	Input   string
	Offset  int64 // -1: unknown
	Log     string
	Hint    string
	Retry   uint32 // KindBusy: milliseconds to wait before another try
}

// Pair is a name and its value.
type Pair struct {
	Key, Value string
}

// Counter is one of a job's counters.
type Counter struct {
	Group, Name string
	N           int64
}

// JobSpec is fanfold.Job on the wire. Durations are milliseconds.
type JobSpec struct {
	Program         string
	Name            string
	Params          []Pair
	Output          string
	Overwrite       bool
	Reducers        uint32
	SplitSize       int64
	Memory          int64
	Sort            uint32
	Top             uint32
	Format          uint32
	MaxAttempts     uint32
	ProgressTimeout int64
	TaskTimeout     int64
	Deadline        int64
	Priority        uint32
	ID              string
	Detach          bool
	Mapper          []string
	Combiner        []string
	Reducer         []string
	Aggregate       string
	Separator       string
	KeyFields       uint32
	Env             []string
}

// ProgramInfo is what the coordinator must know of the program, told by the binary that has it.
type ProgramInfo struct {
	Fold     uint32
	Combines bool
	Reduces  bool // has a reducer, or a fold
	Reducers uint32
	Sort     uint32
}

// Submit starts a job. Its inputs follow, in Inputs and Input messages with the same Request, until
// InputEnd. Request is chosen by the client, above 0, unique on its connection.
type Submit struct {
	Request uint64
	Job     JobSpec
	Info    ProgramInfo
	Image   []byte // SHA-256 of the binary that has the program; empty: the workers' own
	Path    string // where that binary is on the client's host
	Credit  int64  // bytes of Result that the client takes before it sends Credit
}

// Inputs adds inputs by path, in order.
type Inputs struct {
	Request uint64
	Paths   []string
}

// Input carries the client's own bytes: whole lines, a line longer than a frame in several
// messages. More says that the line goes on in the next message. To a task process the same message
// carries an inline split; Stream is then the attempt.
type Input struct {
	Stream uint64 // the request, or the attempt
	Offset int64  // of Data in the client's stream
	More   bool
	Data   []byte
}

// InputEnd says that the job has all its inputs.
type InputEnd struct {
	Request uint64
}

// Accepted acknowledges a Submit: the job exists.
type Accepted struct {
	Request uint64
	Job     []byte // 16 bytes
}

// StageInfo counts the tasks of one stage by what they do now.
type StageInfo struct {
	Stage     uint32
	Total     uint32
	Running   uint32
	Succeeded uint32
	Failures  uint32 // attempts that failed or were lost
}

// Progress is sent unasked to the job's client when something changed, at most ten times a second.
// Failure is the first failure of the job, sent once, as soon as it happened.
type Progress struct {
	Request   uint64
	Stages    []StageInfo
	Bytes     int64 // of input read by committed and running attempts
	BytesAll  int64 // of input in all, as far as it is known
	Status    string
	Failure   []Failure // none or one
	MapsKnown bool      // false while inputs are still being listed
}

// Result carries bytes of a stream, in order: of the reply (Stream is the request), or of a file
// that the coordinator reads from a worker (Stream is that of its Read).
type Result struct {
	Stream uint64
	Offset int64
	Data   []byte
	Last   bool
	Error  string // what went wrong at the worker; ends the stream
}

// Ended ends a request of a Submit or an Attach, after the last Result.
type Ended struct {
	Request  uint64
	State    uint32    // fanfold.State
	Failure  []Failure // none or one
	Counters []Counter
	Bytes    int64 // of the reply, all its Results together
	Records  int64
	CRC      uint32 // Castagnoli, of the reply
	Millis   int64  // from submission to the end
	Files    []string
}

// Credit allows the peer to send that many further bytes of the stream.
type Credit struct {
	Stream uint64
	Bytes  int64
}

// Cancel ends a job: one of this connection by Request, or another by Job.
type Cancel struct {
	Request uint64
	Job     []byte
}

// Attach asks for the reply of a job, running or ended, as Submit would get it. Wait only waits
// for the end, without the reply's bytes.
type Attach struct {
	Request uint64
	Job     []byte
	Credit  int64
	Wait    bool
}

// What a Query asks for.
const (
	QueryJobs uint32 = iota + 1
	QueryJob
	QueryWorkers
	QueryStats
	QueryLogs
	QueryDrain // stop accepting jobs; answered when the running ones have ended
)

// Query asks the coordinator something; one Answer comes back, or an Error.
type Query struct {
	Request uint64
	What    uint32
	Job     []byte
}

// JobInfo is a row of the job list, or (with Stages) all that is known of one job.
type JobInfo struct {
	Job      []byte
	Name     string
	Program  string
	State    uint32
	Owner    string // identity that submitted it
	Age      int64  // milliseconds since it was submitted
	Took     int64  // milliseconds from submission to the end, or until now
	Stages   []StageInfo
	Bytes    int64
	BytesAll int64
	Failure  []Failure
	Counters []Counter
	Reply    int64 // bytes of the reply, kept or being sent
}

// WorkerInfo is a row of the worker list.
type WorkerInfo struct {
	Worker    uint32
	Name      string
	Host      string
	PID       uint32
	State     string // ready, draining or lost
	Slots     uint32
	Busy      uint32
	Processes []uint32 // process id by slot; 0 where none runs
	Done      uint64   // attempts that succeeded
	Failures  uint64
	Age       int64 // milliseconds since it joined
}

// Stat is one number of the coordinator, by the name that metrics use.
type Stat struct {
	Name  string
	Value int64
}

// Answer answers a Query; what was not asked for is empty.
type Answer struct {
	Request uint64
	Jobs    []JobInfo
	Workers []WorkerInfo
	Stats   []Stat
	Logs    []LogPart
	More    bool // another Answer with the same Request follows
}

// LogPart is what one attempt printed.
type LogPart struct {
	Attempt string // fanfold.AttemptID as text
	Worker  string
	Data    []byte
	Dropped int64 // bytes cut from the middle
	Shared  bool  // several attempts ran: it may be another's
}

// Brief tells a task process about a job, once on its connection, before the job's first Assign.
type Brief struct {
	Job        uint64 // handle that Assign and Forget use
	ID         []byte // 16 bytes
	Spec       JobSpec
	Partitions uint32
	Stages     uint32 // number of the last stage
}

// Source names one committed output that a reduce or gather attempt reads. They come in the order of
// Task, before the Assign of the attempt, and Assign says how many.
type Source struct {
	Attempt uint64 // the reading attempt
	Stage   uint32
	Task    uint32
	Worker  uint32
	Path    string // of File below the worker's directory; "": Inline
	Part    uint32 // partition to read in it
	Inline  []byte
	Records int64 // in all parts of that output
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
}

// Stop asks for the end of a running attempt; a Done follows in any case.
type Stop struct {
	Attempt uint64
}

// Revoke takes back an attempt that has not started; answered with a Done of status Returned, or,
// when it was too late, with its real Done.
type Revoke struct {
	Attempt uint64
}

// Verdict says whether the output of a Done is committed or is to be discarded.
type Verdict struct {
	Attempt   uint64
	Committed bool
}

// Forget says that a job has ended: what is kept for it may go. To a worker Job is 16 bytes in ID.
type Forget struct {
	Job uint64
	ID  []byte
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
	Failure  []Failure // none or one
	Lost     uint32    // StatusNoSource: task of the source
}

// Beat says that running attempts make progress.
type Beat struct {
	Attempt uint64
	Bytes   int64 // of input read
	Status  string
}

// Start asks a worker for a process of an image on a slot. The slot is idle.
type Start struct {
	Slot  uint32
	Image []byte // SHA-256; empty: the worker's own
	Path  string
}

// Kill asks a worker to end the process of a slot: SIGTERM to its tree, and SIGKILL after the grace
// time. A new process is started in its place.
type Kill struct {
	Slot        uint32
	GraceMillis uint32
}

// Exited is the worker's word on a process that ended.
type Exited struct {
	Slot   uint32
	PID    uint32
	Code   uint32 // exit status
	Signal uint32
	Words  string // "killed (signal 9)", "exited with status 3"
	Log    string // the last lines that it printed
	Failed string // a process that could not be started: why
}

// Read asks a worker for a file of an attempt, as Result messages under credit.
type Read struct {
	Stream uint64
	Path   string // below the worker's directory
	Offset int64
	Length int64
	Credit int64
}

// LogQuery asks a worker for what the attempts of a job printed, or one attempt. Log messages
// follow; the last has Last.
type LogQuery struct {
	Stream  uint64
	Job     []byte
	Attempt string // "": all of the job
	Tail    uint32 // only that many last bytes of each; 0: all
}

// Log answers a LogQuery.
type Log struct {
	Stream uint64
	Parts  []LogPart
	Last   bool
}

// Heartbeat is sent by a worker on its control connection.
type Heartbeat struct {
	Running uint32
	PIDs    []uint32 // by slot
}

// Bye says that the sender takes no more work: what has not started was returned, and it will
// close the connection.
type Bye struct {
	Reason string
}
