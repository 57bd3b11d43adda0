package command

import (
	"time"

	"github.com/fanfold/fanfold"
)

// The limits of waiting for a command. A command that has ended is looked after in ticks: when this
// process was stopped meanwhile, one tick at most has passed without output.
const (
	tick     = 500 * time.Millisecond
	ticksMax = 10                     // without output, after the end, while others hold it open
	stopWait = 500 * time.Millisecond // from SIGTERM to SIGKILL
)

// spec is one command of a job.
type spec struct {
	role    string // mapper, combiner or reducer
	argv    []string
	command *fanfold.Command
	tick    time.Duration
}

// op names the command in messages.
func (s *spec) op() string { return s.role + " " + shorten(Quote(s.argv)) }

// mark is the variable that tells the processes of one run of the command from others: a mapper
// and a combiner of one attempt run at the same time.
func (s *spec) mark(t *fanfold.Task) string {
	return markVariable + "=" + t.ID.String() + "/" + s.role
}

// taker is what is done with a line of output, which is valid during the call.
type taker func(line []byte, emit *fanfold.Emitter) error
