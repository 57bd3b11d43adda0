// Package process runs one task process and leaves nothing of it behind, whatever dies in whatever
// order. The worker's agent starts a Process for each slot; the binary that it starts is a task
// process because Enter says so.
//
// Between the agent and the task process stands a shim: this binary again, started with another
// word in its environment. It is the parent of the task process, the reaper of every orphan below
// it (PR_SET_CHILD_SUBREAPER, so a daemon that forks twice and takes a session of its own cannot
// leave the tree), and it holds one end of a pipe whose other end only the agent has.
//
//	agent ──orders──▶ shim ──fork, Pdeathsig──▶ task process ──▶ commands, daemons …
//	      ◀─reports──                               │  ▲
//	      ◀──────────────── fd 1, 2: log ───────────┤  │
//	      ◀──────────────── fd 4: protocol ─────────┘  │
//	      ───────────────── fd 3: protocol ────────────┘
//
// What dies, and what follows:
//
//   - The task process: the agent sees EOF on the protocol pipe at once. The shim kills what is
//     left below it, reports the exit status, and ends.
//   - A command, in a task process that lives on: the task process kills what else is a child of
//     the shim, for that has lost its parent (proctree.KillOrphans).
//   - The agent, even by SIGKILL: the shim sees EOF on orders and kills its whole tree.
//   - The shim: the kernel kills the task process (Pdeathsig), the agent sees EOF on reports and
//     kills what carries this process's mark in its environment.
//   - Agent and shim: the next agent on this host kills by the same mark (Sweep).
//
// What escapes is a process without that mark, started with another environment, once its shim was
// killed. On other systems than Linux nobody reaps orphans and there are no marks: the process
// group of the task process is killed, and no more.
package process
