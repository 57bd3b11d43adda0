package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/process"
)

// goodbyeWait is how long an agent that ends waits for its last reports to be read.
const goodbyeWait = 2 * time.Second

// Agent offers the slots of one host to one coordinator.
type Agent struct {
	cfg   Config
	log   hclog.Logger
	logs  *process.LogBook
	slots []*slot

	told sync.Once // how processes are contained

	// Set by Run before the first goroutine starts, and not changed then.
	dir      *workDir
	files    *os.Root // dir
	control  *protocol.Conn
	segments *segments       // nil: none are exchanged
	linked   context.Context // ends when nothing that processes say can reach the coordinator

	born       time.Time         // origin of now
	renewed    atomic.Int64      // when the last heartbeat was sent that was answered, as now has it
	dials      chan struct{}     // holds one for each connection of a process that shakes hands
	dismissed  atomic.Bool       // the coordinator does not want it back
	welcomed   chan struct{}     // closed when the coordinator knows the worker
	hash       [sha256.Size]byte // of this binary, set before welcomed is closed; zero: unknown
	goroutines sync.WaitGroup    // all but that of Run
}

// New makes an Agent; nothing starts before Run.
func New(cfg Config) (*Agent, error) {
	if err := cfg.complete(); err != nil {
		return nil, fanfold.Errorf(fanfold.KindUsage, "make worker", "%w", err)
	}
	a := &Agent{
		cfg: cfg, log: cfg.Log, logs: process.NewLogBook(), welcomed: make(chan struct{}),
		born: time.Now(), dials: make(chan struct{}, dialsMax),
	}
	for i := range cfg.Slots {
		a.slots = append(a.slots, newSlot(a, fanfold.Slot(i)))
	}
	return a, nil
}

// Run keeps a process in use per slot and serves control, the agent's connection to its
// coordinator, which it closes in the end. It returns nil when ctx ends or the coordinator closes
// control, an error when control breaks, and only after each process and goroutine is gone and the
// agent's directory is removed. It may be called once.
func (a *Agent) Run(ctx context.Context, control *protocol.Conn) (err error) {
	defer control.Close()
	a.control = control
	if a.dir, err = openWorkDir(a.cfg.Root, a.log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.dir.remove()) }()
	if a.files, err = os.OpenRoot(a.dir.path); err != nil {
		return err
	}
	defer a.files.Close()
	if inMemory(a.dir.path) {
		a.log.Warn("work directory is in memory, which its files will take", "dir", a.dir.path)
	}
	return a.serve(ctx)
}

// serve is Run between the making and the removal of the directory.
func (a *Agent) serve(ctx context.Context) error {
	working, stop := context.WithCancel(ctx)
	defer stop()
	var cut context.CancelFunc
	a.linked, cut = context.WithCancel(context.Background())
	defer cut()
	for _, s := range a.slots {
		a.goroutines.Go(func() { s.run(working) })
	}
	a.goroutines.Go(func() { a.watchCeiling(working) })
	if a.cfg.Segments != nil {
		var err error
		if a.segments, err = a.openSegments(working); err != nil {
			stop()
			a.goroutines.Wait()
			return err
		}
		defer func() { stop(); a.segments.close() }()
	}
	read := make(chan error, 1) // closed when nobody reads control any more
	welcome, err := a.connect(ctx)
	if err == nil {
		if a.segments != nil {
			a.segments.welcome(&welcome, a.cfg.Segments.Identify != nil)
		}
		close(a.welcomed)
		if a.cfg.Joined != nil {
			a.cfg.Joined(welcome)
		}
		go func() {
			defer close(read)
			read <- newController(a).run(working)
		}()
		err = a.beat(ctx, welcome, read)
	} else {
		close(read)
	}
	if ctx.Err() != nil {
		err = nil
		a.report(&protocol.Bye{Reason: "the worker ends"})
	}
	if err != nil {
		cut()
	}
	stop()
	a.goroutines.Wait()
	a.leave()
	<-read
	return err
}

// beat sends heartbeats until ctx ends, or control, or the lease.
func (a *Agent) beat(ctx context.Context, w protocol.Welcome, read <-chan error) error {
	var tick, expired <-chan time.Time
	if w.BeatMillis > 0 {
		t := time.NewTicker(time.Duration(w.BeatMillis) * time.Millisecond)
		defer t.Stop()
		tick = t.C
	}
	lease := time.Duration(w.LeaseMillis) * time.Millisecond
	expiry := time.NewTimer(lease)
	defer expiry.Stop()
	if lease > 0 {
		a.renew(a.now())
		expired = expiry.C
	}
	leave := a.cfg.Leave
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-read:
			return err
		case <-leave:
			leave = nil
			a.report(&protocol.Bye{Reason: "the worker leaves"})
		case <-tick:
			a.report(a.heartbeat())
		case <-expired:
			left := lease - (a.now() - time.Duration(a.renewed.Load()))
			if left <= 0 {
				return fanfold.Errorf(fanfold.KindLost, "serve coordinator",
					"it has not answered a heartbeat for %v", lease)
			}
			expiry.Reset(left)
		}
	}
}

// now is the agent's own clock, which nothing but time moves.
func (a *Agent) now() time.Duration { return time.Since(a.born) }

// renew takes the answer to a heartbeat of a time.
func (a *Agent) renew(sent time.Duration) { a.renewed.Store(int64(min(sent, a.now()))) }

func (a *Agent) heartbeat() *protocol.Heartbeat {
	h := &protocol.Heartbeat{Sent: int64(a.now())}
	for _, pid := range a.PIDs() {
		h.PIDs = append(h.PIDs, uint32(pid))
		if pid != 0 {
			h.Running++
		}
	}
	return h
}

// PIDs are the ids of the task processes in use by slot; 0 where none runs just now. It is safe for
// concurrent use.
func (a *Agent) PIDs() []int {
	pids := make([]int, len(a.slots))
	for i, s := range a.slots {
		if p := s.current(); p != nil {
			pids[i] = p.PID()
		}
	}
	return pids
}

// report sends what the coordinator is to know. It is dropped while the coordinator does not know
// the worker, and when control is broken, which its reader sees.
func (a *Agent) report(b protocol.Body) {
	select {
	case <-a.welcomed:
		_ = a.control.Send(b)
		a.control.Flush()
	default:
	}
}

// attach hands on the connection of a process until it has ended.
func (a *Agent) attach(slot fanfold.Slot, c *protocol.Conn) {
	if a.cfg.Attach != nil {
		a.cfg.Attach(slot, c)
	} else if err := a.relay(a.linked, slot, c); err != nil {
		a.log.Warn("connect task process", "slot", slot, "error", err)
	}
}

// leave writes the last reports and closes control.
func (a *Agent) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeWait)
	defer cancel()
	_ = a.control.Shutdown(ctx) // whether it went well or not, it is closed
}

// connect tells the coordinator who this worker is.
func (a *Agent) connect(ctx context.Context) (protocol.Welcome, error) {
	host, _ := os.Hostname() // for people: it may be empty
	hello := protocol.Hello{
		Role: uint8(protocol.RoleWorker), Name: a.cfg.Name, Dir: a.dir.path,
		Host: host, PID: uint32(os.Getpid()), Product: a.cfg.Product,
		Offer: protocol.Offer{
			Processes: uint32(a.cfg.ProcessesMax), HostID: a.dir.host, Data: a.dataAddress(),
			Labels: a.cfg.Labels,
		},
	}
	for _, s := range a.slots {
		hello.Slots = append(hello.Slots, uint32(s.index))
	}
	if !a.cfg.SkipHash {
		var err error
		if a.hash, err = process.SelfHash(); err != nil {
			return protocol.Welcome{}, err
		}
		hello.Image = a.hash[:]
	}
	_, welcome, err := protocol.Connect(ctx, a.control, hello, a.cfg.Token)
	return welcome, err
}

// dataAddress is where others fetch segments; "": nowhere.
func (a *Agent) dataAddress() string {
	if a.segments == nil {
		return ""
	}
	return a.segments.address
}

// sumOf is the hash of the image of a Start; none: it is this binary's.
func (a *Agent) sumOf(m *protocol.Start) []byte {
	if a.hash != [sha256.Size]byte{} && bytes.Equal(m.Image, a.hash[:]) {
		return nil
	}
	return m.Image
}

// open opens the image of a Start; the error says why it may not run here.
func (a *Agent) open(m *protocol.Start) (process.Image, error) {
	sum := a.sumOf(m)
	if len(sum) == 0 {
		return process.Image{}, nil
	}
	if err := a.cfg.Allow.check(m.Path); err != nil {
		return process.Image{}, err
	}
	return process.OpenImage(m.Path, [sha256.Size]byte(sum))
}
