package worker_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// TestAgentDialsAFewAtATime checks that an agent with many slots brings all of their processes to
// the coordinator, with no more handshakes at a time than a coordinator grants to one host, and
// that it says itself whose the processes are.
func TestAgentDialsAFewAtATime(t *testing.T) {
	const slots, most = 40, 4
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		control, theirs := protocol.Pair()
		defer control.Close()
		var mu sync.Mutex // guards what follows
		var now, peak int
		came := map[uint32]bool{}
		var peers sync.WaitGroup
		agent, err := worker.New(worker.Config{
			Name: "w1", Slots: slots, Root: filepath.Join(t.TempDir(), "work"), SkipHash: true,
			Inside: &worker.Inside{},
			Dial: func(context.Context) (*protocol.Conn, []byte, error) {
				near, far := protocol.Pair()
				mu.Lock()
				defer mu.Unlock()
				now++
				peak = max(peak, now)
				peers.Go(func() {
					defer far.Close()
					pass(time.Second) // a slow handshake
					hello, _, err := protocol.Accept(ctx, far, protocol.AcceptConfig{
						Identity: &protocol.Identity{Name: "test"},
						Roles:    []protocol.Role{protocol.RoleProcess},
						Hello:    protocol.Hello{Product: "fanfold test"},
						Welcome: func(
							hello protocol.Hello, _ protocol.Identity,
						) (w protocol.Welcome, err error) {
							mu.Lock()
							defer mu.Unlock()
							now--
							came[hello.Slots[0]] = true
							return w, nil
						},
					})
					if err != nil || hello.Name != "w1" {
						t.Errorf("process of %q, %v", hello.Name, err)
					}
					<-ctx.Done()
				})
				return near, nil, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- agent.Run(ctx, theirs) }()
		letIn(ctx, t, control, protocol.RoleWorker)
		pass(slots / most * 2 * time.Second)
		mu.Lock()
		if len(came) != slots || peak != most {
			t.Errorf("%d processes came, up to %d at a time; want %d, %d", len(came), peak, slots, most)
		}
		mu.Unlock()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		peers.Wait()
	})
}

// pass lets time pass on the bubble's clock.
func pass(d time.Duration) { <-time.After(d) }
