package transfer

import (
	"context"
	"math"
	"sync"
)

// Allowance is the credit of a stream, for the side that sends. Its methods are safe for concurrent
// use.
type Allowance struct {
	more chan struct{} // capacity one: credit came; never closed

	mu    sync.Mutex // guards what follows
	bytes int64
}

// NewAllowance starts with so many bytes.
func NewAllowance(bytes int64) *Allowance {
	return &Allowance{more: make(chan struct{}, 1), bytes: bytes}
}

// Grant adds credit, which is not negative.
func (a *Allowance) Grant(bytes int64) {
	a.mu.Lock()
	a.bytes += min(bytes, math.MaxInt64-a.bytes)
	a.mu.Unlock()
	select {
	case a.more <- struct{}{}:
	default: // Spend has a wake-up waiting
	}
}

// Spend waits for credit and takes at most n bytes of it: none only when n is 0 or ctx has ended.
// One goroutine at a time may call it.
func (a *Allowance) Spend(ctx context.Context, n int64) (int64, error) {
	for n > 0 {
		a.mu.Lock()
		got := min(n, a.bytes)
		a.bytes -= got
		a.mu.Unlock()
		if got > 0 {
			return got, nil
		}
		select {
		case <-a.more:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	return 0, nil
}
