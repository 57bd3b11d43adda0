package worker

import (
	"fmt"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/command"
)

// plan is a job as a task process sees it. What open points to changes, the rest does not.
type plan struct {
	handle     uint64 // that the coordinator uses for the job
	id         fanfold.JobID
	job        fanfold.Job
	program    *fanfold.Program
	err        error         // why the job cannot run here: each of its attempts fails with it
	partitions int           // tasks of the reduce stage; 0: there is none
	ranges     bool          // partitions are ranges of keys
	last       fanfold.Stage // the stage that writes the output
	open       *openJob      // nil: the job is closed
}

// newPlan makes the plan of a Brief; the error breaks the protocol.
func newPlan(
	b *protocol.Brief, programs map[string]*fanfold.Program, allow *Allow,
) (*plan, error) {
	p := &plan{
		handle:     b.Job,
		job:        b.Spec.Job(),
		partitions: int(b.Partitions),
		ranges:     b.Ranges,
		last:       fanfold.Stage(b.Stages),
	}
	if copy(p.id[:], b.ID) != len(p.id) {
		return nil, fmt.Errorf("brief: job id of %d bytes", len(b.ID))
	}
	if p.last < fanfold.StageMap || p.last > fanfold.StageGather {
		return nil, fmt.Errorf("brief: last stage %d", b.Stages)
	}
	if len(b.Open) > 0 {
		p.open = newOpenJob(b)
	}
	if p.program, p.err = find(&p.job, programs, allow); p.err == nil {
		p.err = p.fits()
	}
	return p, nil
}

// fits checks that the program is one for such a job.
func (p *plan) fits() error {
	switch {
	case p.open != nil && p.program.Handle == nil:
		return fanfold.Errorf(fanfold.KindUsage, "find program",
			"%s has no handler: it takes inputs, not tasks", p.job.Program)
	case p.open == nil && p.program.Map == nil:
		return fanfold.Errorf(fanfold.KindUsage, "find program",
			"%s has no mapper: it takes tasks, not inputs", p.job.Program)
	}
	return nil
}

// passes reports whether the output has a record for each one that was emitted, in the order of the
// keys.
func (p *plan) passes() bool {
	q := p.program
	folds := q.Fold != fanfold.NoFold || q.Aggregate != nil
	return !folds && q.Reduce == nil && p.job.Sort != fanfold.SortValue
}

// find gives the program that a job names.
func find(
	job *fanfold.Job, programs map[string]*fanfold.Program, allow *Allow,
) (*fanfold.Program, error) {
	if job.Program == fanfold.CommandProgram && job.Command != nil {
		if err := allow.commands(job.Command); err != nil {
			return nil, err
		}
		p, err := command.Program(*job.Command)
		return &p, err
	}
	if p := programs[job.Program]; p != nil {
		return p, nil
	}
	return nil, fanfold.Errorf(fanfold.KindUnknown, "find program",
		"%q is not in this task process", job.Program)
}
