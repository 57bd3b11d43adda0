package fanfold

import (
	"context"
	"io"
	"strings"
)

// Task is what user code may know of the attempt it runs in. It is valid until the attempt ends,
// and its methods are for the attempt's goroutine only.
type Task struct {
	ID       AttemptID
	Program  string
	Params   map[string]string   // `-p key=value`; keys without a value have ""
	Dir      string              // a scratch directory of mode 0700, removed after the attempt
	Log      io.Writer           // the attempt's log; standard output and error end there too
	Reducers int                 // partitions of the job
	Command  *Command            // what CommandProgram runs; nil for other programs
	Reading  Reading             // how the inputs of the job become records
	Notify   func(status string) // for the system: SetStatus calls it, because a status is progress

	ctx      context.Context
	input    string
	status   string
	counters map[string]int64
}

// NewTask is for the system and for tests of programs: it gives t a context that ends when the
// attempt must stop, and makes it ready for use.
func NewTask(ctx context.Context, t Task) *Task {
	t.ctx, t.counters = ctx, map[string]int64{}
	return &t
}

// Context ends when the attempt is cancelled or has run out of time.
func (t *Task) Context() context.Context { return t.ctx }

// Input is the name of the input being read, as the job named it; "-" for the client's own bytes,
// "" outside a map task.
func (t *Task) Input() string { return t.input }

// SetInput is for the system: it names the input of the records that follow.
func (t *Task) SetInput(name string) { t.input = name }

// Param is the value of a parameter, or otherwise when the job does not set it.
func (t *Task) Param(name, otherwise string) string {
	if v, ok := t.Params[name]; ok {
		return v
	}
	return otherwise
}

// Count adds n to a counter of the job. Only committed attempts count, so the job's total is exact.
// Group and name may be any text without '\x00'; by convention group names the program.
func (t *Task) Count(group, name string, n int64) {
	t.counters[strings.ReplaceAll(group, "\x00", "")+"\x00"+name] += n
}

// Counters is for the system: the counts so far, keyed by group, NUL and name.
func (t *Task) Counters() map[string]int64 { return t.counters }

// SetStatus sets a short text that is shown where the attempt is. It counts as progress.
func (t *Task) SetStatus(text string) {
	t.status = text
	if t.Notify != nil {
		t.Notify(text)
	}
}

// Status is the text last set.
func (t *Task) Status() string { return t.status }
