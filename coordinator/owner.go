package coordinator

import (
	"context"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
	"github.com/hashicorp/go-hclog"
)

// turnMax is how many batches and posts the owner takes before it flushes, if there are always
// more.
const turnMax = 256

// inlineMax is up to how many messages of a batch its reader takes itself, if the owner rests: that
// saves what it takes to wake the owner. Of more, the reader had better read on meanwhile.
const inlineMax = 16

// owner holds all state of a Server. Whoever has its turn may touch it: the goroutine that run is,
// for all that is posted, or a reader, for a batch of its own that is short.
type owner struct {
	turn  sync.Mutex // guards all of it
	timer *time.Timer
	due   scheduler.Time // when timer fires; 0: it has fired

	srv *Server
	cfg *Config
	log hclog.Logger
	ctx context.Context // ends with the Server: of the goroutines that the owner starts

	start     time.Time      // origin of now
	clock     scheduler.Time // of the batch that is being taken; 0: none is
	serial    uint64         // last number given to a stream, a job or a slot
	working   int            // goroutines started by async that have not posted back
	closing   bool           // all ends
	broken    bool           // the journal is: what waits for it will never be done
	closed    bool           // nothing is left to be done: no goroutine is started any more
	draining  bool
	reloading *reload        // nil: no reload is under way
	drained   []func()       // called when no job is left
	tidied    scheduler.Time // when tidy was called last

	state     *scheduler.State
	steps     scheduler.Out
	queue     []scheduler.Command // for Step, in order
	busy      bool                // Step or its effects are under way
	reporter  *peer               // whose Done or Return is being stepped
	returning *protocol.Return    // that is being stepped, or nil
	ledger    ledger

	peers   map[uint64]*peer
	touched []*peer // to be flushed at the end of the turn

	workers    map[fanfold.WorkerID]*worker
	byName     map[string]*worker
	lastWorker fanfold.WorkerID
	images     images
	opening    map[uint64]*slot                // by the tag of their OpenSlot
	slots      []*slot                         // by the index of their SlotID
	streams    map[uint64]any                  // awaited from workers: *reading, *tail or *logging
	split      []byte                          // scratch for Assign.Split
	past       struct{ done, failures uint64 } // attempts on workers that are gone
	dropped    uint64                          // messages of peers that were cut off before

	tenants  map[string]*tenant
	jobs     map[fanfold.JobID]*job // all that are known
	listed   []*job                 // the same, as they were submitted
	opened   map[uint64]*job        // by the tag of their OpenJob
	running  map[scheduler.JobID]*job
	byKey    map[idempotency]*job
	writes   map[string]*job // those that have not ended, by their output folder
	results  results
	opens    streams
	detached []*stream // that are kept without a client
	errands  errands
	arena    arena // of what the tasks of streams carry
	ids      idMemory
	counts   taskCounts // of all streams
	scratch  []byte
	out      struct { // what there is much of, each to be used at once
		call   protocol.Call
		reply  protocol.Reply
		revoke protocol.Revoke
		answer answer
	}
	snapshotBytes int64          // of all shards
	feeding       []*job         // with map tasks that are not queued yet
	inline        int64          // bytes of clients' own input in memory
	reports       []*failure     // those that wait for words or a log, the oldest first
	dirty         []*job         // with progress that was not told
	told          scheduler.Time // when progress was told last
	archive       archive
	segmentToken  []byte // by which workers prove themselves to each other, where TLS does not
	crcs          *crcTable
}

func newOwner(s *Server) *owner {
	return &owner{
		srv: s, cfg: &s.cfg, log: s.cfg.Log, ctx: s.ctx, start: time.Now(),
		state: scheduler.New(s.cfg.Scheduler), crcs: newCRCTable(), timer: time.NewTimer(0),
		peers:   map[uint64]*peer{},
		workers: map[fanfold.WorkerID]*worker{}, byName: map[string]*worker{},
		images:  images{byHash: map[string]uint32{}},
		opening: map[uint64]*slot{}, streams: map[uint64]any{},
		tenants: map[string]*tenant{}, jobs: map[fanfold.JobID]*job{},
		opened: map[uint64]*job{}, running: map[scheduler.JobID]*job{},
		byKey: map[idempotency]*job{}, writes: map[string]*job{}, segmentToken: newSecret(),
	}
}

// now is the time for the scheduler: above zero, and monotonic.
func (o *owner) now() scheduler.Time { return scheduler.Time(time.Since(o.start)) + 1 }

// number gives a number that was never used, for a stream, a job or a slot.
func (o *owner) number() uint64 {
	o.serial++
	return o.serial
}

// run takes what comes until quit is closed. It flushes when nothing is left to read.
func (o *owner) run(quit <-chan struct{}) {
	defer o.timer.Stop()
	for {
		var b *batch
		var f func(*owner)
		select {
		case b = <-o.srv.batches:
		case f = <-o.srv.posts:
		case <-o.timer.C:
		case <-quit:
			return
		}
		o.runTurn(b, f)
	}
}

// runTurn is one turn of run: with a batch, with what was posted, or because it is time.
func (o *owner) runTurn(b *batch, f func(*owner)) {
	o.turn.Lock()
	defer o.turn.Unlock()
	switch {
	case b != nil:
		o.take(b)
	case f != nil:
		f(o)
	default:
		o.due = 0
	}
	o.more()
	if !o.closed {
		o.tick()
		o.flush()
		o.maybeClosed()
	}
	o.arm()
}

// offer gives a batch to the owner, in a turn of its own if the owner rests. Nothing of the same
// peer may be on its way to the owner then: messages keep their order.
func (o *owner) offer(b *batch) {
	p := b.from
	if len(b.order) > inlineMax || len(p.free) < batchesPerPeer-1 || !o.takeHere(b) {
		o.srv.batches <- b
	}
}

// takeHere is a turn of a reader, which may take one batch. False says that it may not just now.
func (o *owner) takeHere(b *batch) bool {
	if !o.turn.TryLock() {
		return false
	}
	defer o.turn.Unlock()
	if o.closing {
		return false
	}
	o.take(b)
	if len(o.srv.batches) > 0 {
		return true // run takes these, and does the rest
	}
	o.tick()
	o.flush()
	o.arm()
	return true
}

// arm sets the timer, if it would fire too late.
func (o *owner) arm() {
	now := o.now()
	if due := now + o.until(now); o.due == 0 || due < o.due {
		o.due = due
		o.timer.Reset(time.Duration(due - now))
	}
}

// maybeClosed ends the owner's own part of what Close waits for. Others may still post, but nothing
// that starts a goroutine.
func (o *owner) maybeClosed() {
	if o.closing && len(o.peers) == 0 && o.working == 0 && (o.active() == 0 || o.broken) {
		o.closed = true
		o.srv.work.Done()
	}
}

// more takes what else is there, without waiting.
func (o *owner) more() {
	for range turnMax {
		select {
		case b := <-o.srv.batches:
			o.take(b)
		case f := <-o.srv.posts:
			f(o)
		default:
			return
		}
	}
}

// flush has everything written that was queued in this turn.
func (o *owner) flush() {
	for i := 0; i < len(o.touched); i++ { // pumping may touch further ones
		p := o.touched[i]
		p.touched = false
		o.pump(p)
		p.conn.Flush()
	}
	clear(o.touched)
	o.touched = o.touched[:0]
}

// take handles a batch and gives it back to its reader.
func (o *owner) take(b *batch) {
	p := b.from
	o.clock = o.now() // one look at it serves the whole batch
	p.heard = o.clock
	if p.process != nil {
		p.process.rested = false
	}
	for i, r := range b.order {
		if p.closing {
			o.dropped += uint64(len(b.order) - i)
			break
		}
		if err := o.receive(p, b, r); err != nil {
			o.end(p, err)
		}
	}
	o.clock = 0
	p.free <- b
}

// receive handles one message. An error ends the connection.
func (o *owner) receive(p *peer, b *batch, r received) error {
	switch r.kind {
	case protocol.KindDone:
		return o.done(p, &b.dones[r.at])
	case protocol.KindBeat:
		return o.beat(p, &b.beats[r.at])
	case protocol.KindInput:
		return o.input(p, &b.inputs[r.at])
	case protocol.KindResult:
		return o.result(p, &b.results[r.at])
	case protocol.KindCredit:
		return o.credit(p, &b.credits[r.at])
	case protocol.KindTask:
		return o.task(p, &b.tasks[r.at])
	case protocol.KindReturn:
		return o.returned(p, &b.returns[r.at])
	case protocol.KindPartial:
		return o.partial(p, &b.partials[r.at])
	}
	switch m := b.rare[r.at].(type) {
	case *protocol.Submit:
		return o.submit(p, m)
	case misfit:
		o.refuse(p, m.Request, m.err)
	case *protocol.Inputs:
		return o.inputs(p, m)
	case *protocol.InputEnd:
		return o.inputEnd(p, m)
	case *protocol.CancelTask:
		return o.cancelTask(p, m)
	case *protocol.Ask:
		return o.asks(p, m)
	case *protocol.Snapshot:
		return o.snapshot(p, m)
	case *protocol.Sample:
		return o.sampled(p, m)
	case *protocol.Cancel:
		return o.cancel(p, m)
	case *protocol.Attach:
		return o.attach(p, m)
	case *protocol.Query:
		return o.query(p, m)
	case *protocol.Exited:
		o.exited(p.worker, m)
	case *protocol.Log:
		o.logged(p, m)
	case *protocol.Pulled:
		return o.pulled(p.worker, m)
	case *protocol.Heartbeat: // it has been heard of: take knows
		if m.Sent != 0 {
			o.send(p, &protocol.Heartbeat{Sent: m.Sent})
		}
	case *protocol.Bye:
		o.bye(p)
	}
	return nil
}

// async runs work in a goroutine of the Server, and then done in the owner.
func async[T any](
	o *owner, ctx context.Context, work func(context.Context) (T, error), done func(T, error),
) {
	o.working++
	o.srv.work.Go(func() {
		v, err := work(ctx)
		o.srv.call(func(*owner) {
			o.working--
			done(v, err)
		})
	})
}

// step has the scheduler decide a command and performs the effects. Commands that come up meanwhile
// wait for their turn.
func (o *owner) step(c scheduler.Command) {
	if o.busy {
		o.queue = append(o.queue, c)
		return
	}
	o.busy = true
	o.decide(&c)
	o.busy = false
	o.settle()
}

// settle steps the commands that have come up meanwhile.
func (o *owner) settle() {
	if len(o.queue) == 0 || o.busy {
		return
	}
	o.busy = true
	for i := 0; i < len(o.queue); i++ {
		c := o.queue[i] // the queue may grow
		o.decide(&c)
	}
	clear(o.queue)
	o.queue, o.busy = o.queue[:0], false
}

// decide is one step.
func (o *owner) decide(c *scheduler.Command) {
	o.steps.Reset()
	o.state.Step(o.stepTime(), c, &o.steps)
	o.record(o.steps.Events)
	for k := range o.steps.Effects {
		o.perform(&o.steps.Effects[k])
	}
}

// stepTime is when a command is decided.
func (o *owner) stepTime() scheduler.Time {
	if o.clock != 0 {
		return o.clock
	}
	return o.now()
}

// tick does what is due by time.
func (o *owner) tick() {
	now := o.now()
	if due := o.state.Next(); due != 0 && due <= now && len(o.ledger.gated) == 0 {
		o.step(scheduler.Command{Kind: scheduler.Tick})
	}
	o.feedMore()
	o.resolveLate(now)
	o.reloadMore()
	if len(o.dirty) > 0 && now >= o.told+scheduler.Time(o.cfg.Limits.ProgressInterval) {
		o.tellProgress(now)
	}
	if now >= o.tidied+tidyInterval {
		if away := now - o.tidied - tidyInterval; away > tidyInterval {
			o.wasAway(away)
		}
		o.tidied = now
		o.tidy(now)
	}
}

// until is how long the owner may wait for something to come.
func (o *owner) until(now scheduler.Time) scheduler.Time {
	due := o.tidied + tidyInterval
	if next := o.state.Next(); next != 0 && len(o.ledger.gated) == 0 {
		due = min(due, next)
	}
	if len(o.reports) > 0 {
		due = min(due, o.reports[0].until)
	}
	if len(o.dirty) > 0 {
		due = min(due, o.told+scheduler.Time(o.cfg.Limits.ProgressInterval))
	}
	if r := o.reloading; r != nil && r.until != 0 {
		due = min(due, r.until)
	}
	if len(o.feeding) > 0 {
		due = 0
	}
	return max(0, due-now)
}
