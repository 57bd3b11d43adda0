package shuffle

import (
	"context"
	"hash/crc32"

	"github.com/fanfold/fanfold"
)

// textBytes is how much rendered text is written at a time.
const textBytes = 256 << 10

// text renders records: to a file of the output folder, or to one in the attempt's directory, or
// inline while it is small.
type text struct {
	ctx     context.Context
	json    bool
	end     []byte                                // of a record
	show    func(key, value []byte) (k, v []byte) // nil: records are shown as they are
	buf     []byte
	crc     uint32
	records int64

	out    outFile
	inline bool

	writer Writer // nil: out is used
	name   string // of what writer writes
	bytes  int64  // written to writer
}

func newText(c Config, oc OutputConfig) (*text, error) {
	t := &text{
		ctx:    c.Task.Context(),
		json:   oc.Format == fanfold.FormatJSON,
		out:    outFile{dir: c.Dir},
		inline: !c.NoInline,
		name:   oc.Name,
		end:    oc.End,
		show:   oc.Show,
	}
	if t.end == nil {
		t.end = []byte{'\n'}
	}
	if oc.Output == "" {
		return t, nil
	}
	w, err := oc.Create(t.ctx)
	if err != nil {
		return nil, outputError("create output", err)
	}
	t.writer = w
	return t, nil
}

// append renders a record.
func (t *text) append(_ uint32, key, value []byte) error {
	if t.show != nil {
		key, value = t.show(key, value)
	}
	if t.json {
		t.buf = appendJSON(t.buf, key, value)
	} else {
		t.buf = append(t.buf, key...)
		if value != nil {
			t.buf = append(append(t.buf, '\t'), value...)
		}
		t.buf = append(t.buf, t.end...)
	}
	t.records++
	if len(t.buf) >= textBytes {
		return t.flush()
	}
	return nil
}

func (t *text) total() int64 { return t.records }

// flush writes what was rendered.
func (t *text) flush() error {
	if err := Stopped(t.ctx); err != nil {
		return err
	}
	t.crc = crc32.Update(t.crc, castagnoli, t.buf)
	err := t.write()
	t.buf = t.buf[:0]
	if cap(t.buf) > 4*textBytes {
		t.buf = nil
	}
	return err
}

func (t *text) write() error {
	if t.writer != nil {
		t.bytes += int64(len(t.buf))
		if _, err := t.writer.Write(t.buf); err != nil {
			return outputError("write output", err)
		}
		return nil
	}
	t.inline = t.inline && t.out.bytes+int64(len(t.buf)) <= fanfold.InlinePartMax
	if !t.inline && len(t.buf) > 0 {
		if err := t.out.toFile(); err != nil {
			return err
		}
	}
	_, err := t.out.Write(t.buf)
	return err
}

// finish ends the output.
func (t *text) finish() (fanfold.Output, error) {
	if err := t.flush(); err != nil {
		return fanfold.Output{}, err
	}
	o := fanfold.Output{CRC: t.crc, Records: t.records}
	switch {
	case t.writer != nil:
		o.File, o.Bytes = t.name, t.bytes
		if err := t.writer.Commit(); err != nil {
			return fanfold.Output{}, outputError("commit output", err)
		}
		t.writer = nil
		return o, nil
	case t.out.file != nil:
		o.File, o.Bytes = outputName, t.out.bytes
		return o, t.out.finish()
	case len(t.out.mem) > 0:
		o.Inline = [][]byte{t.out.mem}
	}
	return o, nil
}

// discard removes an unfinished output.
func (t *text) discard() {
	t.out.discard()
	if t.writer != nil {
		_ = t.writer.Discard()
		t.writer = nil
	}
}

// outputError is an error of the output folder. It keeps the kind of one that has one.
func outputError(op string, err error) error {
	if hasKind(err) {
		return err
	}
	return fanfold.Errorf(fanfold.KindOutput, op, "%w", err)
}
