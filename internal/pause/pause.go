// Package pause waits.
//
// The one idea needed to read it: a wait for time ends early when nobody has a use for it any more.
package pause

import (
	"context"
	"time"
)

// For waits for a time, or until ctx ends.
func For(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
