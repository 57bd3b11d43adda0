package proctree

import (
	"errors"
	"os"
	"slices"
	"time"
)

// reaper is the process that gets the orphans below this one; 0: no process of ours. It belongs to
// the process as its parent does, and is set before anything is started.
var reaper int

// reapPause is how long the reaper is given to reap what was killed.
const reapPause = time.Millisecond

// SetReaper says that the parent of this process gets all orphans below it, and has no children but
// this process and them. It is called at most once, first thing in main.
func SetReaper() { reaper = os.Getppid() }

// KillOrphans kills, without grace, all children of the reaper but this process, and so what is
// below them: whoever has lost its parent is a child of the reaper. It looks again until this
// process is the only one. The caller sees to it that nobody is wanted there. Without a reaper it
// does nothing.
func KillOrphans() error {
	if reaper == 0 || os.Getppid() != reaper {
		return nil
	}
	isChild := func(pid int) bool {
		parent, ok := parentOf(pid)
		return ok && parent == reaper
	}
	isThis := func(pid int) bool { return pid == os.Getpid() }
	for range looksMax {
		orphans := slices.DeleteFunc(Children(reaper), isThis)
		if len(orphans) == 0 {
			return nil
		}
		if _, err := killEach(orphans, isChild); err != nil {
			return err
		}
		time.Sleep(reapPause)
	}
	return errors.New("kill orphans: new ones kept coming")
}
