package command

import (
	"os"
	"sync"

	"github.com/fanfold/fanfold/internal/proctree"
)

// crew are the commands that run in a process. A daemon that hides its origin cannot be told from
// those of other commands: all orphans have the same parent. So they go when no command is left.
type crew struct {
	mu      sync.Mutex // guards running; held while orphans are killed, so that no command starts
	running int
}

// running is the crew of this process, as there is one parent of its orphans.
var running crew

// join counts a command that is yet to start.
func (c *crew) join() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running++
}

// leave kills what a command has left, which has ended. Alone says that its process group is empty.
// What cannot be killed now goes with the task process.
func (c *crew) leave(mark string, alone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	// A daemon has left the group. Then the parent of this process has a child more: it is the one
	// that gets orphans. Most commands leave nothing, and this is cheap to know.
	if alone && len(proctree.Children(os.Getppid())) <= 1 {
		return
	}
	_ = proctree.KillMarked(mark + "\x00")
	if c.running == 0 {
		_ = proctree.KillOrphans()
	}
}
