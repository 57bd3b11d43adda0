package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/fanfold/fanfold/client"
)

// dialers is how many clients shake hands at a time.
const dialers = 32

// measureIdle looks at the memory of the coordinator with many clients that are connected and do
// nothing, and measures the load meanwhile.
func measureIdle(ctx context.Context, r *run) (f figures, err error) {
	pid := r.server.Process.Pid
	before := memoryOf(pid)
	idle := make([]*client.Client, r.clients)
	defer func() {
		var all sync.WaitGroup
		for _, c := range idle {
			if c != nil {
				all.Go(func() { c.Close() })
			}
		}
		all.Wait()
	}()
	next, failed := make(chan int), make(chan error, dialers)
	var all sync.WaitGroup
	for range dialers {
		all.Go(func() {
			var err error
			for i := range next {
				if err == nil {
					idle[i], err = client.Dial(ctx, r.cfg)
				}
			}
			failed <- err
		})
	}
	for i := range idle {
		next <- i
	}
	close(next)
	all.Wait()
	for range dialers {
		if err := <-failed; err != nil {
			return f, fmt.Errorf("connect an idle client: %w", err)
		}
	}
	each := float64(memoryOf(pid)-before) / float64(r.clients)
	if f, err = measureTasks(ctx, r); err != nil {
		return f, err
	}
	f.BytesEach = each
	return f, nil
}
