// Package worker is both halves of a host's work. Agent starts, reaps, restarts and kills task
// processes, keeps their logs and serves the files of their attempts; the coordinator's own process
// runs one, `fanfold worker` runs another. Main is the body of a task process: attempts of closed
// jobs and calls of open ones in, mapper, reducer or handler run, results out.
//
// The one idea needed to read it: the agent never looks at what a task process says. Assignments
// and results travel on the process's own connection, which the agent hands on (Config.Attach);
// the agent's control connection carries only what a process cannot say of itself: that it ended,
// how, and what it printed.
//
// A task process mostly has one goroutine at work, a hand, which reads what has come, runs it, and
// writes what it came to: the way of a short call then leads over no other goroutine, and costs
// half of what it would. A second one takes over the reading when something takes long, so that a
// Stop is seen, and the running when a call waits for others that it has made.
package worker
