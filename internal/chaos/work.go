//go:build linux

package main

import (
	"context"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// work is the job of a run.
type work interface {
	// start submits the job over a connection that dial makes; it is dialled again when it is lost.
	start(ctx context.Context, dial dialer) error
	id() fanfold.JobID
	// done is closed when the job has ended.
	done() <-chan struct{}
	// await waits for the end, and says what is wrong with what came of the job.
	await(ctx context.Context) error
	// slowest is how long the slowest task took to be answered, whatever happened to it; 0: the job
	// does not tell.
	slowest() time.Duration
	// again is how often the job was connected to again.
	again() int
}

// dialer connects to a coordinator.
type dialer func(ctx context.Context) (*client.Client, error)

// How often a client comes back, and after which time.
const (
	redialsMax  = 50
	redialPause = 20 * time.Millisecond
)

// touchLost reports whether an error is that of a connection, and not of a job.
func touchLost(err error) bool {
	switch fanfold.KindOf(err) {
	case fanfold.KindUnreachable, fanfold.KindProtocol, fanfold.KindDenied:
		return true
	}
	return false
}
