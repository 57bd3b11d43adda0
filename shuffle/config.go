package shuffle

import (
	"context"
	"errors"

	"github.com/cespare/xxhash/v2"

	"github.com/fanfold/fanfold"
)

// PartitionsMax is the largest number of partitions that a job may have.
const PartitionsMax = 1 << 16

// Config is what the parts of one attempt's data path share.
type Config struct {
	Task       *fanfold.Task      // its context ends the work, checked once a block
	Program    *fanfold.Program   // for Fold, Combine and Group
	Aggregator fanfold.Aggregator // of Program.Aggregate; nil: there is none
	Partitions int                // of the job: 1 to PartitionsMax
	Memory     int64              // bytes; below MemoryMin it is MemoryMin
	Dir        string             // exists; runs and outputs are written into it, never fsynced
	NoInline   bool               // an output goes to a file, however small it is
	Ranges     bool               // Partitions is 1, and reduces read ranges of its keys
	First      int                // a Collector without a fold keeps the first so many; 0: all

	// Progress is called with the bytes of the sources read so far, once a block; may be nil.
	Progress func(bytes int64)
}

// Partition is where a key belongs: XXH64 of its bytes, modulo the number of partitions.
func Partition(key []byte, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	return int(xxhash.Sum64(key) % uint64(partitions))
}

// folds reports whether values are folded in the table.
func (c *Config) folds() bool { return c.Program.Fold != fanfold.NoFold || c.Aggregator != nil }

// partition is where a record belongs.
func (c *Config) partition(key []byte) int {
	if c.Program.Group != nil {
		key = key[:c.Program.Group(key)]
	}
	return Partition(key, c.Partitions)
}

// meter counts what an attempt reads and stops it when it must stop.
type meter struct {
	ctx      context.Context
	progress func(bytes int64)
	bytes    int64 // of source blocks
	records  int64 // of sources
}

func newMeter(c Config) *meter {
	return &meter{ctx: c.Task.Context(), progress: c.Progress}
}

// block notes that n bytes of a source were read, or 0 that other work went on.
func (m *meter) block(n int) error {
	m.bytes += int64(n)
	if m.progress != nil {
		m.progress(m.bytes)
	}
	return Stopped(m.ctx)
}

// Stopped is why the work of a task must end: nil if it must not. The cause keeps its kind if it
// has one.
func Stopped(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if hasKind(cause) {
		return cause
	}
	return fanfold.Errorf(fanfold.KindCancelled, "run attempt", "%w", cause)
}

// hasKind reports whether an error says itself of which kind it is.
func hasKind(err error) bool {
	var known *fanfold.Error
	return errors.As(err, &known)
}
