package worker_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

func TestAgentRestsWhenProcessesDieYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := protocol.Pair()
		defer ours.Close()
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		begin, starts := time.Now(), []time.Duration{} // starts is the one slot's
		agent, err := worker.New(worker.Config{
			Name: "w1", Slots: 1, Root: filepath.Join(t.TempDir(), "work"), SkipHash: true,
			Inside: &worker.Inside{},
			Attach: func(_ fanfold.Slot, c *protocol.Conn) {
				starts = append(starts, time.Since(begin))
				_ = c.Close()
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- agent.Run(ctx, theirs) }()
		if _, _, err := protocol.Accept(ctx, ours, protocol.AcceptConfig{
			Identity: &protocol.Identity{Name: "test"},
			Roles:    []protocol.Role{protocol.RoleWorker},
			Hello:    protocol.Hello{Product: "fanfold test"},
		}); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		at := func(millis ...int) (list []time.Duration) {
			list = slices.Repeat([]time.Duration{0}, 17)
			for _, ms := range millis {
				list = append(list, time.Duration(ms)*time.Millisecond)
			}
			return list
		}
		if want := at(100, 300, 700, 1500, 3100, 6300, 11300, 16300); !slices.Equal(starts, want) {
			t.Errorf("processes were started at %v, want %v", starts, want)
		}
	})
}
