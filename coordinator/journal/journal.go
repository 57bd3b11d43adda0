// Package journal keeps events in an order that outlives the process that made them.
//
// The coordinator appends the events of durable jobs before it performs their effects, and replays
// them when it starts. The one idea: a record is opaque bytes with a sequence number, so that a
// journal knows nothing of the scheduler and the scheduler nothing of files. Memory is the twin of
// the durable drivers; all of them pass the suite of package journaltest.
package journal

import (
	"context"
	"errors"
	"iter"
)

// RecordBytesMax is the largest Data of a record.
const RecordBytesMax = 1 << 20

// Errors that drivers return wrapped. After any other error of Append the state of the journal is
// unknown: the process must end and let recovery decide.
var (
	ErrOrder    = errors.New("sequence number is not above the last one")
	ErrTooLarge = errors.New("record is over its limit")
	ErrClosed   = errors.New("journal is closed")
)

// Record is one event. Sequence numbers rise, from 1, and may leave gaps.
type Record struct {
	Seq  uint64
	Data []byte
}

// Journal is an ordered, append-only store of records. Append and Close are for one goroutine at a
// time; Replay may run beside them and sees the records that were appended before it was called.
type Journal interface {
	// Append adds records behind the last one and returns when they are durable, all or none of
	// them: a batch with a wrong record adds nothing. The records may be reused after the call.
	Append(ctx context.Context, records []Record) error

	// Replay ranges over all records in order. Data is valid until the next record. A record that
	// cannot be read gives its error, once, and ends the sequence.
	Replay(ctx context.Context) iter.Seq2[Record, error]

	// Close releases the journal. Every later call returns ErrClosed.
	Close() error
}

// Check reports what is wrong with a batch that is to follow the sequence number last. Drivers call
// it first in Append.
func Check(last uint64, records []Record) error {
	for i := range records {
		switch r := &records[i]; {
		case r.Seq <= last:
			return ErrOrder
		case len(r.Data) > RecordBytesMax:
			return ErrTooLarge
		}
		last = records[i].Seq
	}
	return nil
}
