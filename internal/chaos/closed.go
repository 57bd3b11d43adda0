//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// closedJob is a job whose inputs are a file.
type closedJob struct {
	spec           fanfold.Job
	bytes, records int64 // of its input
	check          func(output []byte) error
	files          bool
	dial           dialer
	reply          *client.Reply // the first
	looker         *looker       // at the output folder

	ended   chan struct{} // closed when what follows is valid
	got     []byte
	summary client.Summary
	redials int
	err     error
}

func (j *closedJob) start(ctx context.Context, dial dialer) error {
	j.dial = dial
	conn, reply, err := j.submit(ctx)
	if err != nil {
		return err
	}
	j.reply = reply
	if j.files {
		j.looker = look(j.spec.Output)
	}
	go func() {
		defer close(j.ended)
		j.follow(ctx, conn, reply)
		if j.looker != nil {
			j.looker.stop()
		}
	}()
	return nil
}

func (j *closedJob) id() fanfold.JobID      { return j.reply.Job() }
func (j *closedJob) done() <-chan struct{}  { return j.ended }
func (j *closedJob) slowest() time.Duration { return 0 }
func (j *closedJob) again() int             { return j.redials }

// submit submits the job, for the first time or again, over a connection of its own.
func (j *closedJob) submit(ctx context.Context) (*client.Client, *client.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := j.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	// A reply ends with its context.
	reply, err := conn.Submit(context.WithoutCancel(ctx), client.Submission{Job: j.spec})
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, reply, nil
}

// follow reads the reply to its end, over as many connections as it takes.
func (j *closedJob) follow(ctx context.Context, conn *client.Client, reply *client.Reply) {
	for {
		if reply != nil {
			j.got, _ = io.ReadAll(reply) // Wait has the error
			j.summary, j.err = reply.Wait()
			_ = conn.Close() // it may be broken
		}
		if !touchLost(j.err) || j.redials == redialsMax || ctx.Err() != nil {
			return
		}
		j.redials++
		_ = rest(ctx, redialPause)
		conn, reply, j.err = j.submit(ctx)
		if j.err == nil && reply.Job() != j.reply.Job() {
			j.err = fmt.Errorf("I3: submitted again as %s it is job %s", j.spec.ID, reply.Job())
		}
	}
}

func (j *closedJob) await(ctx context.Context) error {
	select {
	case <-j.ended:
	case <-ctx.Done():
		return fmt.Errorf("I8: the job does not end: %w", context.Cause(ctx))
	}
	if j.err != nil {
		return fmt.Errorf("the job: %w", j.err)
	}
	defer j.remove()
	return errors.Join(j.checkCounters(), j.checkOutput(), j.checkAgain(ctx))
}

// remove takes away the files of a job.
func (j *closedJob) remove() {
	_ = os.Remove(j.spec.Inputs[0]) // the cluster's folder goes later, and says what is wrong
	if j.files {
		_ = os.RemoveAll(j.spec.Output)
	}
}

// checkOutput compares what came of the job with what the oracle says.
func (j *closedJob) checkOutput() error {
	if !j.files {
		return j.check(j.got)
	}
	got, err := j.looker.check(j.spec.Reducers)
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(got, []byte("\n"))
	slices.SortFunc(lines, bytes.Compare)
	return j.check(slices.Concat(lines...))
}

// checkCounters holds that what was read is counted once.
func (j *closedJob) checkCounters() (err error) {
	for name, want := range map[string]int64{"map_records_in": j.records, "map_bytes_in": j.bytes} {
		i := slices.IndexFunc(j.summary.Counters, func(c protocol.Counter) bool { return c.Name == name })
		if i < 0 || j.summary.Counters[i].N != want {
			err = errors.Join(err, fmt.Errorf("I5: want %d for %s: %+v", want, name, j.summary.Counters))
		}
	}
	return err
}

// checkAgain holds that the reply is the same whenever it is asked for.
func (j *closedJob) checkAgain(ctx context.Context) (err error) {
	if !j.spec.Detach || j.files {
		return nil // the reply is gone, or it is the folder
	}
	conn, err := j.dial(ctx)
	if err != nil {
		return fmt.Errorf("I4: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	reply, err := conn.Attach(ctx, j.id())
	if err != nil {
		return fmt.Errorf("I4: %w", err)
	}
	got, err := io.ReadAll(reply)
	if err != nil || !bytes.Equal(got, j.got) {
		return fmt.Errorf("I4: asked again for %d bytes, got %d: %w", len(j.got), len(got), err)
	}
	return nil
}
