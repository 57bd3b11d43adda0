package protocol

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strings"
)

// Pull tells a worker to fetch what an attempt on one of its slots is to read from a worker on
// another host. Those of an attempt end with one that has Last; Pulled answers all of them.
type Pull struct {
	Attempt uint64 // the reading attempt
	Task    uint32 // that made the output
	Address string // HOST:PORT of the worker that has it
	Worker  string // its name, which its certificate has
	Path    string // of its file, below that worker's directory
	Part    uint32 // the partition
	Ticket  []byte // see Ticket
	To      string // below this worker's directory: where the extract is to be
	Last    bool
	Keys    []Range // none, or the one that it is to be narrowed to
}

// Range is a range of keys, as in Assign.
type Range struct {
	From, Below []byte
}

// oneRange is the rule for a field that has none or one.
func oneRange(list []Range) error { return must(len(list) <= 1, "more than one range of keys") }

func (*Pull) kind() Kind { return KindPull }

// Validate checks what the types do not.
func (m *Pull) Validate() error {
	return cmp.Or(texts(labelMax, m.Address, m.Worker), texts(PathMax, m.Path, m.To),
		exact("ticket", m.Ticket, macLen), oneRange(m.Keys))
}

// Pulled says that all extracts of an attempt are there, or that one cannot be had.
type Pulled struct {
	Attempt uint64
	Failure []Failure // none: all are there
	Lost    uint32    // with a Failure: the task whose output cannot be had
	Here    bool      // the Failure is this worker's, and not that output's
}

func (*Pulled) kind() Kind { return KindPulled }

// Validate checks what the types do not.
func (m *Pulled) Validate() error { return failures(m.Failure) }

// Codecs of a Piece.
const (
	CodecNone uint8 = iota
	CodecS2         // a block of s2, as github.com/klauspost/compress has it
)

// Fetch asks another worker for the blocks of one partition of a segment, as Piece messages.
type Fetch struct {
	Stream uint64
	Path   string // below the worker's directory
	Part   uint32
	Offset int64 // in the blocks of the partition
	Credit int64 // bytes to send before further Credit, counted as without a codec
	Ticket []byte
	Codec  uint8   // that Pieces may have, besides none
	Keys   []Range // none, or one: only the blocks that may have some of them
}

func (*Fetch) kind() Kind { return KindFetch }

// Validate checks what the types do not.
func (m *Fetch) Validate() error {
	return cmp.Or(texts(PathMax, m.Path), sizes(m.Offset, m.Credit),
		exact("ticket", m.Ticket, macLen), oneRange(m.Keys))
}

// Piece carries blocks of a partition, in order.
type Piece struct {
	Stream  uint64
	Offset  int64 // of Data, in the blocks of the partition
	Data    []byte
	Codec   uint8
	Bytes   int64 // of the whole partition
	Records int64 // in the whole partition
	Last    bool
	Kind    uint32 // not 0: the stream ends with a fanfold.Kind of error
	Error   string
}

func (*Piece) kind() Kind { return KindPiece }

// Validate checks what the types do not.
func (m *Piece) Validate() error {
	return cmp.Or(texts(TextMax, m.Error), sizes(m.Offset, m.Bytes, m.Records),
		must(m.Kind <= math.MaxUint16, "a number of a failure is out of range"))
}

// ticketLabel keeps tickets apart from what else is made with a key.
const ticketLabel = "fanfold 1 segment ticket"

// Ticket is the right to fetch one partition of all the outputs of a job's stage from one worker.
// The coordinator makes it, the worker makes it again: the key is what Welcome has given to that
// worker. The path is that of any of these outputs.
func Ticket(key []byte, path string, part uint32) []byte {
	stage, _, _ := strings.Cut(path, "-") // "job_.../map": job ids have no hyphen
	h := hmac.New(sha256.New, key)
	h.Write([]byte(ticketLabel))
	h.Write([]byte{0})
	h.Write([]byte(stage))
	h.Write([]byte{0})
	h.Write(binary.BigEndian.AppendUint32(nil, part))
	return h.Sum(nil)
}

// Grants reports whether a Fetch has the ticket for what it asks for. Nobody has one for a worker
// without a key. It compares in constant time.
func (m *Fetch) Grants(key []byte) bool {
	return len(key) == TokenLen && proven(m.Ticket, Ticket(key, m.Path, m.Part))
}
