package shuffle

import (
	"context"
	"io"

	"github.com/fanfold/fanfold"
)

// Final says what becomes of the records of a job's last stage.
type Final struct {
	Format fanfold.Format
	Sort   fanfold.Order // SortDefault is SortKey
	Top    int           // keep the first Top records; 0: all
	End    []byte        // behind each record of a text; nil: LF
	// Show is that of fanfold.Program.
	Show func(key, value []byte) (k, v []byte)

	Output string // folder of the output; "": a file in the attempt's directory, or inline
	Name   string // of the file below Output: unique to the attempt
}

// Writer is a file of an output folder: invisible before Commit, which makes it durable. Discard
// gives it up, and does nothing after Commit.
type Writer interface {
	io.Writer
	Commit() error
	Discard() error
}

// OutputConfig says what an Output makes of its records.
type OutputConfig struct {
	Final
	Render  bool // text; otherwise rows for a gather stage
	InOrder bool // records are promised to come in the order of their keys

	// Create starts the file of a rendered output that has a folder.
	Create func(ctx context.Context) (Writer, error)
}

// Output takes the records of a reduce, gather or map-only attempt, orders them, keeps the first
// Final.Top, and writes them as text or as a segment of one partition. Where an order is asked for
// that the records do not come in, they are sorted within the memory, and on disk beyond it. It is
// a fanfold.Sink, and not safe for concurrent use. Close it in any case.
type Output struct {
	dest    destination
	sorter  *buffer // nil: records come as they are to go
	byValue bool
	taken   int64 // records
	most    int64 // of them that are to be written; 0: all
	text    []byte
	key     []byte
	value   []byte
}

// destination is where ordered records go.
type destination interface {
	appender
	total() int64 // records so far
	finish() (fanfold.Output, error)
	discard()
}

// NewOutput starts an output. Config.Program and Config.Partitions are not looked at.
func NewOutput(c Config, oc OutputConfig) (*Output, error) {
	c.Program, c.Aggregator, c.Partitions = &fanfold.Program{}, nil, 1
	o := &Output{most: int64(oc.Top)}
	switch oc.Sort {
	case fanfold.SortNone:
	case fanfold.SortValue:
		o.byValue = oc.Render || oc.Top > 0 // else the gather stage sorts
	default:
		if !oc.InOrder {
			o.sorter = newBuffer(c, newMeter(c))
		}
	}
	if o.byValue {
		o.sorter = newBuffer(c, newMeter(c))
	}
	if o.sorter != nil && oc.Top > 0 {
		o.sorter.setLimit(oc.Top)
	}
	if !oc.Render {
		o.dest = newSegment(c)
		return o, nil
	}
	t, err := newText(c, oc)
	if err != nil {
		return nil, err
	}
	o.dest = t
	return o, nil
}

// Flush takes a batch. Numbers become decimal text.
func (o *Output) Flush(b *fanfold.Batch) error {
	for i := range b.Len {
		var value []byte
		value, o.text = batchValue(b, i, o.text)
		if err := o.Append(b.Key(i), value); err != nil {
			return err
		}
	}
	return nil
}

// Append takes a record and keeps no slice. A nil value is none.
func (o *Output) Append(key, value []byte) error {
	o.taken++
	switch {
	case o.sorter == nil:
		return o.deliver(key, value)
	case o.byValue:
		o.key, o.value = appendValueOrder(o.key[:0], o.value[:0], key, value)
		key, value = o.key, o.value
	}
	return o.sorter.append(0, key, value)
}

// deliver writes a record that is in its place.
func (o *Output) deliver(key, value []byte) error {
	if o.most > 0 && o.dest.total() == o.most {
		return nil
	}
	return o.dest.append(0, key, value)
}

// Finish writes what is left and ends the output. Output.File is relative to the attempt's
// directory, or to Final.Output when that is set.
func (o *Output) Finish() (fanfold.Output, error) {
	if o.sorter != nil {
		if err := o.drain(); err != nil {
			return fanfold.Output{}, err
		}
	}
	want := o.taken
	if o.most > 0 {
		want = min(want, o.most)
	}
	if err := counted(want, o.dest.total()); err != nil {
		return fanfold.Output{}, err
	}
	return o.dest.finish()
}

// drain moves the sorted records to their destination.
func (o *Output) drain() error {
	src, _, err := o.sorter.stream()
	if err != nil {
		return err
	}
	var r row
	for {
		more, err := src.next(&r)
		if err != nil || !more {
			return err
		}
		key, value := r.key, r.value
		if o.byValue {
			if key, value, err = undoValueOrder(key, value); err != nil {
				return err
			}
		}
		if err := o.deliver(key, value); err != nil {
			return err
		}
	}
}

// Spills is how often the memory was full.
func (o *Output) Spills() int {
	if o.sorter == nil {
		return 0
	}
	return o.sorter.runs.added
}

// Close frees memory and disk space, and removes the output unless Finish succeeded.
func (o *Output) Close() {
	if o.sorter != nil {
		o.sorter.close()
	}
	o.dest.discard()
}
