package mapper

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/shuffle"
	"github.com/fanfold/fanfold/storage"
)

// inlineName is the input of records that came from the client.
const inlineName = "-"

// feeder hands the records of a split to user code.
type feeder struct {
	task    *fanfold.Task
	spec    *Spec
	result  *Result
	emit    *fanfold.Emitter
	format  *format.Format
	records format.Reader
	pick    format.Picker // of the input being read; nil: a record is a value
	key     []byte        // of every record, where pick gives none; nil: they have no key
	header  bool          // the next record is one
	pace    pace
	start   int64 // of the range being read, or of Inline: where an error of Close may come from
	mapper  fanfold.Mapper
	blocks  fanfold.BlockMapper // nil: mapper takes records
	closer  fanfold.Closer      // nil: it has none, or Close was called
	careful *careful            // nil: a record that is bad ends the attempt
}

// run makes the mapper, feeds it, and closes it.
func (f *feeder) run() error {
	m, err := f.spec.Program.Map(f.task)
	if err != nil {
		return userError("start mapper", "", -1, err)
	}
	f.use(m)
	f.pace.last = time.Now()
	defer func() {
		if c := f.closer; c != nil {
			_ = c.Close(nil)
		}
	}()
	if err := f.feed(); err != nil && err != errWindow { //nolint:errorlint // it is never wrapped
		return err
	}
	if f.careful != nil && f.careful.at != nil {
		f.careful.at(noRecord)
	}
	if c := f.closer; c != nil {
		f.closer = nil
		if err := c.Close(f.emit); err != nil {
			return userError("close mapper", f.task.Input(), f.start, err)
		}
	}
	f.emit.Flush()
	return f.emit.Err()
}

// use makes m the mapper. Blocks are for those that may fail as a whole.
func (f *feeder) use(m fanfold.Mapper) {
	f.mapper = m
	if f.format.Lines && f.careful == nil {
		f.blocks, _ = m.(fanfold.BlockMapper)
	}
	f.closer, _ = m.(fanfold.Closer)
}

func (f *feeder) feed() error {
	if err := shuffle.Stopped(f.task.Context()); err != nil {
		return err
	}
	if len(f.spec.Split.Ranges) == 0 {
		return f.feedInline()
	}
	for i := range f.spec.Split.Ranges {
		r := &f.spec.Split.Ranges[i]
		f.task.SetInput(r.Name)
		f.start = r.Offset
		if err := f.feedRange(r); err != nil {
			return err
		}
	}
	return nil
}

// feedInline feeds the client's own bytes.
func (f *feeder) feedInline() error {
	s := &f.spec.Split
	f.task.SetInput(inlineName)
	f.start = s.Offset
	if err := f.begin(inlineName, nil, s.First || s.Offset == 0); err != nil {
		return err
	}
	f.records.Reset(bytes.NewReader(s.Inline), s.Offset, format.NoEnd, int64(len(s.Inline)))
	return f.feedBlocks(inlineName, nil)
}

// begin prepares for the records of an input, or of a range of it that may be its first.
func (f *feeder) begin(name string, r *fanfold.Range, first bool) (err error) {
	f.key, f.header = nil, f.task.Reading.Header && first
	var names []byte
	if f.format.Named {
		if names, err = f.readHeader(r); err != nil {
			return err
		}
	}
	if f.pick, err = f.format.Picker(names); err != nil {
		return f.inputError(name, 0, err)
	}
	if f.format.Keyed && f.pick == nil {
		f.key = []byte(name)
	}
	return nil
}

// readHeader reads the first record of the input that a range is of.
func (f *feeder) readHeader(r *fanfold.Range) ([]byte, error) {
	if r == nil {
		return nil, fanfold.Errorf(fanfold.KindUsage, "read header",
			"columns by their names need inputs by their names: choose them by numbers")
	}
	file, _, err := f.spec.Storage.Open(f.task.Context(), r.Name, 0)
	if err != nil {
		return nil, f.inputError(r.Name, 0, err)
	}
	defer file.Close()
	text, err := storage.DecodeAt(r.Codec, file, 0, f.task.Reading.ExpandMax)
	if err != nil {
		return nil, f.inputError(r.Name, 0, err)
	}
	defer text.Close()
	head := format.Reader{Format: f.format, Limits: f.records.Limits}
	head.Limits.Block = headerBlock
	head.Reset(text, 0, format.NoEnd, -1)
	block, _, err := head.Next()
	if err != nil && err != io.EOF {
		return nil, f.inputError(r.Name, 0, err)
	}
	names, _ := f.format.Next(block)
	return names, nil
}

// headerBlock is how much is read at a time to find the end of a header, in bytes.
const headerBlock = 16 << 10

// feedRange feeds a range of a file that is the one the job was submitted with, and still is when
// the range was read.
func (f *feeder) feedRange(r *fanfold.Range) error {
	ctx := f.task.Context()
	if err := f.begin(r.Name, r, r.Offset == 0); err != nil {
		return err
	}
	from := r.Offset
	if r.Codec == fanfold.Plain && f.format.Cut == format.CutAnywhere && from > 0 {
		from-- // whether a record starts at Offset depends on the byte before it
	}
	file, info, err := f.spec.Storage.Open(ctx, r.Name, from)
	if err != nil {
		return f.inputError(r.Name, from, err)
	}
	defer file.Close()
	if changed(r, info) {
		return changedError(r.Name)
	}
	if r.Codec == fanfold.Plain {
		err = f.feedPlain(r, file, from)
	} else {
		err = f.feedCompressed(r, file)
	}
	if err != nil {
		return err
	}
	if info, err = f.spec.Storage.Stat(ctx, r.Name); err != nil {
		return f.inputError(r.Name, -1, err)
	}
	if changed(r, info) {
		return changedError(r.Name)
	}
	return nil
}

func (f *feeder) feedPlain(r *fanfold.Range, file io.Reader, from int64) error {
	if f.format.Cut != format.CutAnywhere { // the range has whole records
		f.records.Reset(io.LimitReader(file, r.Length), from, format.NoEnd, r.Length)
		return f.feedBlocks(r.Name, nil)
	}
	f.records.Reset(file, from, r.Offset+r.Length, r.Size-from)
	if from < r.Offset {
		if err := f.records.SkipRecord(); err != nil {
			return f.inputError(r.Name, f.records.Offset(), err)
		}
	}
	return f.feedBlocks(r.Name, nil)
}

// feedCompressed feeds a range of a compressed input. A part that comes before the range may end
// within a record, which it has then.
func (f *feeder) feedCompressed(r *fanfold.Range, file io.Reader) error {
	text := newDecoded(r, file, f.format.Delimiter, f.task.Reading.ExpandMax)
	defer text.Close()
	f.records.Reset(text, r.Decoded, format.NoEnd, -1)
	if r.Offset > 0 {
		if err := f.records.SkipRecord(); err != nil {
			return f.inputError(r.Name, f.records.Offset(), err)
		}
	}
	return f.feedBlocks(r.Name, text)
}

// feedBlocks feeds the blocks of one input. What counts as read is the blocks or, of a compressed
// input, what they were made of.
func (f *feeder) feedBlocks(name string, compressed *decoded) error {
	before := f.result.BytesIn
	for {
		block, offset, err := f.records.Next()
		if compressed != nil {
			f.result.BytesIn = before + compressed.read()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return f.inputError(name, f.records.Offset(), err)
		}
		if compressed == nil {
			f.result.BytesIn += int64(len(block))
		}
		if err := f.feedBlock(name, block, offset); err != nil {
			return err
		}
		if err := f.checkpoint(); err != nil {
			return err
		}
	}
}

// feedBlock calls user code.
func (f *feeder) feedBlock(name string, block []byte, offset int64) error {
	if f.blocks == nil {
		return f.feedRecords(name, block, offset)
	}
	f.result.In += int64(bytes.Count(block, []byte{'\n'}))
	if block[len(block)-1] != '\n' {
		f.result.In++
	}
	if err := f.blocks.MapBlock(block, offset, f.emit); err != nil {
		return userError("run mapper", name, offset, err)
	}
	return nil
}

// feedRecords feeds the records of a block, which is empty where an empty input is a record.
func (f *feeder) feedRecords(name string, block []byte, offset int64) error {
	for more := true; more; more = len(block) > 0 {
		value, rest := f.format.Next(block)
		if err := f.feedRecord(name, value[:len(value):len(value)], offset); err != nil {
			return err
		}
		if f.pace.due() {
			if err := f.checkpoint(); err != nil {
				return err
			}
		}
		offset += int64(len(block) - len(rest))
		block = rest
	}
	return nil
}

// feedRecord gives a record to the mapper, unless it is none.
func (f *feeder) feedRecord(name string, value []byte, offset int64) error {
	if f.format.SkipEmpty && len(value) == 0 {
		return nil
	}
	if f.header {
		f.header = false
		return nil
	}
	if f.careful != nil {
		return f.careful.feed(f, name, value, offset)
	}
	f.result.In++
	rec, err := f.record(name, value, offset)
	if err != nil {
		return err
	}
	if err := f.mapper.Map(rec, f.emit); err != nil {
		return userError("run mapper", name, offset, err)
	}
	return nil
}

// record makes a record of what stands in an input.
func (f *feeder) record(name string, value []byte, offset int64) (rec fanfold.Record, err error) {
	rec = fanfold.Record{Key: f.key, Value: value, Offset: offset}
	if f.pick == nil {
		return rec, nil
	}
	if rec.Key, rec.Value, err = f.pick(value); err != nil {
		err = fanfold.Errorf(fanfold.KindInput, "", "%s: the %s record at offset %d: %w",
			name, f.format.Name, offset, err)
		err = f.inputError(name, offset, err)
	}
	return rec, err
}

// checkpoint tells that the attempt makes progress, and stops it when it must stop.
func (f *feeder) checkpoint() error {
	if f.spec.Progress != nil {
		f.spec.Progress(f.result.BytesIn)
	}
	if err := f.emit.Err(); err != nil {
		return err
	}
	return shuffle.Stopped(f.task.Context())
}

// changed reports whether an input is another than the job was submitted with.
func changed(r *fanfold.Range, now storage.Info) bool {
	then := storage.Info{Size: r.Size, ModTime: r.ModTime, Tag: r.Tag}
	return !now.Same(then)
}

func changedError(name string) error {
	err := fanfold.Errorf(fanfold.KindInput, "read input", "%s: changed while the job ran", name)
	err.Input = name
	return err
}

// inputError says where reading went wrong. It keeps the kind of an error that has one.
func (f *feeder) inputError(name string, offset int64, err error) error {
	if stopped := shuffle.Stopped(f.task.Context()); stopped != nil {
		return stopped
	}
	kind := fanfold.KindInput
	var known *fanfold.Error
	switch {
	case errors.Is(err, format.ErrLong):
		kind = fanfold.KindTooLarge
		err = fmt.Errorf("%s: the %s at offset %d is longer than %d bytes",
			name, f.recordWord(), offset, f.records.Limits.Record)
	case errors.As(err, &known):
		kind = known.Kind
	}
	return &fanfold.Error{Op: "read input", Kind: kind, Input: name, Offset: offset, Err: err}
}

// recordWord is what people call a record.
func (f *feeder) recordWord() string {
	if f.format.Lines {
		return "line"
	}
	return "record"
}

// userError is an error that user code returned. It keeps what the error says of itself.
func userError(op, input string, offset int64, err error) error {
	e := fanfold.UserError(op, err)
	if e.Input == "" {
		e.Input, e.Offset = input, offset
	}
	return e
}
