package protocol

import (
	"cmp"

	"github.com/fanfold/fanfold"
)

// Submit starts a job. Its inputs follow, in Inputs and Input messages with the same Request, until
// InputEnd. Request is chosen by the client, above 0, unique on its connection.
type Submit struct {
	Request uint64
	Job     JobSpec
	Info    ProgramInfo
	Image   []byte // SHA-256 of the binary that has the program; empty: the workers' own
	Path    string // where that binary is on the client's host
	Credit  int64  // bytes of Result that the client takes before it sends Credit

	Open []OpenSpec // none: the job is closed; one: it is open
}

func (*Submit) kind() Kind { return KindSubmit }

// Validate checks what the types do not. An error of fanfold.KindUsage is about the job, and does
// not break the protocol.
func (m *Submit) Validate() error {
	return cmp.Or(
		must(m.Request != 0, "a request must not be 0"),
		exact("image", m.Image, imageLen),
		texts(PathMax, m.Path),
		sizes(m.Credit),
		openSpecs(m.Open),
		m.Job.Validate(),
	)
}

// Inputs adds inputs by path, in order.
type Inputs struct {
	Request uint64
	Paths   []string
}

func (*Inputs) kind() Kind { return KindInputs }

// Validate checks what the types do not.
func (m *Inputs) Validate() error {
	return texts(PathMax, m.Paths...)
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

func (*Input) kind() Kind { return KindInput }

// Validate checks what the types do not.
func (m *Input) Validate() error {
	return sizes(m.Offset)
}

// InputEnd says that the job has all its inputs.
type InputEnd struct {
	Request uint64
}

func (*InputEnd) kind() Kind { return KindInputEnd }

// Accepted acknowledges a Submit: the job exists.
type Accepted struct {
	Request uint64
	Job     []byte // 16 bytes
}

func (*Accepted) kind() Kind { return KindAccepted }

// Validate checks what the types do not.
func (m *Accepted) Validate() error {
	return must(len(m.Job) == jobLen, "a job's id must have 16 bytes")
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

func (*Progress) kind() Kind { return KindProgress }

// Validate checks what the types do not.
func (m *Progress) Validate() error {
	return cmp.Or(texts(TextMax, m.Status), failures(m.Failure))
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

func (*Result) kind() Kind { return KindResult }

// Validate checks what the types do not.
func (m *Result) Validate() error {
	return cmp.Or(sizes(m.Offset), texts(TextMax, m.Error))
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

func (*Ended) kind() Kind { return KindEnded }

// Validate checks what the types do not.
func (m *Ended) Validate() error {
	return cmp.Or(
		failures(m.Failure),
		counters(m.Counters),
		must(fanfold.State(m.State).Terminal(), "a request must end in a terminal state"),
	)
}

// Credit allows the peer to send that many further bytes of the stream.
type Credit struct {
	Stream uint64
	Bytes  int64
	Number uint64 // of the only Reply or Partial that this acknowledges; 0: it is the next ones
}

func (*Credit) kind() Kind { return KindCredit }

// Validate checks what the types do not.
func (m *Credit) Validate() error {
	return sizes(m.Bytes)
}

// Cancel ends a job: one of this connection by Request, or another by Job.
type Cancel struct {
	Request uint64
	Job     []byte
}

func (*Cancel) kind() Kind { return KindCancel }

// Validate checks what the types do not.
func (m *Cancel) Validate() error {
	return exact("job", m.Job, jobLen)
}

// Attach asks for the reply of a job, running or ended, as Submit would get it. Wait only waits
// for the end, without the reply's bytes.
type Attach struct {
	Request uint64
	Job     []byte
	Credit  int64
	Wait    bool
}

func (*Attach) kind() Kind { return KindAttach }

// Validate checks what the types do not.
func (m *Attach) Validate() error {
	return cmp.Or(
		must(m.Request != 0, "a request must not be 0"),
		must(len(m.Job) == jobLen, "a job's id must have 16 bytes"),
		sizes(m.Credit),
	)
}
