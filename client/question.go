package client

import (
	"context"
	"sync"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// answersMax is how many bytes of logs may wait for a slow callback before the query fails: they
// come without credit, and must not hold up other requests.
const answersMax = 64 << 20

// question is a query under way: a queue between the reader and the asker.
type question struct {
	ready chan struct{} // capacity one: something has come; never closed

	mu      sync.Mutex // guards what follows
	answers []*protocol.Answer
	bytes   int // of logs in answers
	over    bool
	err     error
}

// ask sends what message makes, and hands the answers to each, if that is not nil.
func (c *Client) ask(
	ctx context.Context, message func(uint64) protocol.Body, each func(*protocol.Answer) error,
) error {
	q := &question{ready: make(chan struct{}, 1)}
	number, err := c.start(q)
	if err != nil {
		return err
	}
	defer c.drop(number)
	if err := c.send(message(number)); err != nil {
		return err
	}
	for {
		answers, over, err := q.next()
		for _, m := range answers {
			if each == nil {
				break
			}
			if err := each(m); err != nil {
				return err
			}
		}
		if over {
			return err
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return fanfold.Errorf(fanfold.KindCancelled, "ask coordinator", "%w", context.Cause(ctx))
		}
	}
}

// next takes what has come.
func (q *question) next() (answers []*protocol.Answer, over bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	answers, q.answers, q.bytes = q.answers, nil, 0
	return answers, q.over, q.err
}

// take handles a message for this question.
func (q *question) take(m protocol.Body) (last bool) {
	switch m := m.(type) {
	case *protocol.Answer:
		return q.add(m)
	case *protocol.Failure:
		q.fail(m.Err())
		return true
	}
	return false
}

func (q *question) add(m *protocol.Answer) (last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, part := range m.Logs {
		q.bytes += len(part.Data)
	}
	q.answers, q.over = append(q.answers, m), !m.More
	if q.bytes > answersMax {
		q.over = true
		q.err = fanfold.Errorf(fanfold.KindTooLarge, "read logs", "they come faster than they are read")
	}
	q.wake()
	return q.over
}

// fail ends the question without an answer.
func (q *question) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over, q.err = true, err
	q.wake()
}

func (q *question) wake() {
	select {
	case q.ready <- struct{}{}:
	default: // ask has a wake-up waiting
	}
}
