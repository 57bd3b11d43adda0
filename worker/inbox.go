package worker

import (
	"cmp"
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
	queueMax    = 4096      // attempts and calls that have not started
	materialMax = 1<<31 - 1 // bytes of input, sources and payloads of those: 512 calls of PayloadMax
	sourceCost  = 96        // bytes that a source counts for, besides what it carries inline
)

// material is what comes before an Assign: the bytes of an inline split, and sources; or before the
// last Call of a reduce.
type material struct {
	plan    *plan // of a Call
	inline  []byte
	sources []shuffle.Source
	cost    int
}

// inbox stands between the hand that reads, which fills it, and the one that has the baton, which
// runs what it holds.
type inbox struct {
	epoch    time.Time // when it was made
	dir      string    // the worker's
	allow    Allow
	programs map[string]*fanfold.Program

	mu       sync.Mutex           // guards what follows
	plans    map[uint64]*plan     // who reads alone changes it
	material map[uint64]*material // by the attempt's handle
	held     int                  // bytes of material, and of calls that have not started
	arena    arena                // the bytes of calls
	queue    queue                // not started, in order
	running  *attempt             // or nil
	hands    []*hand              // all there are
	spare    *hand                // one that has ended, or nil
	baton    bool                 // a hand has it: it alone runs user code
	reading  bool                 // a hand reads
	busy     int64                // when the baton was taken, as now has it
	over     bool                 // the process is to end
	outputs  map[uint64]output    // of succeeded attempts, until their Verdict
	retired  bool                 // nothing starts any more
	closing  []*plan              // open jobs that were forgotten, whose handlers are to be closed
	waiting  int                  // calls that wait for others
	resuming []*hand              // that want to go on, in order
	asked    map[uint64]*asked    // the calls of calls that have not ended, by tag
	tags     uint64               // the last tag given
	draining bool                 // it is to retire when no call waits for another
}

// output is what a succeeded attempt has left, and what it has read.
type output struct {
	plan     *plan
	dir      string   // absolute; "": it has left no file
	extracts []string // of other hosts' outputs: of no more use once it is committed
}

func byName(programs []fanfold.Program) map[string]*fanfold.Program {
	m := make(map[string]*fanfold.Program, len(programs))
	for i := range programs {
		m[programs[i].Name] = &programs[i]
	}
	return m
}

func newInbox(dir string, programs []fanfold.Program, allow Allow) *inbox {
	in := &inbox{
		epoch:    time.Now(),
		dir:      dir,
		allow:    allow,
		programs: byName(programs),
		plans:    map[uint64]*plan{},
		material: map[uint64]*material{},
		outputs:  map[uint64]output{},
		asked:    map[uint64]*asked{},
	}
	return in
}

func (in *inbox) brief(b *protocol.Brief) error {
	p, err := newPlan(b, in.programs, &in.allow)
	if err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if old := in.plans[b.Job]; old != nil && old.open != nil {
		return fmt.Errorf("brief: open job %d has one", b.Job)
	}
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
		if !filepath.IsLocal(m.Path) || m.Dir != "" && !filepath.IsAbs(m.Dir) {
			return fmt.Errorf("source: path %q leaves the worker's directory %q", m.Path, m.Dir)
		}
		s.Path, s.Extract = filepath.Join(cmp.Or(m.Dir, in.dir), m.Path), m.Extract
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
	case p == nil || p.open != nil:
		return false, fmt.Errorf("assign: no brief of closed job %d", m.Job)
	case in.queue.n >= queueMax:
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
	if p.ranges && m.Stage == uint8(fanfold.StageReduce) {
		keys := &shuffle.KeyRange{From: slices.Clone(m.From), Below: slices.Clone(m.Below)}
		for i := range w.sources {
			w.sources[i].Keys = keys
		}
	}
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
	in.queue.push(&call{attempt: a})
	return true, nil
}

// finished says that the running attempt has ended. With a dir it has left an output there. It and
// the extracts that it has read are kept until the Verdict; false means that its job is forgotten
// and nobody wants them.
func (in *inbox) finished(a *attempt, dir string) bool {
	a.stop(nil)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.running = nil
	o := output{plan: a.plan, dir: dir}
	for i := range a.sources {
		if a.sources[i].Extract {
			o.extracts = append(o.extracts, a.sources[i].Path)
		}
	}
	if dir == "" && o.extracts == nil {
		return true
	}
	if in.plans[a.plan.handle] != a.plan {
		return false
	}
	in.outputs[a.handle] = o
	return true
}

// taken says what takeBack has found.
type taken uint8

const (
	takenNothing taken = iota
	takenAttempt       // of a closed job
	takenCall          // of an open job
)

// stop ends a running attempt, or takes a waiting one out of the queue and says what it was.
func (in *inbox) stop(handle uint64) taken {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.running != nil && in.running.handle == handle {
		in.running.stop(errStopped)
		return takenNothing
	}
	for _, h := range in.hands {
		for i := range h.calls {
			if h.calls[i].is(handle) {
				h.calls[i].stopped = true
				h.ctx.stop(errStopped)
				return takenNothing
			}
		}
	}
	return in.takeBack(handle)
}

// revoke takes a waiting attempt out of the queue, and says what it was.
func (in *inbox) revoke(handle uint64) taken {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.takeBack(handle)
}

// takeBack is for stop and revoke; in.mu is held.
func (in *inbox) takeBack(handle uint64) taken {
	i := in.queue.find(handle)
	if i < 0 {
		w := in.material[handle]
		if w == nil || w.plan == nil {
			return takenNothing
		}
		delete(in.material, handle) // a reduce without its last Call
		in.held -= w.cost
		return takenCall
	}
	c := in.queue.take(i)
	in.held -= c.cost()
	in.arena.drop(c.buf)
	if c.attempt != nil {
		return takenAttempt
	}
	return takenCall
}

// verdict takes the output of an attempt out of the inbox, and gives what is to be removed.
func (in *inbox) verdict(m *protocol.Verdict) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	o := in.outputs[m.Attempt]
	delete(in.outputs, m.Attempt)
	if m.Committed {
		return o.extracts
	}
	return []string{o.dir}
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
	if p.open != nil {
		in.forgetOpen(p)
		return nil
	}
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

// retire stops everything from starting and gives what was waiting.
func (in *inbox) retire() (waiting []call) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.retired, in.over = true, true
	for in.queue.n > 0 {
		waiting = append(waiting, in.queue.take(0))
	}
	return waiting
}
