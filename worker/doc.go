// Package worker is both halves of a host's work. Agent starts, reaps, restarts and kills task
// processes, keeps their logs and serves the files of their attempts; the coordinator's own process
// runs one, `fanfold worker` runs another. Main is the body of a task process: attempts in, mapper
// or reducer run, results out.
//
// The one idea needed to read it: the agent never looks at what a task process says. Assignments
// and results travel on the process's own connection, which the agent hands on (Config.Attach);
// the agent's control connection carries only what a process cannot say of itself: that it ended,
// how, and what it printed.
package worker
