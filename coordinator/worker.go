package coordinator

import (
	"bytes"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// worker is an agent, from its handshake to the end of its control connection.
type worker struct {
	id     fanfold.WorkerID
	peer   *peer // its control connection
	joined scheduler.Time
	slots  []*slot // those that it offers, by their index
	leaves bool    // one of both sides has said good-bye
	lost   bool

	suspect bool     // it has not been heard of for a while
	leaving *leaving // nil: it stays

	done, failures uint64 // attempts

	segmentKey []byte // of the tickets for its files
}

func (w *worker) name() string { return w.peer.hello.Name }

// slot is the right to run attempts one at a time on a worker. It outlives its task processes.
type slot struct {
	worker *worker
	index  uint32
	id     scheduler.SlotID // 0: the scheduler does not have it
	tag    uint64           // of the OpenSlot under way

	process *process   // in use; nil: none, or a process of the image asked is awaited
	next    *process   // of the same image, waits for the end of process; nil: none
	warm    []*process // of other images, the least recently used first
	asked   uint32     // image that the worker was told last to be wanted
	doubted *process   // it has ended, and its worker may have too; else nil
	gone    *process   // while the scheduler is told of its end; else nil
	known   []uint32   // processes that have shaken hands, until the worker tells of their end

	attempts []attempt // sent by the scheduler and not ended, in the order in which they run
	orders   []order   // what the process is yet to be sent
}

// process is a task process, from its handshake to the end of its connection.
type process struct {
	peer     *peer
	slot     *slot
	image    uint32
	briefed  map[*job]bool
	retired  bool // it has said good-bye
	retiring bool // it was told to end: it is sent nothing more
	killed   bool // the scheduler wants it gone
	rested   bool // it was warm, and has not been heard of since
	came     scheduler.Time
	exited   *protocol.Exited // when that came before the end of its connection
	gone     bool             // its connection has ended, or its worker's
	latest   *job             // open job that it was briefed on, or sent a call of, last
	told     []told           // answers that wait for room
	cut      error            // why the coordinator has cut it off, or nil
}

// pid is the id of a process; 0: it did not say.
func (p *process) pid() uint32 { return p.peer.hello.PID }

// knownMax is how many processes a slot knows whose worker does not tell that they have ended.
const knownMax = 64

// meet notes that a process has shaken hands.
func (sl *slot) meet(pid uint32) {
	if len(sl.known) == knownMax {
		sl.known = slices.Delete(sl.known, 0, 1)
	}
	sl.known = append(sl.known, pid)
}

// part reports whether a process that has ended has shaken hands before.
func (sl *slot) part(pid uint32) bool {
	i := slices.IndexFunc(sl.known, func(known uint32) bool { return samePID(known, pid) })
	if i >= 0 {
		sl.known = slices.Delete(sl.known, i, i+1)
	}
	return i >= 0
}

// samePID tells a process from the others that its slot has or has had; 0 is not known.
func samePID(a, b uint32) bool { return a == 0 || b == 0 || a == b }

// processes are all those of a slot that are attached.
func (sl *slot) processes() []*process {
	list := slices.Clone(sl.warm)
	for _, p := range []*process{sl.process, sl.next} {
		if p != nil {
			list = append(list, p)
		}
	}
	return list
}

// admit decides about a peer that has proved who it is, before it is welcomed.
func (o *owner) admit(p *peer) (protocol.Welcome, error) {
	w := protocol.Welcome{
		Connection: p.id,
		Epoch:      uint32(o.cfg.Epoch),
		FrameMax:   protocol.BulkMax,
	}
	switch {
	case o.closing:
		return w, errClosed
	case len(o.peers) >= o.cfg.Limits.ConnectionsMax:
		return w, fanfold.Errorf(fanfold.KindBusy, "join", "%d connections are open", len(o.peers))
	case p.role == protocol.RoleProcess:
		sl, err := o.offered(p)
		if err != nil {
			return w, err
		}
		sl.meet(p.hello.PID)
	case p.role == protocol.RoleWorker:
		if err := o.welcomeWorker(p); err != nil {
			return w, err
		}
		w.Worker = uint32(p.worker.id)
		w.BeatMillis = uint32(o.cfg.Limits.HeartbeatEvery.Milliseconds())
		if !p.attached {
			w.LeaseMillis = uint32(o.cfg.Limits.lease().Milliseconds())
		}
		w.SegmentToken, w.SegmentKey = o.segmentToken, p.worker.segmentKey
	}
	o.peers[p.id] = p
	return w, nil
}

// offered finds the slot that a task process says it is for.
func (o *owner) offered(p *peer) (*slot, error) {
	w := o.byName[p.hello.Name]
	if w == nil {
		return nil, fanfold.Errorf(fanfold.KindNotFound, "join", "no worker is named %q", p.hello.Name)
	}
	if p.identity.Name != w.peer.identity.Name {
		return nil, fanfold.Errorf(fanfold.KindDenied, "join",
			"%s is not the worker %s", p.identity.Name, w.name())
	}
	if len(p.hello.Slots) != 1 || int(p.hello.Slots[0]) >= len(w.slots) {
		return nil, fanfold.Errorf(fanfold.KindNotFound, "join",
			"a task process is for one of the %d slots of worker %s", len(w.slots), w.name())
	}
	return w.slots[p.hello.Slots[0]], nil
}

// unwelcome forgets a peer that was admitted and left before it was welcomed.
func (o *owner) unwelcome(p *peer) {
	delete(o.peers, p.id)
	if p.worker != nil {
		o.loseWorker(p.worker)
	}
}

// open takes up a peer that was welcomed.
func (o *owner) open(p *peer) {
	p.heard = o.now()
	o.log.Debug("connection", "connection", p.id, "role", p.role, "identity", p.identity.Name)
	switch {
	case o.closing:
		o.dismiss(p, errClosing.Error())
	case p.role == protocol.RoleWorker && p.worker.lost:
		o.dismiss(p, "a worker of that name has joined again")
	case p.role == protocol.RoleWorker:
		o.openWorker(p.worker)
	case p.role == protocol.RoleProcess:
		o.openProcess(p)
	default:
		p.client = &consumer{requests: map[uint64]*request{}}
	}
}

// welcomeWorker makes a worker known by its name, because its processes may come as soon as it has
// seen its Welcome. If the same agent is known already, its connection broke without our noticing.
func (o *owner) welcomeWorker(p *peer) error {
	name, old := p.hello.Name, o.byName[p.hello.Name]
	switch {
	case name == "":
		return fanfold.Errorf(fanfold.KindUsage, "join", "a worker needs a name")
	case p.identity.UID < 0 && p.identity.Name != name:
		return fanfold.Errorf(fanfold.KindDenied, "join",
			"the certificate is for the worker %s, not for %s", p.identity.Name, name)
	case old != nil && !p.sameAgent(old.peer):
		return fanfold.Errorf(fanfold.KindExists, "join", "a worker named %s is here, from %s",
			name, old.peer.hello.Host)
	case old != nil:
		o.end(old.peer, fanfold.Errorf(fanfold.KindLost, "serve worker", "it has joined again"))
		o.loseWorker(old)
	}
	o.lastWorker++
	w := &worker{id: o.lastWorker, peer: p, joined: o.now(), segmentKey: newSecret()}
	for i := range p.hello.Slots {
		w.slots = append(w.slots, &slot{worker: w, index: uint32(i)})
	}
	o.byName[name], p.worker = w, w
	return nil
}

// watch gives up a worker that has gone silent, having suspected it before.
func (o *owner) watch(w *worker, now scheduler.Time) {
	limits, silent := &o.cfg.Limits, now-w.peer.heard
	if suspect := silent > scheduler.Time(limits.SuspectAfter); suspect != w.suspect {
		w.suspect = suspect
		o.log.Warn("worker is silent", "worker", w.name(), "suspect", suspect)
	}
	if silent > scheduler.Time(limits.WorkerLostAfter) {
		o.end(w.peer, fanfold.Errorf(fanfold.KindLost, "serve worker",
			"%s has not been heard of for %v", w.name(), limits.WorkerLostAfter))
		o.loseWorker(w)
	}
}

// state is what people are told of a worker.
func (w *worker) state() string {
	switch {
	case w.suspect:
		return "suspect"
	case w.leaving != nil:
		return "draining"
	}
	return "ready"
}

// sameAgent reports whether two peers are connections of one agent.
func (p *peer) sameAgent(other *peer) bool {
	return p.hello.PID == other.hello.PID && p.hello.Offer.HostID == other.hello.Offer.HostID
}

// openWorker takes up a worker that was welcomed: from here on it is sent messages.
func (o *owner) openWorker(w *worker) {
	o.workers[w.id] = w
	o.log.Info("worker joined", "worker", w.name(), "slots", len(w.slots))
}

// loseWorker gives up a worker whose control connection has ended: its slots, and what is on its
// disk.
func (o *owner) loseWorker(w *worker) {
	if w.lost {
		return
	}
	w.lost = true
	o.past.done, o.past.failures = o.past.done+w.done, o.past.failures+w.failures
	delete(o.workers, w.id)
	if o.byName[w.name()] == w {
		delete(o.byName, w.name())
	}
	if w.leaving != nil || o.closing {
		o.log.Info("worker left", "worker", w.name())
	} else {
		o.log.Warn("worker lost", "worker", w.name())
	}
	for _, sl := range w.slots {
		for _, p := range sl.processes() {
			p.gone = true
			o.dismiss(p.peer, "its worker is gone")
		}
		o.closeSlot(sl, scheduler.Lost)
		sl.process, sl.next, sl.warm, sl.doubted = nil, nil, nil, nil
	}
	if w.leaving != nil {
		for _, done := range w.leaving.done {
			done()
		}
	}
	o.loseStreams(w)
	for _, j := range o.running {
		o.loseOutputs(j, w)
	}
}

// loseOutputs tells the scheduler which outputs of a job have gone with a worker: those of later
// stages first, because what they were made from may be needed again then.
func (o *owner) loseOutputs(j *job, w *worker) {
	for stage := len(j.outputs) - 1; stage >= 0; stage-- {
		for _, r := range j.outputs[stage] {
			if r != nil && r.worker == w && r.output.File != "" && !j.inFolder(fanfold.Stage(stage)) {
				o.step(scheduler.Command{Kind: scheduler.LoseOutput, Task: r.task})
			}
		}
	}
}

// images numbers the programs' binaries, so that the scheduler can tell them apart. 0 is what
// workers run of their own.
type images struct {
	byHash map[string]uint32
	list   []image
}

type image struct {
	hash []byte // SHA-256
	path string
}

// imageNumber is the number of a job's image. The workers' own has none of its own.
func (o *owner) imageNumber(hash []byte, path string) uint32 {
	if len(hash) == 0 || o.everyoneRuns(hash) {
		return 0
	}
	n, ok := o.images.byHash[string(hash)]
	if !ok {
		o.images.list = append(o.images.list, image{hash: bytes.Clone(hash)})
		n = uint32(len(o.images.list))
		o.images.byHash[string(hash)] = n
	}
	if path != "" {
		o.images.list[n-1].path = path
	}
	return n
}

func (o *owner) everyoneRuns(hash []byte) bool {
	for _, w := range o.workers {
		if !bytes.Equal(w.peer.hello.Image, hash) {
			return false
		}
	}
	return len(o.workers) > 0
}
