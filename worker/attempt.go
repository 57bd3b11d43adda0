package worker

import (
	"context"
	"errors"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/shuffle"
)

// Why an attempt's context ended.
var (
	errStopped = errors.New("stopped")
	errTimeout = errors.New("out of time")
	errLeft    = errors.New("the connection of the task process ended")
)

// attempt is one execution of a task that this process was given.
type attempt struct {
	handle  uint64
	id      fanfold.AttemptID
	plan    *plan
	split   fanfold.Split
	sources []shuffle.Source
	limit   time.Duration // wall clock; 0: none
	cost    int           // its part of inbox.held
	filed   bool          // its output goes to a file, however small it is

	ctx  context.Context // set when it starts
	stop context.CancelCauseFunc
}

// final says what a last stage makes of its records.
func (a *attempt) final() shuffle.Final {
	job := &a.plan.job
	f := shuffle.Final{
		Format: job.Format, Sort: job.Sort, Top: job.Top, Output: job.Output,
		Show: a.plan.program.Show,
	}
	if a.plan.program.Records {
		if how, err := format.Of(job.Reading); err == nil { // else the mapper has failed
			f.End = []byte(how.Terminator)
		}
	}
	if f.Output != "" {
		f.Name = stagedName(a.id)
	}
	return f
}

// stagedName is what an attempt writes in a folder that the coordinator moves files of, below that.
func stagedName(id fanfold.AttemptID) string { return ".fanfold-" + id.Dir() }
