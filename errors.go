package fanfold

import (
	"errors"
	"fmt"
)

// Kind classifies an error. Kinds travel on the wire and decide exit codes: append only.
type Kind uint16

// The kinds of error.
const (
	KindNone        Kind = iota
	KindInternal         // a broken promise of our own
	KindUser             // user code returned an error, panicked or exited with a status
	KindCrashed          // the task process died under the task
	KindTimeout          // no progress, or more wall-clock time than allowed
	KindInput            // an input is unreadable, or changed while the job ran
	KindNotFound         // an input, a job or a worker does not exist
	KindUsage            // a job description or a flag makes no sense
	KindUnknown          // no program of that name
	KindExists           // the output exists
	KindOutput           // the output cannot be written
	KindDisk             // the work directory is full or broken
	KindTooLarge         // a record, a payload or a frame is over its limit
	KindProtocol         // a peer broke the protocol
	KindVersion          // the peers have no protocol version in common
	KindDenied           // not authenticated, or not allowed
	KindUnreachable      // no coordinator, or the connection was lost
	KindBusy             // over a limit now: try again later
	KindCancelled        // by a client or by the end of its connection
	KindDeadline         // the job's deadline passed
	KindLost             // machines were lost too often
	KindCorrupt          // a block's checksum or a record count does not match
	KindChanged          // a repeated task gave other bytes than the first time
	KindJournal          // the journal cannot be written; the process ends
	KindUnsupported      // understood, but not to be had here
)

// Exit codes of the command line. One table decides them: kinds.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitUnreachable = 3
	ExitNotFound    = 4
	ExitCancelled   = 5
	ExitJournal     = 74
	ExitBusy        = 75
	ExitDeadline    = 124
	ExitHangup      = 129
	ExitInterrupt   = 130
	ExitPipe        = 141
	ExitTerminated  = 143
)

var kinds = [...]struct {
	name string
	exit int
}{
	KindNone:        {"none", ExitOK},
	KindInternal:    {"internal", ExitFailed},
	KindUser:        {"user", ExitFailed},
	KindCrashed:     {"crashed", ExitFailed},
	KindTimeout:     {"timeout", ExitFailed},
	KindInput:       {"input", ExitNotFound},
	KindNotFound:    {"not-found", ExitNotFound},
	KindUsage:       {"usage", ExitUsage},
	KindUnknown:     {"unknown-program", ExitUsage},
	KindExists:      {"exists", ExitFailed},
	KindOutput:      {"output", ExitFailed},
	KindDisk:        {"disk", ExitFailed},
	KindTooLarge:    {"too-large", ExitFailed},
	KindProtocol:    {"protocol", ExitUnreachable},
	KindVersion:     {"version", ExitUnreachable},
	KindDenied:      {"denied", ExitUnreachable},
	KindUnreachable: {"unreachable", ExitUnreachable},
	KindBusy:        {"busy", ExitBusy},
	KindCancelled:   {"cancelled", ExitCancelled},
	KindDeadline:    {"deadline", ExitDeadline},
	KindLost:        {"lost", ExitFailed},
	KindCorrupt:     {"corrupt", ExitFailed},
	KindChanged:     {"changed", ExitFailed},
	KindJournal:     {"journal", ExitJournal},
	KindUnsupported: {"unsupported", ExitFailed},
}

// String is the kind's stable name.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return fmt.Sprintf("kind-%d", uint16(k))
}

// ExitCode is what a command ends with when it fails with an error of this kind.
func (k Kind) ExitCode() int {
	if int(k) < len(kinds) {
		return kinds[k].exit
	}
	return ExitFailed
}

// Error is the one error that crosses the wire. Fields that do not apply are zero.
type Error struct {
	Op      string // what was being done: "open input", "run mapper"
	Kind    Kind
	Attempt AttemptID // the attempt that failed; zero outside an attempt
	Worker  string    // name of the worker it ran on
	Input   string    // name of the input being read
	Offset  int64     // byte offset of the record or split in Input; -1 where unknown
	Log     string    // the last lines that the attempt printed
	Hint    string    // what to do next, where that helps
	Err     error
}

// Error gives "op: cause". The attempt, the input and the log are for those who print them apart.
func (e *Error) Error() string {
	switch {
	case e.Err == nil && e.Op == "":
		return e.Kind.String()
	case e.Err == nil:
		return e.Op + ": " + e.Kind.String()
	case e.Op == "":
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an *Error of a kind; op and format follow the rules of fmt.Errorf, %w included.
func Errorf(kind Kind, op, format string, args ...any) *Error {
	return &Error{Op: op, Kind: kind, Offset: -1, Err: fmt.Errorf(format, args...)}
}

// UserError is for the system: an error that user code returned, in the operation op. It keeps what
// the first *Error in err's chain says of itself; one without is of KindUser.
func UserError(op string, err error) *Error {
	e := Error{Kind: KindUser, Offset: -1}
	var known *Error
	if errors.As(err, &known) {
		e = *known
	}
	e.Op, e.Err = op, err
	return &e
}

// KindOf is the kind of the first *Error in err's chain: KindNone for nil, KindUser without one.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case err == nil:
		return KindNone
	case errors.As(err, &e):
		return e.Kind
	}
	return KindUser
}
