package client

import (
	"context"
	"io"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// The limits of one Inputs message.
const (
	pathsMax     = 1000
	pathBytesMax = 256 << 10
)

// stdinName is the input that means Submission.Stdin.
const stdinName = "-"

// Submission is a job and what the coordinator must know to run it.
type Submission struct {
	Job   fanfold.Job
	Info  protocol.ProgramInfo
	Image []byte // SHA-256 of the binary that has the program; empty: the workers' own
	Path  string // where that binary is on this host
	// Stdin is the input named "-", which is added behind Job.Inputs when they do not name it. nil:
	// there is none. It is read by a goroutine until its end or the reply's. An error of it other
	// than io.EOF cancels the job and becomes the reply's.
	Stdin io.Reader
}

// Submit starts a job and returns when the coordinator has accepted it. Without a Stdin it has all
// inputs then; otherwise what is behind "-" is sent meanwhile. When ctx ends before the reply does,
// the job is cancelled.
func (c *Client) Submit(ctx context.Context, s Submission) (*Reply, error) {
	before, after, err := inputs(s)
	if err != nil {
		return nil, err
	}
	r := newReply(c)
	if s.Stdin != nil {
		r.upload = newUpload(s.Stdin, after)
	}
	if r.number, err = c.start(r); err != nil {
		return nil, err
	}
	m := protocol.Submit{
		Request: r.number, Job: protocol.FromJob(s.Job), Info: s.Info,
		Image: s.Image, Path: s.Path, Credit: replyWindow,
	}
	if err = c.send(&m); err == nil {
		err = c.sendPaths(ctx, r.number, before)
	}
	if err == nil && s.Stdin == nil {
		err = c.send(&protocol.InputEnd{Request: r.number})
	}
	if err != nil {
		c.drop(r.number)
		return nil, err
	}
	if r.upload != nil {
		r.upload.start(r)
	}
	return r.begin(ctx)
}

// inputs gives the paths before and after "-".
func inputs(s Submission) (before, after []string, err error) {
	paths := s.Job.Inputs
	i := slices.Index(paths, stdinName)
	switch {
	case i < 0:
		return paths, nil, nil
	case s.Stdin == nil:
		return nil, nil, fanfold.Errorf(fanfold.KindUsage, "submit job",
			"an input is %q, but there is nothing to read for it", stdinName)
	case slices.Contains(paths[i+1:], stdinName):
		return nil, nil, fanfold.Errorf(fanfold.KindUsage, "submit job",
			"the input %q is there twice", stdinName)
	}
	return paths[:i], paths[i+1:], nil
}

// sendPaths sends inputs by path, in messages of a limited size.
func (c *Client) sendPaths(ctx context.Context, request uint64, paths []string) error {
	for len(paths) > 0 {
		n, bytes := 0, 0
		for n < len(paths) && n < pathsMax && (n == 0 || bytes+len(paths[n]) <= pathBytesMax) {
			bytes += len(paths[n])
			n++
		}
		m := protocol.Inputs{Request: request, Paths: paths[:n]}
		if err := c.sendBulk(ctx, &m); err != nil {
			return err
		}
		paths = paths[n:]
	}
	return nil
}

// begin waits until the coordinator knows the job, or has refused it.
func (r *Reply) begin(ctx context.Context) (*Reply, error) {
	select {
	case <-r.accepted:
	case <-r.ended:
	case <-ctx.Done():
		r.giveUp(context.Cause(ctx))
		r.client.drop(r.number)
		return nil, fanfold.Errorf(fanfold.KindCancelled, "submit job", "%w", context.Cause(ctx))
	}
	r.mu.Lock()
	known := r.job != fanfold.JobID{}
	err := r.err
	r.mu.Unlock()
	if !known {
		return nil, err
	}
	r.watch(ctx)
	return r, nil
}
