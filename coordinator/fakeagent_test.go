package coordinator

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// fakeAgent is a worker without processes: each slot is a goroutine that speaks for one.
type fakeAgent struct {
	c       *cluster
	name    string
	control *protocol.Conn
	welcome protocol.Welcome
	ended   chan struct{} // closed when the control connection has ended

	mu       sync.Mutex // guards what follows
	files    map[string][][]byte
	slots    []*fakeProcess // in use
	warm     []*fakeProcess // the others
	kills    []uint32       // processes that were to be killed
	pid      uint32
	forgot   []string          // ids of jobs
	reads    int               // Reads that were asked for
	logs     map[string]string // by attempt
	behave   behaviour         // of processes; nil: wordCount
	images   []string          // asked for by Start
	noImages bool              // no other image can be started
	slow     chan struct{}     // processes of other images start when it is closed; nil: at once
	last     bool              // it was let go for good
	silent   bool              // no answers to anything
	onExited func(slot int) *protocol.Exited
	broken   map[string]bool // files that cannot be read
	pulls    map[uint64][]protocol.Pull
	onPull   func(list []protocol.Pull) *protocol.Pulled // answers; nil: all is there
	stopped  []uint64                                    // attempts whose Pulls were stopped

	handle   handling                            // of calls; nil: echo
	born     func(*fakeProcess) *protocol.Exited // ends those of other images at once
	onTold   func(*fakeProcess, *protocol.Told)  // takes the answer to an Ask
	lazy     bool                                // calls that are held have not started
	stubborn bool                                // its processes do not retire
}

// behaviour is what a fake process makes of an attempt; nil: it says nothing.
type behaviour func(p *fakeProcess, a *fakeAttempt) *protocol.Done

func newFakeAgent(c *cluster, name string, slots int) *fakeAgent {
	a := &fakeAgent{
		c: c, name: name, behave: c.behave, control: c.attach("agent"), files: map[string][][]byte{},
		ended: make(chan struct{}), slots: make([]*fakeProcess, slots),
		logs: map[string]string{}, broken: map[string]bool{}, pulls: map[uint64][]protocol.Pull{},
	}
	hello := protocol.Hello{Role: uint8(protocol.RoleWorker), Name: name, Dir: "/none", PID: 1,
		Host:  "at-" + name,
		Offer: protocol.Offer{Processes: c.processes, Labels: c.labels},
	}
	if c.apart {
		hello.Offer.HostID, hello.Offer.Data = name, name+":9502"
	}
	for i := range slots {
		hello.Slots = append(hello.Slots, uint32(i))
	}
	_, w, err := protocol.Connect(c.t.Context(), a.control, hello, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	a.welcome = w
	c.keys.Store(name, w.SegmentKey)
	c.all.Go(a.run)
	c.all.Go(a.beat)
	for i := range slots {
		a.startProcess(i, nil)
	}
	return a
}

// startProcess has a new process on a slot.
func (a *fakeAgent) startProcess(slot int, image []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.start(slot, image)
}

// start is startProcess with a.mu held.
func (a *fakeAgent) start(slot int, image []byte) {
	a.pid++
	p := newFakeProcess(a, slot, a.pid+100, image)
	a.slots[slot] = p
	if a.born != nil && image != nil {
		a.control.Send(a.born(p))
		p.conn.Close()
		close(p.ended)
		return
	}
	slow := a.slow
	a.c.all.Go(func() {
		if slow != nil && image != nil {
			<-slow
		}
		p.run()
	})
}

// use has a slot use a process of an image, as an agent does.
func (a *fakeAgent) use(m *protocol.Start) {
	old := a.slots[m.Slot]
	if bytes.Equal(old.image, m.Image) {
		return
	}
	if a.noImages {
		a.control.Send(&protocol.Exited{Slot: m.Slot, Image: m.Image, Failed: "it is not here"})
		return
	}
	i := slices.IndexFunc(a.warm, func(p *fakeProcess) bool {
		return p.slot == old.slot && !p.gone() && bytes.Equal(p.image, m.Image)
	})
	a.warm = append(a.warm, old)
	if i < 0 {
		a.start(old.slot, m.Image)
		return
	}
	a.slots[m.Slot] = a.warm[i]
	a.warm = slices.Delete(a.warm, i, i+1)
}

// kill ends a process. One in use is replaced.
func (a *fakeAgent) kill(m *protocol.Kill) {
	a.kills = append(a.kills, m.PID)
	if p := a.slots[m.Slot]; p.pid == m.PID {
		a.c.all.Go(p.kill)
	}
	a.warm = slices.DeleteFunc(a.warm, func(p *fakeProcess) bool {
		if p.pid == m.PID {
			a.c.all.Go(func() { p.conn.Close() })
		}
		return p.pid == m.PID
	})
}

func (a *fakeAgent) process(slot int) *fakeProcess {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.slots[slot]
}

// dismissed reports whether the agent was let go for good.
func (a *fakeAgent) dismissed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

func (a *fakeAgent) set(f func(a *fakeAgent)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a)
}

// leave ends the worker with all its processes.
func (a *fakeAgent) leave() {
	a.control.Close()
	for i := range a.slots {
		a.process(i).conn.Close()
	}
	for _, p := range a.warm {
		p.conn.Close()
	}
}

// beat sends heartbeats until the connection ends.
func (a *fakeAgent) beat() {
	for {
		select {
		case <-time.After(time.Duration(a.welcome.BeatMillis) * time.Millisecond):
		case <-a.ended:
			return
		}
		a.mu.Lock()
		if !a.silent {
			a.control.Send(&protocol.Heartbeat{})
			a.control.Flush()
		}
		a.mu.Unlock()
	}
}

func (a *fakeAgent) run() {
	defer close(a.ended)
	defer a.control.Close()
	var b protocol.Batch
	for a.control.Read(&b) == nil {
		for m := range b.All() {
			a.take(m)
		}
		a.control.Flush()
	}
}

func (a *fakeAgent) take(m protocol.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.silent {
		return
	}
	switch m.Kind {
	case protocol.KindRead:
		a.reads++
		a.read(decoded[protocol.Read](a.c, m))
	case protocol.KindLogQuery:
		q := decoded[protocol.LogQuery](a.c, m)
		for name, text := range a.logs {
			if name == q.Attempt || q.Attempt == "" {
				part := protocol.LogPart{Attempt: name, Worker: a.name, Data: []byte(text)}
				a.control.Send(&protocol.Log{Stream: q.Stream, Parts: []protocol.LogPart{part}})
			}
		}
		a.control.Send(&protocol.Log{Stream: q.Stream, Last: true})
	case protocol.KindPull:
		a.pull(decoded[protocol.Pull](a.c, m))
	case protocol.KindStop:
		s := decoded[protocol.Stop](a.c, m)
		a.stopped = append(a.stopped, s.Attempt)
		delete(a.pulls, s.Attempt)
	case protocol.KindForget:
		name := fanfold.JobID(decoded[protocol.Forget](a.c, m).ID).String()
		if before := decoded[protocol.Forget](a.c, m).Before; before > 0 {
			name += " before " + fanfold.Stage(before).String()
		}
		a.forgot = append(a.forgot, name)
	case protocol.KindBye:
		a.last = a.last || decoded[protocol.Bye](a.c, m).Last
	case protocol.KindKill:
		a.kill(decoded[protocol.Kill](a.c, m))
	case protocol.KindStart:
		s := decoded[protocol.Start](a.c, m)
		a.images = append(a.images, s.Path)
		a.use(s)
	}
}

// read sends what a Read asks for.
func (a *fakeAgent) read(r *protocol.Read) {
	parts, ok := a.files[r.Path]
	if !ok || a.broken[r.Path] || r.Offset+r.Length > int64(len(parts[0])) {
		a.control.Send(&protocol.Result{Stream: r.Stream, Last: true, Error: "no such file"})
		return
	}
	data := parts[0][r.Offset : r.Offset+r.Length]
	for len(data) > 0 {
		n := min(len(data), protocol.BlockMax)
		a.control.Send(&protocol.Result{
			Stream: r.Stream, Offset: r.Offset, Data: data[:n], Last: n == len(data),
		})
		data, r.Offset = data[n:], r.Offset+int64(n)
	}
}

func decoded[T any, B interface {
	*T
	protocol.Body
}](c *cluster, m protocol.Message) *T {
	v := B(new(T))
	if err := protocol.Decode(m, v); err != nil {
		c.t.Errorf("decode %s: %v", m.Kind, err)
	}
	return v
}
