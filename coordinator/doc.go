// Package coordinator is the server: it accepts jobs from clients, has the scheduler decide, sends
// tasks to task processes and replies to the clients.
//
// The command line and the test kit start one Server each. The one idea needed to read it: a single
// goroutine, the owner, holds all state. Each connection has a reader that hands over whole batches
// of messages; the owner turns them into commands for the pure scheduler and performs the effects
// that come back, by Conn.Send, which never waits. Whatever could wait (listing inputs, promoting
// outputs, the journal, the disk) runs in a goroutine that posts its result back to the owner.
//
// An open job is a stream besides (stream.go): its tasks go in by stream_task.go, and their replies
// out by stream_reply.go. Nothing is allocated for a task: its record is the scheduler's, what it
// carries is in the arena, and a reply that can be sent at once is sent from the batch that brought
// the result. What is more than that, an idempotency key, a task for all shards, a reduce, a task
// that calls another, is an errand of the owner's own (errand.go): the same kind of task, whose
// answer goes to somebody else than a client.
package coordinator
