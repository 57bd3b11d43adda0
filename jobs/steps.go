package jobs

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/fanfold/fanfold"
)

// stepCount is how many steps a task of Steps takes.
const stepCount = 3

// Steps works on each task in three steps, reports its progress after each, answers the client
// directly, and then finishes: what a long task does that somebody is waiting for.
func Steps() fanfold.Program {
	return fanfold.Program{
		Name: "steps",
		Doc:  "work in three steps, telling the client of each",
		Params: []fanfold.Param{
			{Name: "pause", Default: "100", Doc: "milliseconds that a step takes"},
		},
		Handle: func(t *fanfold.Task) (fanfold.Handler, error) {
			pause, err := t.Int("pause", 100)
			if err == nil && pause < 0 {
				err = fanfold.Errorf(fanfold.KindUsage, "parameter pause", "%d is below zero", pause)
			}
			return steps{time.Duration(pause) * time.Millisecond}, err
		},
	}
}

// steps is the handler.
type steps struct {
	pause time.Duration
}

// Handle works, and gives up as soon as the task is cancelled or out of time.
func (s steps) Handle(ctx context.Context, in []byte, reply *fanfold.Reply) error {
	for n := 1; n <= stepCount; n++ {
		if err := work(ctx, s.pause); err != nil {
			return err
		}
		if err := reply.Progress(fmt.Sprintf("step %d of %d", n, stepCount)); err != nil {
			return err
		}
	}
	answer := "worked on " + strconv.Quote(string(in))
	if err := reply.Partial([]byte(answer)); err != nil {
		return err
	}
	_, err := reply.WriteString("finished")
	return err
}

// work stands for something that takes a while.
func work(ctx context.Context, pause time.Duration) error {
	done := time.NewTimer(pause)
	defer done.Stop()
	select {
	case <-done.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
