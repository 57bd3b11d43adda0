package process

import "github.com/fanfold/fanfold/internal/proctree"

// Sweep kills, without grace, what a dead agent left: every process that carries the agent's
// directory in its environment. The caller holds the lock of that directory, or knows otherwise
// that its agent is dead. It returns when they are gone, or an error when some cannot be killed.
//
// It is the last net: shims end by themselves when their agent dies, and what it finds is what was
// below a shim that was killed too.
func Sweep(dir string) error { return proctree.KillMarked(workVariable + "=" + dir + ":") }
