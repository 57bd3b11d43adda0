//go:build race

package coordinator

// idleClients are few: the race detector knows 8,128 goroutines at once, and a client has three.
const idleClients = 2000
