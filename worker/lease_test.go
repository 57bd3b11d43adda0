package worker_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// TestR22AgentEndsItsWorkWithItsLease checks that an agent whose heartbeats are not answered any
// more ends its processes by its own clock, counted from the last heartbeat that was answered, and
// that one whose heartbeats are answered goes on for ever, however busy its slots are.
func TestR22AgentEndsItsWorkWithItsLease(t *testing.T) {
	const beat, lease, answered = 2 * time.Second, 8 * time.Second, 30
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := protocol.Pair()
		defer ours.Close()
		g := newGate()
		processes := make(chan *protocol.Conn, 10)
		agent, err := worker.New(worker.Config{
			Name: "w1", Slots: 1, Root: filepath.Join(t.TempDir(), "work"), SkipHash: true,
			Inside: &worker.Inside{Programs: []fanfold.Program{g.program()}},
			Attach: func(_ fanfold.Slot, c *protocol.Conn) {
				letIn(t.Context(), t, c, protocol.RoleProcess)
				processes <- c
				var b protocol.Batch
				for c.Read(&b) == nil {
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- agent.Run(t.Context(), theirs) }()
		_, _, err = protocol.Accept(t.Context(), ours, protocol.AcceptConfig{
			Identity: &protocol.Identity{Name: "test"},
			Roles:    []protocol.Role{protocol.RoleWorker},
			Hello:    protocol.Hello{Product: "fanfold test"},
			Welcome: func(protocol.Hello, protocol.Identity) (protocol.Welcome, error) {
				return protocol.Welcome{BeatMillis: uint32(beat.Milliseconds()),
					LeaseMillis: uint32(lease.Milliseconds())}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		busy := &fake{t: t, conn: <-processes}
		busy.brief("gate")
		busy.assign("x\n", 1)
		<-g.started // and it does not end
		begin := time.Now()
		last := answerBeats(t, ours, answered)
		if err := <-ended; fanfold.KindOf(err) != fanfold.KindLost {
			t.Errorf("the agent ended with %v, want that it was lost", err)
		}
		if took := time.Since(last); took != lease {
			t.Errorf("it ended %v after the last heartbeat that was answered, want %v", took, lease)
		}
		if took := time.Since(begin); took < answered*beat {
			t.Errorf("it ended after %v", took)
		}
	})
}

// answerBeats answers n heartbeats, and gives the time of the last of them.
func answerBeats(t *testing.T, control *protocol.Conn, n int) (last time.Time) {
	t.Helper()
	var b protocol.Batch
	for n > 0 {
		if err := control.Read(&b); err != nil {
			t.Fatal(err)
		}
		for m := range b.All() {
			var beat protocol.Heartbeat
			if m.Kind != protocol.KindHeartbeat || n == 0 {
				continue
			}
			if err := protocol.Decode(m, &beat); err != nil || beat.Sent == 0 {
				t.Fatalf("heartbeat %+v, %v", beat, err)
			}
			if err := control.Send(&protocol.Heartbeat{Sent: beat.Sent}); err != nil {
				t.Fatal(err)
			}
			control.Flush()
			n, last = n-1, time.Now()
		}
	}
	go func() { // the others are read, and not answered
		for control.Read(&b) == nil {
		}
	}()
	return last
}
