package worker

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle"
)

// What a coordinator may make a task process hold; above it the connection ends.
const (
	queueMax    = 4096    // attempts that have not started
	materialMax = 1 << 30 // bytes of input and sources of attempts that have not started
	sourceCost  = 96      // bytes that a source counts for, besides what it carries inline
)

// material is what comes before an Assign: the bytes of an inline split, and sources.
type material struct {
	inline  []byte
	sources []shuffle.Source
	cost    int
}

// inbox stands between the reader, which fills it, and the executor, which runs what it holds.
type inbox struct {
	dir      string // the worker's
	programs map[string]*fanfold.Program
	wake     chan struct{} // capacity one: the queue is not empty; never closed

	mu       sync.Mutex // guards what follows
	plans    map[uint64]*plan
	material map[uint64]*material // by the attempt's handle
	held     int                  // bytes of material of attempts that have not started
	queue    []*attempt           // not started, in order
	running  *attempt             // or nil
	outputs  map[uint64]output    // of succeeded attempts, until their Verdict
	retired  bool                 // nothing starts any more
}

// output is the directory of a succeeded attempt.
type output struct {
	plan *plan
	dir  string // absolute
}

func newInbox(dir string, programs []fanfold.Program) *inbox {
	in := &inbox{
		dir:      dir,
		programs: make(map[string]*fanfold.Program, len(programs)),
		wake:     make(chan struct{}, 1),
		plans:    map[uint64]*plan{},
		material: map[uint64]*material{},
		outputs:  map[uint64]output{},
	}
	for i := range programs {
		in.programs[programs[i].Name] = &programs[i]
	}
	return in
}

func (in *inbox) brief(b *protocol.Brief) error {
	p, err := newPlan(b, in.programs)
	if err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.plans[b.Job] = p
	return nil
}

// input takes a piece of an inline split; the data is copied.
func (in *inbox) input(m *protocol.Input) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	w, err := in.materialOf(m.Stream, len(m.Data))
	if err == nil {
		w.inline = append(w.inline, m.Data...)
	}
	return err
}

// source takes a source of a reduce or gather attempt; what it carries inline is copied.
func (in *inbox) source(m *protocol.Source) error {
	s := shuffle.Source{
		Task:    m.Task,
		Part:    int(m.Part),
		Inline:  slices.Clone(m.Inline),
		Records: m.Records,
	}
	if m.Path != "" {
		if !filepath.IsLocal(m.Path) {
			return fmt.Errorf("source: path %q leaves the worker's directory", m.Path)
		}
		s.Path = filepath.Join(in.dir, m.Path)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	w, err := in.materialOf(m.Attempt, sourceCost+len(m.Inline))
	if err == nil {
		w.sources = append(w.sources, s)
	}
	return err
}

// materialOf finds where to put so many bytes for an attempt; in.mu is held.
func (in *inbox) materialOf(handle uint64, cost int) (*material, error) {
	if in.held+cost > materialMax {
		return nil, fmt.Errorf("over %d bytes of input for attempts that have not started", materialMax)
	}
	w := in.material[handle]
	if w == nil {
		w = &material{}
		in.material[handle] = w
	}
	w.cost += cost
	in.held += cost
	return w, nil
}

// assign queues an attempt; false means that nothing starts any more and it is to be returned.
func (in *inbox) assign(m *protocol.Assign) (bool, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	w := in.material[m.Attempt]
	delete(in.material, m.Attempt)
	if w == nil {
		w = &material{}
	}
	if in.retired {
		in.held -= w.cost
		return false, nil
	}
	p := in.plans[m.Job]
	switch {
	case p == nil:
		return false, fmt.Errorf("assign: no brief of job %d", m.Job)
	case len(in.queue) >= queueMax:
		return false, fmt.Errorf("assign: over %d attempts that have not started", queueMax)
	case len(w.sources) != int(m.Sources):
		return false, fmt.Errorf("assign: %d sources announced, %d came", m.Sources, len(w.sources))
	}
	var split fanfold.Split // reduce and gather attempts have none
	if len(m.Split) > 0 {
		var err error
		if split, err = protocol.ParseSplit(m.Split); err != nil {
			return false, fmt.Errorf("assign: %w", err)
		}
	}
	split.Inline = w.inline
	a := &attempt{
		handle: m.Attempt,
		id: fanfold.AttemptID{
			Job: p.id, Stage: fanfold.Stage(m.Stage), Task: fanfold.TaskID(m.Task),
			Attempt: m.Number, Epoch: fanfold.Epoch(m.Epoch),
		},
		plan:    p,
		split:   split,
		sources: w.sources,
		limit:   time.Duration(m.Millis) * time.Millisecond,
		cost:    w.cost,
		filed:   m.NoInline,
	}
	in.queue = append(in.queue, a)
	select {
	case in.wake <- struct{}{}:
	default: // the executor has a wake-up waiting
	}
	return true, nil
}

// next waits for an attempt and makes it the running one; nil when ctx has ended. The caller ends
// its context by finished.
func (in *inbox) next(ctx context.Context) *attempt {
	for {
		if a := in.start(ctx); a != nil {
			return a
		}
		select {
		case <-in.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func (in *inbox) start(ctx context.Context) *attempt {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.queue) == 0 || ctx.Err() != nil {
		return nil
	}
	a := in.queue[0]
	in.queue = slices.Delete(in.queue, 0, 1)
	in.held -= a.cost
	in.running = a
	a.ctx, a.stop = context.WithCancelCause(ctx)
	return a
}

// finished says that the running attempt has ended. With a dir it has left an output there, which
// is kept until the Verdict; false means that its job is forgotten and nobody wants it.
func (in *inbox) finished(a *attempt, dir string) bool {
	a.stop(nil)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.running = nil
	if dir == "" {
		return true
	}
	if in.plans[a.plan.handle] != a.plan {
		return false
	}
	in.outputs[a.handle] = output{a.plan, dir}
	return true
}

// stop ends the running attempt, or takes a waiting one out of the queue: then it returns true.
func (in *inbox) stop(handle uint64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.running != nil && in.running.handle == handle {
		in.running.stop(errStopped)
		return false
	}
	return in.takeBack(handle)
}

// revoke takes a waiting attempt out of the queue; false when it is not there (any more).
func (in *inbox) revoke(handle uint64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.takeBack(handle)
}

// takeBack is for stop and revoke; in.mu is held.
func (in *inbox) takeBack(handle uint64) bool {
	i := slices.IndexFunc(in.queue, func(a *attempt) bool { return a.handle == handle })
	if i < 0 {
		return false
	}
	in.held -= in.queue[i].cost
	in.queue = slices.Delete(in.queue, i, i+1)
	return true
}

// verdict takes the output of an attempt out of the inbox: the directory that is to be removed.
func (in *inbox) verdict(m *protocol.Verdict) (dir string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	o := in.outputs[m.Attempt]
	delete(in.outputs, m.Attempt)
	if m.Committed {
		return ""
	}
	return o.dir
}

// forget drops a job and gives the directories that are to be removed.
func (in *inbox) forget(job uint64) (dirs []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	p := in.plans[job]
	if p == nil {
		return nil
	}
	delete(in.plans, job)
	if in.running != nil && in.running.plan == p {
		in.running.stop(errStopped)
	}
	for handle, o := range in.outputs {
		if o.plan == p {
			delete(in.outputs, handle)
			dirs = append(dirs, o.dir)
		}
	}
	return dirs
}

// retire stops everything from starting and gives the attempts that were waiting.
func (in *inbox) retire() []*attempt {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.retired = true
	waiting := in.queue
	in.queue = nil
	return waiting
}
