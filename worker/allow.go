package worker

import (
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/fanfold/fanfold"
)

// Allow says what jobs may have run on a worker, besides the programs of the worker's own binary:
// commands, and binaries of their own. The zero Allow is nothing.
type Allow struct {
	Any   bool     `json:"any,omitempty"`
	Paths []string `json:"paths,omitempty"` // of files, absolute and clean
}

// AllowAny allows everything: for a worker whose jobs are its own user's.
var AllowAny = Allow{Any: true}

// check refuses what may not run. A name without a slash is looked up as it is when it is run.
func (a *Allow) check(program string) error {
	if a.Any {
		return nil
	}
	path := program
	if found, err := exec.LookPath(program); err == nil {
		path = found
	}
	if filepath.IsAbs(path) && slices.Contains(a.Paths, filepath.Clean(path)) {
		return nil
	}
	e := fanfold.Errorf(fanfold.KindDenied, "start program", "this worker does not run %s", program)
	e.Hint = "the worker's --allow-exec says what it runs"
	return e
}

// commands checks all commands of a job.
func (a *Allow) commands(c *fanfold.Command) error {
	for _, argv := range [][]string{c.Mapper, c.Combiner, c.Reducer} {
		if len(argv) == 0 {
			continue
		}
		if err := a.check(argv[0]); err != nil {
			return err
		}
	}
	return nil
}
