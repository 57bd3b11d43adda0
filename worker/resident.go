package worker

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/process"
)

const (
	// drainWait is how long, after a process has ended, whoever has its connection may take to read
	// what the process had sent.
	drainWait = 5 * time.Second
	// leaveWait is how long a process may stay after its connection has ended.
	leaveWait = 5 * time.Second
)

// start starts a process of an image, puts it in use, and hands its connection on.
func (s *slot) start(ctx context.Context, r *resident) error {
	born := time.Now()
	p, err := s.launch(ctx, r.image, jittered(s.agent.cfg.TasksMax))
	if err != nil {
		return err
	}
	s.agent.log.Debug("started task process", "slot", s.index, "pid", p.PID())
	s.agent.tellIsolation()
	s.mu.Lock()
	r.child = p
	s.use(r)
	s.mu.Unlock()
	s.watchers.Go(func() { s.watch(r, p, born) })
	s.agent.goroutines.Go(func() { s.attach(ctx, p) })
	return nil
}

func (s *slot) launch(ctx context.Context, image process.Image, tasksMax int) (child, error) {
	cfg, dir := &s.agent.cfg, s.agent.dir.path
	if cfg.Inside != nil {
		return cfg.Inside.start(MainConfig{
			Name: cfg.Name, Slot: s.index, Dir: dir, Memory: cfg.Memory, TasksMax: tasksMax,
			Allow: cfg.Allow,
		}), nil
	}
	setup := taskSetup{
		Worker: cfg.Name, Slot: s.index, Dir: dir, Memory: cfg.Memory, TasksMax: tasksMax,
		Allow: cfg.Allow,
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
		Logs: s.agent.logs, Isolation: cfg.Isolation,
	})
}

// tellIsolation says once how task processes are contained: the first start has shown it.
func (a *Agent) tellIsolation() {
	a.told.Do(func() { a.log.Info("task processes are contained", "by", a.cfg.Isolation.String()) })
}

// jittered is n give or take a quarter, so that processes are not replaced all at once.
func jittered(n int) int {
	quarter := n / 4
	return n - quarter + rand.IntN(2*quarter+1)
}

// attach hands on the connection of p, once the coordinator knows the worker, and closes it in the
// end. A process that stays behind its connection is killed: nobody can tell it anything any more.
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
		s.agent.attach(s.index, p.Conn())
	}()
	select {
	case <-attached:
		if !within(leaveWait, p.Done()) {
			p.Kill(s.agent.cfg.Grace)
		}
	case <-p.Done():
		within(drainWait, attached)
	}
	_ = p.Conn().Close()
	<-attached
}

// within waits until c is closed, and reports whether that was in time.
func within(limit time.Duration, c <-chan struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// watch waits for the end of a process and reports it. One that was warm is just gone.
func (s *slot) watch(r *resident, p child, born time.Time) {
	exit := p.Wait()
	if why := s.verdict(p); why != "" {
		exit.Words += ": " + why
	}
	s.agent.log.Debug("task process ended", "slot", s.index, "pid", p.PID(), "words", exit.Words)
	s.agent.report(&protocol.Exited{
		Slot: uint32(s.index), PID: uint32(p.PID()), Code: uint32(max(0, exit.Code)),
		Signal: uint32(exit.Signal), Words: exit.Words, Log: string(p.Tail(exitLogMax)),
		Image: r.sum(),
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	r.child = nil
	if s.used != r {
		s.warm = slices.DeleteFunc(s.warm, func(w *resident) bool { return w == r })
		_ = r.image.Close()
		return
	}
	if s.deaths++; time.Since(born) >= young || exit.Retired() {
		s.deaths = 0
	}
	s.changed()
}
