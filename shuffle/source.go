package shuffle

import (
	"errors"
	"fmt"
	"os"
)

// Source is one partition of one committed output: what a reduce or gather attempt reads. It lies
// in a segment file (Path), or came along as blocks (Inline), or is empty (neither).
type Source struct {
	Task    uint32    // of the stage before, which made the output
	Path    string    // absolute
	Part    int       // partition to read
	Extract bool      // Path is an Extract of it
	Keys    *KeyRange // to read of an output with marks; nil: it has none
	Inline  []byte    // blocks of that partition; not changed
	Records int64     // in all partitions of the output together
}

// ErrSource is the sentinel in the chain of every SourceError.
var ErrSource = errors.New("source cannot be read")

// SourceError says that a source is missing, unreadable or corrupt: its task must run again. Err
// is a *fanfold.Error, of KindCorrupt where bytes are not those that were written.
type SourceError struct {
	Task uint32 // of the stage before
	Err  error
}

// Error names the task and the cause.
func (e *SourceError) Error() string { return fmt.Sprintf("output of task %d: %v", e.Task, e.Err) }

// Unwrap gives the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// Is makes every SourceError match ErrSource.
func (e *SourceError) Is(target error) bool { return target == ErrSource }

// openSource opens a source and checks its index. Errors are SourceErrors.
func openSource(c Config, m *meter, s *Source) (*blockRows, error) {
	b := &blockRows{
		part: uint32(s.Part), onePart: true, sorted: true, isSource: true,
		block: blockBytes, meter: m, want: -1,
		fail: func(err error) error { return &SourceError{s.Task, err} }, keys: s.Keys,
	}
	if s.Path == "" {
		b.inline, b.end = s.Inline, int64(len(s.Inline))
		b.most = s.Records
		if c.Partitions == 1 && s.Keys == nil {
			b.want = s.Records
		}
		return b, nil
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, b.fail(diskError("open segment", err))
	}
	if err := b.seek(f, s); err != nil {
		_ = f.Close()
		return nil, b.fail(err)
	}
	return b, nil
}

// seek sets b to the blocks of a source that is a segment file.
func (b *blockRows) seek(f *os.File, s *Source) error {
	info, err := f.Stat()
	if err != nil {
		return diskError("open segment", err)
	}
	part := s.Part
	if s.Extract {
		part = 0
	}
	found, err := readIndex(f, info.Size(), part)
	if err != nil {
		return err
	}
	var marks partIndex
	if s.Keys != nil && !s.Extract {
		if marks, err = readIndex(f, info.Size(), marksPartition); err != nil {
			return err
		}
	}
	n := found.total - marks.records
	if s.Extract && (found.partitions > 1 || n > s.Records) || !s.Extract && n != s.Records {
		return corrupt("a segment of %d records where %d were written", n, s.Records)
	}
	b.src, b.closeFile = f, f.Close
	b.off, b.end = found.offset, found.offset+found.length
	b.want, b.most = found.records, found.records
	if s.Keys == nil {
		return nil
	}
	b.want = -1
	if s.Extract {
		return nil // it begins where the range does
	}
	return b.skipTo(f, marks, s.Keys.From)
}

// within is the rows of a source that are in its range.
func (b *blockRows) within() rows {
	if b.keys == nil {
		return b
	}
	return &rangeRows{blockRows: b}
}

// memory is how many bytes the source holds while it is read.
func (b *blockRows) memory() int64 {
	if b.src == nil {
		return 0
	}
	return min(b.end-b.off, blockBytes)
}
