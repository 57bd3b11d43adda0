package command

import (
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/sortkey"
)

// ordered takes lines that are to come to the reducer in an order within their key. What it emits
// has the key and, behind it, the sort keys of a line as its key, and the line as its value.
type ordered struct {
	fields *fields
	order  sortkey.Keys
	key    []byte // scratch
	line   []byte // scratch
}

// take takes a line of a mapper.
func (o *ordered) take(line []byte, emit *fanfold.Emitter) error {
	key, _ := o.fields.cut(line)
	o.key = o.order.Append(fanfold.AppendKeyText(o.key[:0], key), line)
	emit.Emit(o.key, line)
	return nil
}

// put takes the key and the value of a record, as the line that they are to the reducer.
func (o *ordered) put(key, value []byte, emit *fanfold.Emitter) error {
	o.line = o.fields.appendLine(o.line[:0], key, value)
	return o.take(o.line[:len(o.line)-len(lf)], emit)
}
