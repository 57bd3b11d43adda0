package worker

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/pki"
)

// The rests of Join between two tries: they double, and each is shortened by up to a half.
const (
	rejoinMin = 200 * time.Millisecond
	rejoinMax = 5 * time.Second
)

// Join runs an agent at the coordinator that cfg.Dial reaches. When the connection is lost, it
// joins again with another agent, in a directory of its own: what ran before is lost to the
// coordinator too, and nothing of it can be taken for what runs then. Join returns nil when ctx
// ends or the worker has drained, and an error when to try again is of no use.
func Join(ctx context.Context, cfg Config) error {
	if err := cfg.complete(); err != nil {
		return fanfold.Errorf(fanfold.KindUsage, "make worker", "%w", err)
	}
	rest := rejoinMin
	for ctx.Err() == nil && !closed(cfg.Leave) {
		joined, last, err := joinOnce(ctx, cfg)
		switch {
		case ctx.Err() != nil || last || hopeless(err):
			return err
		case joined:
			rest = rejoinMin
		}
		cfg.Log.Warn("not at the coordinator", "error", err, "rest", rest)
		restUnlessLeaving(ctx, cfg.Leave, rest/2+rand.N(rest/2))
		rest = min(2*rest, rejoinMax)
	}
	return nil
}

// joinOnce runs one agent, and reports whether the coordinator had let it in, and whether it was
// the last one.
func joinOnce(ctx context.Context, cfg Config) (joined, last bool, err error) {
	control, token, err := cfg.Dial(ctx)
	if err != nil {
		return false, false, err
	}
	cfg.Token = token
	a, err := New(cfg)
	if err != nil {
		_ = control.Close()
		return false, false, err
	}
	err = a.Run(ctx, control)
	select {
	case <-a.welcomed:
		return true, a.dismissed.Load(), err
	default:
		return false, false, err
	}
}

// hopeless reports whether the same try would fail for the same reason.
func hopeless(err error) bool {
	switch fanfold.KindOf(err) {
	case fanfold.KindDenied, fanfold.KindVersion, fanfold.KindUsage:
		return true
	}
	return pki.Refused(err)
}

// restUnlessLeaving waits, or until ctx or leave ends.
func restUnlessLeaving(ctx context.Context, leave <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-leave:
	case <-ctx.Done():
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
