// Package reducer runs one reduce attempt, which merges its partition of all map outputs and hands
// the groups to the user's reducer, and one gather attempt, which makes a single reply of the
// outputs of the stage before. A task process uses it.
//
// The one idea needed to read it: nothing is held. Keys and values stream from the sources through
// user code into the output, so that one key may have most of the records.
//
// Memory: half of Spec.Memory goes to the blocks of the sources and half to sorting the output;
// shuffle says what comes on top. An output is sorted where its order is not known to be right:
// that of a fold, of an identity reduce and of a gather by key is.
package reducer

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/shuffle"
	"github.com/fanfold/fanfold/storage"
)

// ErrSource is in the chain of an error whose cause is a source: Result.LostTask names its task.
var ErrSource = shuffle.ErrSource

// Spec describes one reduce or gather attempt.
type Spec struct {
	Program   *fanfold.Program // with neither Reduce nor Fold, records pass a reduce unchanged
	Partition int
	Sources   []shuffle.Source // in the order of their tasks
	Memory    int64            // bytes; see shuffle.Config

	// Dir is the attempt's directory: it exists, and outputs lie in it.
	Dir string

	// Last says that the output is rendered as Final says. Otherwise it is a segment of one
	// partition for a gather stage: sorted and cut as Final says where that saves the gather
	// work, so that Gather must be given the same Final.
	Last  bool
	Final shuffle.Final

	NoInline bool // outputs go to files, however small they are
	Storage  *storage.Mux
	Progress func(bytesIn int64) // called once a block with Result.BytesIn so far; may be nil
}

// Result is what a reduce or gather attempt leaves behind. In and BytesIn are right after errors of
// user code, too.
type Result struct {
	Output   fanfold.Output // File is relative to Spec.Dir, or to Final.Output when that is set
	In       int64          // records read from the sources
	BytesIn  int64          // bytes read from the sources
	Spills   int            // times that the buffers were written to disk
	LostTask uint32         // with ErrSource: the task whose output cannot be read
}

// Run runs the program's reducer, or its fold, over one partition. A reducer is made and closed
// even when the partition is empty. Run returns early when the task's context ends, with the cause.
// A panic of user code passes through; nothing is left on disk then, nor after an error.
func Run(t *fanfold.Task, s Spec) (Result, error) {
	c := s.config(t)
	if make := s.Program.Aggregate; make != nil {
		var err error
		if c.Aggregator, err = make(t); err != nil {
			return Result{}, fanfold.UserError("start aggregator", err)
		}
	}
	in, err := shuffle.Merge(c, s.Sources)
	if err != nil {
		return result(in, nil, err)
	}
	defer in.Close()
	folds := s.Program.Fold != fanfold.NoFold || c.Aggregator != nil
	user := !folds && s.Program.Reduce != nil
	out, err := s.output(c, !user)
	if err != nil {
		return result(in, nil, err)
	}
	defer out.Close()
	switch {
	case folds:
		err = in.Fold(out)
	case user:
		err = reduce(t, s.Program, in.Groups(), out)
	default:
		err = in.Copy(out)
	}
	return result(in, out, err)
}

// Gather renders one output of those of the stage before: merged by key, sorted by value, or one
// after the other, and cut to the first Top records.
func Gather(t *fanfold.Task, s Spec) (Result, error) {
	s.Last = true
	c := s.config(t)
	c.Program, c.Partitions = &fanfold.Program{}, 1
	byKey := s.Final.Sort != fanfold.SortValue && s.Final.Sort != fanfold.SortNone
	open := shuffle.Concat
	if byKey {
		open = shuffle.Merge
	}
	in, err := open(c, s.Sources)
	if err != nil {
		return result(in, nil, err)
	}
	defer in.Close()
	out, err := s.output(c, byKey)
	if err != nil {
		return result(in, nil, err)
	}
	defer out.Close()
	return result(in, out, in.Copy(out))
}

func (s *Spec) config(t *fanfold.Task) shuffle.Config {
	return shuffle.Config{
		Task: t, Program: s.Program, Partitions: t.Reducers,
		Memory: s.Memory / 2, Dir: s.Dir, NoInline: s.NoInline, Progress: s.Progress,
	}
}

func (s *Spec) output(c shuffle.Config, inOrder bool) (*shuffle.Output, error) {
	return shuffle.NewOutput(c, shuffle.OutputConfig{
		Final: s.Final, Render: s.Last, InOrder: inOrder, Create: s.create,
	})
}

// result finishes the output unless there was an error, and fills in a Result. out may be nil.
func result(in *shuffle.Input, out *shuffle.Output, err error) (Result, error) {
	var r Result
	if err == nil {
		r.Output, err = out.Finish()
	}
	if in != nil {
		r.In, r.BytesIn, r.Spills = in.Records(), in.Bytes(), in.Spills()
	}
	if out != nil {
		r.Spills += out.Spills()
	}
	var lost *shuffle.SourceError
	if errors.As(err, &lost) {
		r.LostTask = lost.Task
	}
	return r, err
}

// reduce runs the user's reducer.
func reduce(t *fanfold.Task, p *fanfold.Program, g *shuffle.Groups, out *shuffle.Output) error {
	reducer, err := p.Reduce(t)
	if err != nil {
		return fanfold.UserError("start reducer", err)
	}
	closer, _ := reducer.(fanfold.Closer)
	defer func() {
		if closer != nil {
			_ = closer.Close(nil)
		}
	}()
	emit := fanfold.NewEmitter(out)
	for g.Next() {
		if err := reducer.Reduce(g.Key(), g.Values(), emit); err != nil {
			return reduceError(g, err)
		}
		if err := emit.Err(); err != nil {
			return err
		}
	}
	if err := g.Err(); err != nil {
		return err
	}
	if c := closer; c != nil {
		closer = nil
		if err := c.Close(emit); err != nil {
			return fanfold.UserError("close reducer", err)
		}
	}
	emit.Flush()
	return emit.Err()
}

// keyQuoteMax is how many bytes of a key an error repeats.
const keyQuoteMax = 64

// reduceError is an error of Reduce, unless it only passed on that the values ended too early.
func reduceError(g *shuffle.Groups, err error) error {
	if g.Err() != nil {
		return g.Err()
	}
	key := g.Key()
	quoted := strconv.Quote(string(key[:min(len(key), keyQuoteMax)]))
	return fanfold.UserError("run reducer", fmt.Errorf("key %s: %w", quoted, err))
}

// create starts the file of the output folder.
func (s *Spec) create(ctx context.Context) (shuffle.Writer, error) {
	return storage.CreateOutput(ctx, s.Storage, s.Final.Output, s.Final.Name)
}
