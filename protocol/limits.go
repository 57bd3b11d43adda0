package protocol

import "time"

// The versions that this package speaks. History: 1, the first.
const (
	VersionMin = 1
	VersionMax = 1
)

// The limits of frames, in bytes behind the length, by class and by state of the connection.
const (
	HandshakeMax = 4 << 10 // any frame before Welcome
	ControlMax   = 1 << 20 // a frame that starts with a control message
	BulkMax      = 4 << 20 // a frame that starts with a bulk message
)

// BlockMax is how many bytes bulk senders should put into one message: such frames pass through
// buffers that both sides keep. More is allowed, up to BulkMax, and costs allocations.
const BlockMax = 128 << 10

// InputWindow is how many bytes of a request's Input a client may send before the first Credit for
// them, so that short inputs wait for nothing.
const InputWindow = 256 << 10

// TaskCost is what a Task, a Reply or a Partial costs of credit besides its Data and Key, in bytes.
const TaskCost = 64

// The limits of what is in a frame.
const (
	DepthMax    = 16      // arrays in arrays, the message itself counted
	ElementsMax = 1 << 16 // values in a frame, arrays counted too
	fieldsMax   = 14      // fields of a message: with its kind it fits a fixarray
)

// A message may take decodedRatio times its own length in memory, and decodedFree bytes more.
const (
	decodedRatio = 8
	decodedFree  = 1 << 20 // a Done of ReducersMax empty parts
)

// The limits of the outbound queue, and of waiting for it.
const (
	QueueMax     = 1 << 20          // bytes queued, above which bulk is refused; see Conn.Send
	WriteTimeout = 10 * time.Second // for writeMax bytes; see Conn.SetWriteTimeout

	frameCut  = 32 << 10  // bytes of a frame that several messages share
	writeMax  = 256 << 10 // bytes of one write call
	directMax = 64 << 10  // bytes that a Flush writes itself
	keepMax   = 256 << 10 // bytes of a buffer that is kept although it is not in use
)

// The limits of reading.
const (
	readMin     = 4 << 10  // bytes of the first read buffer
	readMax     = 64 << 10 // bytes that one read call asks for
	messagesMax = 8 << 10  // length of a batch's index that is kept
	greetingMax = 256      // bytes of the line that the server starts with
)

// The sizes of what is fixed.
const (
	NonceLen = 32
	TokenLen = 32
	macLen   = 32
	jobLen   = 16
	imageLen = 32
)

// The limits of fields. Those of texts are bytes.
const (
	NameMax     = 64       // of a job
	labelMax    = 256      // of a program, a worker, a host, a kind of thing
	labelsMax   = 512      // of all labels of a worker: its Hello fits HandshakeMax
	PathMax     = 4 << 10  // of an input, an output, a binary
	TextMax     = 64 << 10 // of a message, the tail of a log, a command's argument
	SlotsMax    = 1024     // of a worker: its Hello fits HandshakeMax
	ParamsMax   = 1024     // parameters, arguments and environment entries, each
	ReducersMax = 1 << 15
	CountersMax = 4096
	KeyMax      = 1024 // of a Task
	ShardsMax   = 4096 // of an open job

	TaskPriorityMax = 8 // of a Task: 1 is the first
	prioritiesMax   = 7 // of a job: 0 is the first
)
