//go:build !race

package coordinator

// idleClients is how many clients are idle together.
const idleClients = 10_000
