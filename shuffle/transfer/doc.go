// Package transfer moves segments between hosts: a Server on the worker that made them, a Fetcher
// on the one whose tasks read them. The agents of workers use it; task processes see only files.
//
// The one idea needed to read it: a byte is worth nothing before the checksum of its block is
// right. The Fetcher checks blocks as they come (shuffle.Extract), writes them down, and after any
// fault, a broken connection, a silent peer or a wrong checksum, goes on behind the last block that
// was right. What makes no progress for triesMax tries is given up, and the task that made the
// segment runs again.
//
// Streams are under credit: the Server sends no more than the Fetcher has room for, and the Fetcher
// gives credit for what it has written to its disk. So a slow disk or network slows its own
// streams down and holds no memory. protocol/doc_transfer.go specifies the messages.
package transfer

import "time"

// The limits of both sides.
const (
	// DefaultStall is how long a connection with something under way may be silent.
	DefaultStall = 10 * time.Second

	handshakeTime = 5 * time.Second
	idleTime      = 30 * time.Second // a connection without streams is closed by who made it
)

// The limits of a Fetcher.
const (
	fetchesMax = 16      // at a time
	perPeerMax = 4       // of them from one worker
	windowMax  = 1 << 20 // bytes of a stream under way
	triesMax   = 4       // in a row without a block that is right
	roundsMax  = 64      // in all, so that a peer that gives a block a time ends too
	pauseMin   = 100 * time.Millisecond
	pauseMax   = 2 * time.Second
)

// The limits of a Server.
const (
	sessionsMax   = 1024      // connections
	handshakesMax = 128       // of them that have not proved who they are: one more ends the oldest
	streamsMax    = 64        // of a connection
	queueMax      = 512 << 10 // bytes in its outbound queue, above which streams wait
)
