package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/process"
)

// logEndWait is how long the answer to a query for one attempt waits for the rest of its log, which
// may still be in the pipe when the attempt's result has arrived.
const logEndWait = 100 * time.Millisecond

// log answers a query for logs.
func (c *controller) log(ctx context.Context, q *protocol.LogQuery) error {
	var id fanfold.JobID
	if q.Attempt == "" && copy(id[:], q.Job) != len(id) {
		return fmt.Errorf("query logs: job id of %d bytes", len(q.Job))
	}
	if !c.start(func() { c.sendLogs(ctx, q, id.String()) }) {
		_ = c.agent.control.Send(&protocol.Log{Stream: q.Stream, Last: true})
	}
	return nil
}

// sendLogs sends the logs that q asks for, and at the end the last message in any case.
func (c *controller) sendLogs(ctx context.Context, q *protocol.LogQuery, job string) {
	attempts := []string{q.Attempt}
	if q.Attempt == "" {
		attempts = c.agent.logs.Attempts(job)
	} else {
		wait, cancel := context.WithTimeout(ctx, logEndWait)
		_ = c.agent.logs.WaitEnd(wait, q.Attempt) // what there is by then is the answer
		cancel()
	}
	for _, attempt := range attempts {
		if c.sendLog(ctx, q.Stream, c.agent.logs.Log(attempt, int(q.Tail))) != nil {
			break // the connection is gone
		}
	}
	_ = c.agent.control.Send(&protocol.Log{Stream: q.Stream, Last: true})
	c.agent.control.Flush()
}

// sendLog sends one log in pieces. The piece behind the cut says how much was cut.
func (c *controller) sendLog(ctx context.Context, stream uint64, log process.Log) error {
	conn := c.agent.control
	cut := max(0, len(log.Data)-process.LogTailMax)
	for from := 0; from < len(log.Data); {
		to := min(from+protocol.BlockMax, len(log.Data))
		part := protocol.LogPart{Attempt: log.Attempt, Worker: c.agent.cfg.Name}
		switch {
		case from == cut:
			part.Dropped = log.Dropped
		case from < cut:
			to = min(to, cut)
		}
		part.Data = log.Data[from:to]
		from = to
		if err := conn.WaitQueued(ctx, streamQueueMax); err != nil {
			return err
		}
		if err := conn.Send(&protocol.Log{Stream: stream, Parts: []protocol.LogPart{part}}); err != nil {
			return err
		}
		conn.Flush()
	}
	return nil
}
