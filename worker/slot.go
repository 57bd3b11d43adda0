package worker

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/process"
)

// When a process dies young so often in a row, the slot rests before it starts another.
const (
	young          = time.Second // age at death
	youngDeathsMax = 16
	restMin        = 100 * time.Millisecond // doubles with each further death
	restMax        = 5 * time.Second
)

// drainWait is how long, after a process has ended, whoever has its connection may take to read
// what the process had sent.
const drainWait = 5 * time.Second

// exitLogMax is how much is reported of the log of a process that ended, or of why one could not be
// started.
const exitLogMax = 4 << 10 // bytes

// slot keeps one task process running. Its goroutine is run.
type slot struct {
	agent  *Agent
	index  fanfold.Slot
	change chan struct{} // capacity one: wanted is set; never closed

	mu     sync.Mutex      // guards what follows
	child  child           // nil: none runs
	wanted *protocol.Start // asked for and not obeyed yet, or nil
}

func newSlot(a *Agent, index fanfold.Slot) *slot {
	return &slot{agent: a, index: index, change: make(chan struct{}, 1)}
}

// run starts a process whenever there is none, until ctx ends and the last one is gone.
func (s *slot) run(ctx context.Context) {
	var image process.Image
	defer func() { _ = image.Close() }()
	deaths := 0
	for ctx.Err() == nil {
		image, _ = s.obey(ctx, image)
		born := time.Now()
		p, err := s.start(ctx, image)
		if err == nil {
			image = s.watch(ctx, p, image)
		} else {
			s.notStarted(ctx, err)
			_ = image.Close()
			image = process.Image{} // the worker's own, which has run before
		}
		if deaths++; time.Since(born) >= young {
			deaths = 0
		}
		s.rest(ctx, deaths-youngDeathsMax)
	}
}

// rest waits before the next start when extra, the young deaths above the limit, is positive, but
// not longer than until another image is wanted.
func (s *slot) rest(ctx context.Context, extra int) {
	if extra <= 0 {
		return
	}
	s.agent.log.Warn("processes die young", "slot", s.index, "deaths", extra+youngDeathsMax)
	pause := time.NewTimer(min(restMax, restMin<<min(extra-1, 10)))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-s.change:
	case <-ctx.Done():
	}
}

// start starts a process and hands its connection on.
func (s *slot) start(ctx context.Context, image process.Image) (child, error) {
	p, err := s.launch(ctx, image, jittered(s.agent.cfg.TasksMax))
	if err != nil {
		return nil, err
	}
	s.agent.log.Debug("started task process", "slot", s.index, "pid", p.PID())
	s.set(p)
	s.agent.goroutines.Go(func() { s.attach(ctx, p) })
	return p, nil
}

func (s *slot) launch(ctx context.Context, image process.Image, tasksMax int) (child, error) {
	cfg, dir := &s.agent.cfg, s.agent.dir.path
	if cfg.Inside != nil {
		return cfg.Inside.start(MainConfig{
			Name: cfg.Name, Slot: s.index, Dir: dir, Memory: cfg.Memory, TasksMax: tasksMax,
		}), nil
	}
	setup := taskSetup{
		Worker: cfg.Name, Slot: s.index, Dir: dir, Memory: cfg.Memory, TasksMax: tasksMax,
	}
	if image.File != nil {
		setup.Image = image.SHA256[:]
	}
	text, err := json.Marshal(setup)
	if err != nil {
		return nil, err
	}
	return process.Start(ctx, image, process.Options{
		Dir:  dir,
		Env:  slices.Concat(cfg.Env, []string{taskVariable + "=" + string(text)}),
		Logs: s.agent.logs,
	})
}

// jittered is n give or take a quarter, so that processes are not replaced all at once.
func jittered(n int) int {
	quarter := n / 4
	return n - quarter + rand.IntN(2*quarter+1)
}

func (s *slot) set(p child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.child = p
}

// attach hands on the connection of p, once the coordinator knows the worker, and closes it in the
// end.
func (s *slot) attach(ctx context.Context, p child) {
	select {
	case <-s.agent.welcomed:
	case <-ctx.Done():
		_ = p.Conn().Close()
		return
	}
	attached := make(chan struct{})
	go func() {
		defer close(attached)
		s.agent.cfg.Attach(s.index, p.Conn())
	}()
	select {
	case <-attached:
	case <-p.Done():
		drained := time.NewTimer(drainWait)
		defer drained.Stop()
		select {
		case <-attached:
		case <-drained.C:
		}
	}
	_ = p.Conn().Close()
	<-attached
}

// watch waits for the end of p, which it brings about when ctx ends or another image is wanted. It
// returns the image for the next process.
func (s *slot) watch(ctx context.Context, p child, image process.Image) process.Image {
	done := ctx.Done()
	for {
		select {
		case <-done:
			p.Kill(s.agent.cfg.Grace)
			done = nil
		case <-s.change:
			next, changed := s.obey(ctx, image)
			if changed {
				p.Kill(s.agent.cfg.Grace)
			}
			image = next
		case <-p.Done():
			s.set(nil)
			s.ended(p)
			return image
		}
	}
}

// obey opens the image that is wanted, if there is one, in place of the one before. An image that
// may not run here is reported.
func (s *slot) obey(ctx context.Context, before process.Image) (_ process.Image, changed bool) {
	s.mu.Lock()
	wanted := s.wanted
	s.wanted = nil
	s.mu.Unlock()
	if wanted == nil {
		return before, false
	}
	image, err := s.agent.open(wanted)
	if err != nil {
		s.notStarted(ctx, err)
		return before, false
	}
	_ = before.Close()
	return image, true
}

// want asks for a process of another image.
func (s *slot) want(m *protocol.Start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = m
	select {
	case s.change <- struct{}{}:
	default: // run has not seen the one before
	}
}

// kill ends the process, if there is one; run starts another.
func (s *slot) kill(grace time.Duration) {
	if p := s.current(); p != nil {
		p.Kill(grace)
	}
}

// current is the process that runs, or nil.
func (s *slot) current() child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child
}

// ended reports how a process ended.
func (s *slot) ended(p child) {
	exit := p.Wait()
	s.agent.log.Debug("task process ended", "slot", s.index, "pid", p.PID(), "words", exit.Words)
	s.agent.report(&protocol.Exited{
		Slot: uint32(s.index), PID: uint32(p.PID()), Code: uint32(max(0, exit.Code)),
		Signal: uint32(exit.Signal), Words: exit.Words, Log: string(p.Tail(exitLogMax)),
	})
}

// notStarted reports a process that could not be started, or an image that may not run.
func (s *slot) notStarted(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.agent.log.Error("start task process", "slot", s.index, "error", err)
	words := err.Error()
	s.agent.report(&protocol.Exited{
		Slot: uint32(s.index), Failed: words[:min(len(words), exitLogMax)],
	})
}
