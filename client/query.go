package client

import (
	"context"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// Attach asks for the reply of a job that somebody submitted, running or ended. When ctx ends the
// reply ends; the job goes on.
func (c *Client) Attach(ctx context.Context, id fanfold.JobID) (*Reply, error) {
	r := newReply(c)
	r.attached = true
	return c.attach(ctx, r, protocol.Attach{Job: id[:], Credit: replyWindow})
}

// Wait waits for the end of a job, without its reply. The error is the job's, or that of asking.
func (c *Client) Wait(ctx context.Context, id fanfold.JobID) (Summary, error) {
	r := newReply(c)
	r.attached, r.waits = true, true
	if _, err := c.attach(ctx, r, protocol.Attach{Job: id[:], Wait: true}); err != nil {
		return Summary{Job: id}, err
	}
	return r.Wait()
}

func (c *Client) attach(ctx context.Context, r *Reply, m protocol.Attach) (*Reply, error) {
	var err error
	if r.number, err = c.start(r); err != nil {
		return nil, err
	}
	m.Request = r.number
	if err := c.send(&m); err != nil {
		c.drop(r.number)
		return nil, err
	}
	return r.begin(ctx)
}

// Cancel ends a job. It returns when the coordinator has taken the request.
func (c *Client) Cancel(ctx context.Context, id fanfold.JobID) error {
	return c.ask(ctx, func(request uint64) protocol.Body {
		return &protocol.Cancel{Request: request, Job: id[:]}
	}, nil)
}

// Jobs lists the jobs that the coordinator knows, the newest last.
func (c *Client) Jobs(ctx context.Context) (list []protocol.JobInfo, err error) {
	err = c.query(ctx, protocol.QueryJobs, nil, func(m *protocol.Answer) error {
		list = append(list, m.Jobs...)
		return nil
	})
	return list, err
}

// Job gives all that is known of one job.
func (c *Client) Job(ctx context.Context, id fanfold.JobID) (info protocol.JobInfo, err error) {
	err = c.query(ctx, protocol.QueryJob, id[:], func(m *protocol.Answer) error {
		for _, info = range m.Jobs {
			return nil
		}
		return fanfold.Errorf(fanfold.KindProtocol, "ask for job", "the answer has none")
	})
	return info, err
}

// Workers lists the workers.
func (c *Client) Workers(ctx context.Context) (list []protocol.WorkerInfo, err error) {
	err = c.query(ctx, protocol.QueryWorkers, nil, func(m *protocol.Answer) error {
		list = append(list, m.Workers...)
		return nil
	})
	return list, err
}

// Stats gives the coordinator's numbers, ordered by name.
func (c *Client) Stats(ctx context.Context) (list []protocol.Stat, err error) {
	err = c.query(ctx, protocol.QueryStats, nil, func(m *protocol.Answer) error {
		list = append(list, m.Stats...)
		return nil
	})
	return list, err
}

// Logs calls each with what the attempts of a job printed, a piece at a time; the pieces of one
// attempt come in their order. Its error ends the call.
func (c *Client) Logs(
	ctx context.Context, id fanfold.JobID, each func(protocol.LogPart) error,
) error {
	return c.query(ctx, protocol.QueryLogs, id[:], func(m *protocol.Answer) error {
		for _, part := range m.Logs {
			if err := each(part); err != nil {
				return err
			}
		}
		return nil
	})
}

// Drain makes the coordinator refuse new jobs, and returns when the running ones have ended.
func (c *Client) Drain(ctx context.Context) error {
	return c.query(ctx, protocol.QueryDrain, nil, nil)
}

// DrainWorker has a worker end what it has started and leave, and returns when it is gone. What it
// has made is served until nobody wants it any more.
func (c *Client) DrainWorker(ctx context.Context, name string) error {
	return c.ask(ctx, func(request uint64) protocol.Body {
		return &protocol.Query{Request: request, What: protocol.QueryDrainWorker, Worker: name}
	}, nil)
}

// Reload has the task processes replaced, slot by slot, and returns when their successors are
// there. Jobs go on meanwhile, and lose nothing.
func (c *Client) Reload(ctx context.Context) error {
	return c.query(ctx, protocol.QueryReload, nil, nil)
}

// query asks a question and hands the answers to each, if that is not nil.
func (c *Client) query(
	ctx context.Context, what uint32, job []byte, each func(*protocol.Answer) error,
) error {
	return c.ask(ctx, func(request uint64) protocol.Body {
		return &protocol.Query{Request: request, What: what, Job: job}
	}, each)
}
