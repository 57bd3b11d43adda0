package worker

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/process"
)

// When a process dies young so often in a row, the slot rests before it starts another. One that
// has retired has not died.
const (
	young          = time.Second // age at death
	youngDeathsMax = 16
	restMin        = 100 * time.Millisecond // doubles with each further death
	restMax        = 5 * time.Second
)

// exitLogMax is how much is reported of the log of a process that ended, or of why one could not be
// started.
const exitLogMax = 4 << 10 // bytes

// slot keeps task processes, at most one of an image. One is in use: it is replaced when it ends.
// The others are warm: they wait until the coordinator wants their image again, or has them killed
// because the slot may not keep more. The goroutine of a slot is run.
type slot struct {
	agent    *Agent
	index    fanfold.Slot
	change   chan struct{}  // capacity one: wanted is set, or a process has ended; never closed
	watchers sync.WaitGroup // goroutines that wait for the end of a process

	mu     sync.Mutex      // guards what follows, and the residents
	used   *resident       // in use; only run changes it
	warm   []*resident     // the others; each has a process
	wanted *protocol.Start // asked for and not obeyed yet, or nil
	deaths int             // in a row, of young processes in use

	condemned map[child]string // that are killed because they had too much, and of what
}

// resident is an image on a slot, and the process that runs it.
type resident struct {
	image process.Image
	child child // nil: none runs
}

// sum is the image's hash; none: it is the worker's own.
func (r *resident) sum() []byte {
	if r.image.File == nil {
		return nil
	}
	return r.image.SHA256[:]
}

func newSlot(a *Agent, index fanfold.Slot) *slot {
	return &slot{
		agent: a, index: index, change: make(chan struct{}, 1),
		used: &resident{}, // the worker's own image
	}
}

// run keeps a process in use until ctx ends, and returns when the last process is gone.
func (s *slot) run(ctx context.Context) {
	for ctx.Err() == nil {
		s.obey(ctx)
		if s.current() == nil {
			if s.rest(ctx) {
				s.revive(ctx)
			}
			continue
		}
		select {
		case <-s.change:
		case <-ctx.Done():
		}
	}
	for _, p := range s.children() {
		p.Kill(s.agent.cfg.Grace)
	}
	s.watchers.Wait()
	_ = s.used.image.Close()
}

// rest waits before the next start when too many processes have died young, and reports whether it
// may begin: false when something has changed meanwhile.
func (s *slot) rest(ctx context.Context) bool {
	s.mu.Lock()
	deaths := s.deaths
	s.mu.Unlock()
	extra := deaths - youngDeathsMax
	if extra <= 0 {
		return true
	}
	s.agent.log.Warn("processes die young", "slot", s.index, "deaths", deaths)
	pause := time.NewTimer(min(restMax, restMin<<min(extra-1, 10)))
	defer pause.Stop()
	select {
	case <-pause.C:
		return true
	case <-s.change:
	case <-ctx.Done():
	}
	return false
}

// revive starts a process of the image in use. If it cannot be started, the worker's own image is
// next, which has run before.
func (s *slot) revive(ctx context.Context) {
	err := s.start(ctx, s.used)
	if err == nil {
		return
	}
	s.notStarted(ctx, nil, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaths++
	s.use(&resident{})
}

// obey puts the image in use that is wanted, if there is one, with its process if that is warm. An
// image that may not run here, or cannot, is reported, and changes nothing.
func (s *slot) obey(ctx context.Context) {
	s.mu.Lock()
	wanted := s.wanted
	s.wanted = nil
	warm := wanted == nil || s.reuse(s.agent.sumOf(wanted))
	s.mu.Unlock()
	if warm {
		return
	}
	image, err := s.agent.open(wanted)
	if err == nil {
		if err = s.start(ctx, &resident{image: image}); err != nil {
			_ = image.Close()
		}
	}
	if err != nil {
		s.notStarted(ctx, wanted.Image, err)
	}
}

// reuse puts an image in use that the slot has. s.mu is held.
func (s *slot) reuse(sum []byte) bool {
	if bytes.Equal(s.used.sum(), sum) {
		return true
	}
	i := slices.IndexFunc(s.warm, func(r *resident) bool { return bytes.Equal(r.sum(), sum) })
	if i < 0 {
		return false
	}
	r := s.warm[i]
	s.warm = slices.Delete(s.warm, i, i+1)
	s.use(r)
	return true
}

// use puts an image in use and keeps the one before warm, if its process lives. s.mu is held.
func (s *slot) use(r *resident) {
	switch {
	case s.used == r:
	case s.used.child != nil:
		s.warm = append(s.warm, s.used)
	default:
		_ = s.used.image.Close()
	}
	s.used = r
}

// want asks for a process of an image.
func (s *slot) want(m *protocol.Start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = m
	s.changed()
}

// changed has run look at what has changed.
func (s *slot) changed() {
	select {
	case s.change <- struct{}{}:
	default: // run has not seen the change before
	}
}

// kill ends a process that the slot has, 0 being the one in use. A process in use is replaced.
func (s *slot) kill(pid int, grace time.Duration) {
	for _, p := range s.children() {
		if pid == 0 || p.PID() == pid {
			p.Kill(grace)
			return
		}
	}
}

// children are the processes that run, the one in use first.
func (s *slot) children() (list []child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used.child != nil {
		list = append(list, s.used.child)
	}
	for _, r := range s.warm {
		list = append(list, r.child)
	}
	return list
}

// current is the process in use, or nil when none runs.
func (s *slot) current() child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used.child
}

// notStarted reports a process that could not be started, or an image that may not run. image is
// what was asked for.
func (s *slot) notStarted(ctx context.Context, image []byte, err error) {
	if ctx.Err() != nil {
		return
	}
	s.agent.log.Error("start task process", "slot", s.index, "error", err)
	words := err.Error()
	s.agent.report(&protocol.Exited{
		Slot: uint32(s.index), Failed: words[:min(len(words), exitLogMax)], Image: image,
	})
}
