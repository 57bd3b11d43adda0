// Package mapper runs one map attempt: it reads the split, hands its records to the user's mapper,
// and leaves what that emits as an output for the reduce stage or, in a map-only job, as the
// result. A task process uses it.
//
// The one idea needed to read it: a range of a file owns the lines whose first byte lies in it. So
// splits need not know where lines end, and every line is read exactly once.
//
// Memory: shuffle takes Spec.Memory; on top of it come a block of 1 MiB, or twice the longest line
// if that is more, and the state of a decompressor.
package mapper

import (
	"context"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/shuffle"
	"github.com/fanfold/fanfold/storage"
)

// Spec describes one map attempt.
type Spec struct {
	Program    *fanfold.Program
	Split      fanfold.Split
	Partitions int   // of the reduce stage that follows; 0: this is the last stage
	Unsorted   bool  // Partitions is 1, and the records stay in the order they are emitted in
	Ranges     bool  // Partitions is 1, and reduces read ranges of its keys
	First      int   // Partitions is 1, and the first so many records are enough; 0: all are needed
	Memory     int64 // bytes; see shuffle.Config

	// Dir is the attempt's directory: it exists, and outputs lie in it.
	Dir string

	// Final is looked at in the last stage and when Unsorted: Sort, which is SortNone where it
	// does not say, and Top apply to the records of this attempt.
	Final shuffle.Final

	// Skipped is the file of Storage that takes what the attempt skips, if it skips anything; "":
	// there is none.
	Skipped string
	// Scout finds bad records in another process, which they may kill; nil: there is none.
	Scout func(from int64, found func(Bad)) error

	NoInline bool // outputs go to files, however small they are
	Storage  *storage.Mux
	Progress func(bytesIn int64) // called once a block with Result.BytesIn so far; may be nil
}

// Result is what a map attempt leaves behind. In and BytesIn are right after errors, too.
type Result struct {
	Output  fanfold.Output // File is relative to Spec.Dir, or to Final.Output when that is set
	In      int64          // records read
	BytesIn int64          // bytes of input read, before decompression
	Spills  int            // times that the buffers were written to disk
	Skipped int64          // records that were skipped, and are not in In
	Sample  error          // what was wrong with the first of them
}

// sink is what a map attempt emits into.
type sink interface {
	fanfold.Sink
	Finish() (fanfold.Output, error)
	Spills() int
	Close()
}

// Run runs the program's mapper over the split. It returns early when the task's context ends, with
// the cause. A panic of user code passes through; nothing is left on disk then, nor after an error.
// A job that skips bad records repeats what it must: see careful.
func Run(t *fanfold.Task, s Spec) (Result, error) {
	how, err := format.Of(t.Reading)
	if err != nil {
		return Result{}, err
	}
	if t.Reading.SkipBad > 0 {
		return runCareful(t, &s, how)
	}
	return run(t, &s, how, nil)
}

func run(t *fanfold.Task, s *Spec, how *format.Format, c *careful) (r Result, err error) {
	out, err := s.sink(t)
	if err != nil {
		return r, err
	}
	defer out.Close()
	f := feeder{
		task: t, spec: s, result: &r, emit: fanfold.NewEmitter(out), format: how, careful: c,
		records: format.Reader{Format: how, Limits: format.DefaultLimits},
	}
	if err := f.run(); err != nil {
		return r, err
	}
	r.Output, err = out.Finish()
	r.Spills = out.Spills()
	return r, err
}

func (s *Spec) sink(t *fanfold.Task) (sink, error) {
	c := shuffle.Config{
		Task: t, Program: s.Program, Partitions: s.Partitions,
		Memory: s.Memory, Dir: s.Dir, NoInline: s.NoInline, Ranges: s.Ranges, First: s.First,
	}
	if make := s.Program.Aggregate; make != nil {
		var err error
		if c.Aggregator, err = make(t); err != nil {
			return nil, fanfold.UserError("start aggregator", err)
		}
	}
	if s.Partitions > 0 && !s.Unsorted {
		return shuffle.NewCollector(c), nil
	}
	final := s.Final
	if final.Sort == fanfold.SortDefault {
		final.Sort = fanfold.SortNone
	}
	return shuffle.NewOutput(c, shuffle.OutputConfig{
		Final:  final,
		Render: s.Partitions == 0,
		Create: s.create,
	})
}

// create starts the file of the output folder.
func (s *Spec) create(ctx context.Context) (shuffle.Writer, error) {
	return storage.CreateOutput(ctx, s.Storage, s.Final.Output, s.Final.Name)
}
