package worker

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle/transfer"
)

const (
	pullsMax     = 1 << 20 // sources that attempts of an agent wait for
	pullsAtATime = 8       // of an attempt
	pullBeat     = time.Second
)

// pulls are what attempts on an agent's slots wait for that is on other hosts.
type pulls struct {
	agent *Agent

	mu   sync.Mutex       // guards what follows
	open map[uint64]*pull // by attempt
	held int              // sources in all of them
}

// pull is what one attempt waits for.
type pull struct {
	attempt uint64
	sources []protocol.Pull
	cancel  context.CancelFunc // set when it runs

	began  time.Time
	bytes  atomic.Int64 // that have come
	beaten atomic.Int64 // when the coordinator was told last, in nanoseconds since it began; 0: never
}

// errNoSegments is the failure of an agent that was made without Segments.
var errNoSegments = fanfold.Errorf(fanfold.KindUnsupported, "fetch segment",
	"this worker fetches nothing from others")

// lostSource says which task's output cannot be had.
type lostSource struct {
	task uint32
	err  error
}

func (e *lostSource) Error() string { return fmt.Sprintf("output of task %d: %v", e.task, e.err) }

// take adds a source, and gives the pull when that was its last.
func (p *pulls) take(m *protocol.Pull) (*pull, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == pullsMax {
		return nil, fmt.Errorf("pull: over %d sources", pullsMax)
	}
	one := p.open[m.Attempt]
	switch {
	case one == nil:
		one = &pull{attempt: m.Attempt, began: time.Now()}
		p.open[m.Attempt] = one
	case one.cancel != nil:
		return nil, fmt.Errorf("pull: attempt %d had its last", m.Attempt)
	}
	one.sources = append(one.sources, *m)
	p.held++
	if !m.Last {
		return nil, nil
	}
	return one, nil
}

// stop ends a pull; without one it does nothing.
func (p *pulls) stop(attempt uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.open[attempt]
	if one == nil {
		return
	}
	if one.cancel != nil {
		one.cancel()
	}
	p.drop(one)
}

// drop forgets a pull. p.mu is held.
func (p *pulls) drop(one *pull) {
	if p.open[one.attempt] == one {
		delete(p.open, one.attempt)
		p.held -= len(one.sources)
	}
}

// start runs a pull that is complete, on a goroutine of group.
func (p *pulls) start(ctx context.Context, group *sync.WaitGroup, one *pull) {
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	one.cancel = cancel
	p.mu.Unlock()
	group.Go(func() {
		defer cancel()
		err := p.fetch(ctx, one)
		p.mu.Lock()
		current := p.open[one.attempt] == one
		p.drop(one)
		p.mu.Unlock()
		p.agent.log.Debug("fetched segments", "attempt", one.attempt, "sources", len(one.sources),
			"bytes", one.bytes.Load(), "error", err)
		if current && ctx.Err() == nil {
			p.agent.report(answer(one.attempt, err))
		} else {
			p.tidy(one)
		}
	})
}

// tidy removes the folders of a pull that was stopped, if nothing is in them: the job may have been
// forgotten before they were made.
func (p *pulls) tidy(one *pull) {
	for i := range one.sources {
		for dir := path.Dir(one.sources[i].To); dir != "."; dir = path.Dir(dir) {
			_ = p.agent.files.Remove(dir)
		}
	}
}

// fetch fetches all sources, and gives up at the first that cannot be had.
func (p *pulls) fetch(ctx context.Context, one *pull) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(pullsAtATime)
	// Different partitions begin with different sources, so that not all ask the same worker.
	first := int(one.sources[0].Part) % len(one.sources)
	for i := range one.sources {
		m := &one.sources[(first+i)%len(one.sources)]
		all.Go(func() error {
			if err := p.fetchOne(ctx, one, m); err != nil {
				return &lostSource{m.Task, err}
			}
			return nil
		})
	}
	return all.Wait()
}

func (p *pulls) fetchOne(ctx context.Context, one *pull, m *protocol.Pull) error {
	if p.agent.segments == nil {
		return errNoSegments
	}
	return p.agent.segments.fetcher.Fetch(ctx, transfer.Source{
		Address: m.Address, Worker: m.Worker, Path: m.Path, Part: m.Part, Ticket: m.Ticket,
		Keys: m.Keys, To: m.To, Progress: func(n int64) { p.beat(one, n) },
	})
}

// beat tells the coordinator every now and then that something comes.
func (p *pulls) beat(one *pull, n int64) {
	bytes := one.bytes.Add(n)
	now, last := int64(time.Since(one.began)), one.beaten.Load()
	if last > 0 && now-last < int64(pullBeat) || !one.beaten.CompareAndSwap(last, max(now, 1)) {
		return
	}
	status := fmt.Sprintf("fetched %d bytes", bytes)
	p.agent.report(&protocol.Beat{Attempt: one.attempt, Status: status})
}

// answer is what the coordinator is told in the end.
func answer(attempt uint64, err error) *protocol.Pulled {
	m := &protocol.Pulled{Attempt: attempt}
	if err == nil {
		return m
	}
	lost := err.(*lostSource) //nolint:errorlint,forcetypeassert // fetch gives no other
	m.Failure = []protocol.Failure{protocol.FromError(lost.err)}
	m.Lost, m.Here = lost.task, transfer.IsLocal(lost.err) || errors.Is(lost.err, errNoSegments)
	return m
}
