//go:build linux

package main

import (
	"context"
	"slices"

	"github.com/fanfold/fanfold"
)

// fault is something that goes wrong while a job runs.
type fault struct {
	name string
	rows string   // of docs/reliability.md
	what string   // for people
	jobs []string // that it is for; nil: all

	severs bool     // the client loses its connection, and needs a reply that is kept
	early  bool     // it is for what comes later in the job
	alone  bool     // it leaves the cluster otherwise than it was
	root   bool     // namespaces or file systems are needed
	needs  settings // of the cluster
	adapt  func(*fanfold.Job)

	// before, if it is there, prepares the run, and says what is to be done behind it.
	before func(r *run) (after func(), err error)

	// strike does it, beside the job, and undoes what is to be undone. What it says, and whether it
	// happened, it tells the run.
	strike func(ctx context.Context, r *run) error
}

// faults are those that there are.
var faults = slices.Concat(processFaults, linkFaults, hostFaults, workerFaults)

// cannot says why the fault cannot be had here, or "".
func (f *fault) cannot() string {
	if f.root && !isRoot() {
		return "it needs root"
	}
	return ""
}

// fits gives the jobs that the fault is for; of those that were chosen, if there are any.
func (f *fault) fits(from []job) []job {
	if f.jobs == nil {
		return from
	}
	own := func(j job) bool { return !slices.Contains(f.jobs, j.name) }
	if fit := slices.DeleteFunc(slices.Clone(from), own); len(fit) > 0 {
		return fit
	}
	return slices.DeleteFunc(slices.Clone(jobs), own)
}
