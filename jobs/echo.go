package jobs

import (
	"context"

	"github.com/fanfold/fanfold"
)

// Echo answers each task with its own bytes, or with the first so many of them. It is the smallest
// handler, and what `bench dispatch` measures the system with.
func Echo() fanfold.Program {
	return fanfold.Program{
		Name: "echo",
		Doc:  "answer each task with its own bytes",
		Params: []fanfold.Param{
			{Name: "bytes", Default: "-1", Doc: "answer with the first so many bytes; -1: with all"},
		},
		Handle: func(t *fanfold.Task) (fanfold.Handler, error) {
			n, err := t.Int("bytes", -1)
			return echo{n}, err
		},
	}
}

// echo is the handler.
type echo struct {
	bytes int // most that is answered; below zero: all
}

// Handle writes the task's own bytes.
func (e echo) Handle(_ context.Context, in []byte, reply *fanfold.Reply) error {
	if e.bytes >= 0 {
		in = in[:min(e.bytes, len(in))]
	}
	_, err := reply.Write(in)
	return err
}
