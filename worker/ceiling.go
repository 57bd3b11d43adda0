package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/fanfold/fanfold/internal/proctree"
)

// ceilingInterval is how often what processes have is compared with what they may have.
const ceilingInterval = 100 * time.Millisecond

// Ceiling is what a task process and all that it has started may have together. It is looked at
// every 100 ms: a process that has more is killed with all of its tree. Zero fields: no limit.
type Ceiling struct {
	Memory    int64 // bytes, without what is mapped from files
	Processes int
}

// validate checks the limits.
func (c Ceiling) validate() error {
	if c.Memory < 0 || c.Processes < 0 {
		return fmt.Errorf("negative limit of a task process: %+v", c)
	}
	return nil
}

// exceeded says what a tree of processes has too much of, or "".
func (c Ceiling) exceeded(tree []int) string {
	if n := len(tree); c.Processes > 0 && n > c.Processes {
		return fmt.Sprintf("it had %d processes, the limit is %d", n, c.Processes)
	}
	if c.Memory == 0 {
		return ""
	}
	total := int64(0)
	for _, pid := range tree {
		total += proctree.Memory(pid)
	}
	if total > c.Memory {
		return fmt.Sprintf("it had %d MiB of memory, the limit is %d", total>>20, c.Memory>>20)
	}
	return ""
}

// watchCeiling looks at all processes of the agent until ctx ends, and kills those that have too
// much.
func (a *Agent) watchCeiling(ctx context.Context) {
	if a.cfg.Ceiling == (Ceiling{}) {
		return
	}
	every := time.NewTicker(ceilingInterval)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		for _, s := range a.slots {
			for _, p := range s.children() {
				if why := a.cfg.Ceiling.exceeded(p.Tree()); why != "" && s.condemn(p, why) {
					a.log.Warn("task process is killed", "slot", s.index, "pid", p.PID(), "why", why)
					p.Kill(0)
				}
			}
		}
	}
}

// condemn keeps why a process is to be killed, for the report of its end. False: it has ended, or
// is being killed already.
func (s *slot) condemn(p child, why string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.condemned[p] != "" || closed(p.Done()) {
		return false
	}
	if s.condemned == nil {
		s.condemned = map[child]string{}
	}
	s.condemned[p] = why
	return true
}

// verdict takes why a process that has ended was killed; "": it was not.
func (s *slot) verdict(p child) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	why := s.condemned[p]
	delete(s.condemned, p)
	return why
}
