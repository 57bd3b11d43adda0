package protocol

import (
	"cmp"
)

// Start tells a worker which image is wanted on a slot from now on. The slot is idle.
type Start struct {
	Slot  uint32
	Image []byte // SHA-256; empty: the worker's own
	Path  string
}

func (*Start) kind() Kind { return KindStart }

// Validate checks what the types do not.
func (m *Start) Validate() error {
	return cmp.Or(exact("image", m.Image, imageLen), texts(PathMax, m.Path))
}

// Kill asks a worker to end a process of a slot: SIGTERM to its tree, and SIGKILL after the grace
// time. If its image is the one that is wanted, a new process is started in its place.
type Kill struct {
	Slot        uint32
	GraceMillis uint32
	PID         uint32 // 0: the one of the image that is wanted
}

func (*Kill) kind() Kind { return KindKill }

// Exited is the worker's word on a process that ended.
type Exited struct {
	Slot   uint32
	PID    uint32
	Code   uint32 // exit status
	Signal uint32
	Words  string // "killed (signal 9)", "exited with status 3"
	Log    string // the last lines that it printed
	Failed string // a process that could not be started: why
	Image  []byte // that of the Start; none: it is the worker's own
}

func (*Exited) kind() Kind { return KindExited }

// Validate checks what the types do not.
func (m *Exited) Validate() error {
	return cmp.Or(texts(TextMax, m.Words, m.Log, m.Failed), exact("image", m.Image, imageLen))
}

// Read asks a worker for a file of an attempt, as Result messages under credit.
type Read struct {
	Stream uint64
	Path   string // below the worker's directory
	Offset int64
	Length int64
	Credit int64
}

func (*Read) kind() Kind { return KindRead }

// Validate checks what the types do not.
func (m *Read) Validate() error {
	return cmp.Or(texts(PathMax, m.Path), sizes(m.Offset, m.Length, m.Credit))
}

// LogQuery asks a worker for what the attempts of a job printed, or one attempt. Log messages
// follow; the last has Last.
type LogQuery struct {
	Stream  uint64
	Job     []byte
	Attempt string // "": all of the job
	Tail    uint32 // only that many last bytes of each; 0: all
}

func (*LogQuery) kind() Kind { return KindLogQuery }

// Validate checks what the types do not.
func (m *LogQuery) Validate() error {
	return cmp.Or(exact("job", m.Job, jobLen), texts(labelMax, m.Attempt))
}

// Log answers a LogQuery.
type Log struct {
	Stream uint64
	Parts  []LogPart
	Last   bool
}

func (*Log) kind() Kind { return KindLog }

// Heartbeat is sent by a worker on its control connection.
type Heartbeat struct {
	Running uint32
	PIDs    []uint32 // by slot
	Sent    int64    // by the worker's own clock, in nanoseconds; answered; 0: it is not to be
}

func (*Heartbeat) kind() Kind { return KindHeartbeat }

// Validate checks what the types do not.
func (m *Heartbeat) Validate() error {
	return must(len(m.PIDs) <= SlotsMax, "too many slots")
}
