// Package coordinator is the server: it accepts jobs from clients, has the scheduler decide, sends
// tasks to task processes and replies to the clients.
//
// The command line and the test kit start one Server each. The one idea needed to read it: a single
// goroutine, the owner, holds all state. Each connection has a reader that hands over whole batches
// of messages; the owner turns them into commands for the pure scheduler and performs the effects
// that come back, by Conn.Send, which never waits. Whatever could wait (listing inputs, promoting
// outputs, the journal, the disk) runs in a goroutine that posts its result back to the owner.
package coordinator
