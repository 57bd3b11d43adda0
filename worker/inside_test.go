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

// soleSlot runs an agent with one slot, whose processes attach takes, until ctx ends.
func soleSlot(ctx context.Context, t *testing.T, attach func(*protocol.Conn)) {
	t.Helper()
	ours, theirs := protocol.Pair()
	defer ours.Close()
	agent, err := worker.New(worker.Config{
		Name: "w1", Slots: 1, Root: filepath.Join(t.TempDir(), "work"), SkipHash: true,
		Inside: &worker.Inside{},
		Attach: func(_ fanfold.Slot, c *protocol.Conn) { attach(c) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- agent.Run(ctx, theirs) }()
	letIn(ctx, t, ours, protocol.RoleWorker)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// letIn does the coordinator's half of a handshake.
func letIn(ctx context.Context, t *testing.T, c *protocol.Conn, role protocol.Role) {
	if _, _, err := protocol.Accept(ctx, c, protocol.AcceptConfig{
		Identity: &protocol.Identity{Name: "test"},
		Roles:    []protocol.Role{role},
		Hello:    protocol.Hello{Product: "fanfold test"},
	}); err != nil {
		t.Error(err)
	}
}

func TestAgentRestsWhenProcessesDieYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		begin, starts := time.Now(), []time.Duration{}
		soleSlot(ctx, t, func(c *protocol.Conn) {
			starts = append(starts, time.Since(begin))
			_ = c.Close()
		})
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

func TestAgentDoesNotRestWhenProcessesRetireYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		begin, starts := time.Now(), 0
		soleSlot(ctx, t, func(c *protocol.Conn) {
			if starts++; starts > 50 {
				stop()
				return
			}
			letIn(ctx, t, c, protocol.RoleProcess)
			_ = c.Send(&protocol.Retire{}) // or its end shows below
			c.Flush()
			var b protocol.Batch
			for c.Read(&b) == nil {
			}
		})
		if late := time.Since(begin); starts <= 50 || late > 0 {
			t.Errorf("%d processes were started within %v, want them at once", starts, late)
		}
	})
}
