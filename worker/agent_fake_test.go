package worker_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// host is a scripted coordinator of one agent with real task processes.
type host struct {
	t        testing.TB
	root     string
	control  *protocol.Conn
	hello    protocol.Hello // of the agent, set before known is closed
	known    chan struct{}
	attached chan *fake // processes, in the order in which they come
	stop     context.CancelFunc
	ended    chan error // what Run returned
	batch    protocol.Batch
	ready    []protocol.Message
}

// startAgent starts an agent. Its processes are this test binary once more.
func startAgent(t testing.TB, cfg worker.Config) *host {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ours, theirs := protocol.Pair()
	h := &host{
		t: t, control: ours, root: filepath.Join(t.TempDir(), "work"), stop: stop,
		known: make(chan struct{}), attached: make(chan *fake), ended: make(chan error, 1),
	}
	cfg.Name, cfg.Root = "w1", h.root
	cfg.Env = append(cfg.Env, "GORACE=atexit_sleep_ms=0") // the race detector's second at each exit
	cfg.Attach = func(slot fanfold.Slot, c *protocol.Conn) { h.attach(ctx, slot, c) }
	agent, err := worker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	go func() { h.ended <- agent.Run(ctx, theirs) }()
	h.hello, _, err = protocol.Accept(t.Context(), ours, protocol.AcceptConfig{
		Identity: &protocol.Identity{Name: "test"},
		Roles:    []protocol.Role{protocol.RoleWorker},
		Hello:    protocol.Hello{Product: "fanfold test"},
		Welcome: func(protocol.Hello, protocol.Identity) (protocol.Welcome, error) {
			return protocol.Welcome{
				BeatMillis: 5, SegmentToken: segmentToken, SegmentKey: segmentKey,
			}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	close(h.known)
	var beat protocol.Heartbeat
	h.next(protocol.KindHeartbeat, &beat) // it has seen the Welcome
	t.Cleanup(func() {
		stop()
		_ = h.result()
		_ = ours.Close()
	})
	return h
}

// attach shakes hands with a process and holds its connection until the agent ends.
func (h *host) attach(ctx context.Context, slot fanfold.Slot, c *protocol.Conn) {
	hello, _, err := protocol.Accept(ctx, c, protocol.AcceptConfig{
		Identity: &protocol.Identity{Name: "test"},
		Roles:    []protocol.Role{protocol.RoleProcess},
		Hello:    protocol.Hello{Product: "fanfold test"},
	})
	if err != nil {
		return // it died, or the agent ends
	}
	<-h.known
	f := &fake{t: h.t, conn: c, dir: h.hello.Dir, hello: hello, closed: make(chan struct{})}
	if hello.Name != "w1" || !slices.Equal(hello.Slots, []uint32{uint32(slot)}) {
		h.t.Errorf("hello of %q with slots %v, want slot %d", hello.Name, hello.Slots, slot)
	}
	select {
	case h.attached <- f:
	case <-ctx.Done():
		return
	}
	select {
	case <-f.closed:
	case <-ctx.Done():
	}
}

// process waits for the next process.
func (h *host) process() *fake {
	h.t.Helper()
	select {
	case f := <-h.attached:
		return f
	case err := <-h.ended:
		h.t.Fatalf("the agent ended: %v", err)
	}
	return nil
}

// send sends messages to the agent.
func (h *host) send(messages ...protocol.Body) {
	h.t.Helper()
	for _, m := range messages {
		if err := h.control.Send(m); err != nil {
			h.t.Fatal(err)
		}
	}
	h.control.Flush()
}

// next waits for the next message of the kind of v and decodes it. Heartbeats are skipped.
func (h *host) next(kind protocol.Kind, v protocol.Body) {
	h.t.Helper()
	for {
		for len(h.ready) > 0 {
			m := h.ready[0]
			h.ready = h.ready[1:]
			if m.Kind == protocol.KindHeartbeat && kind != protocol.KindHeartbeat {
				continue
			}
			if m.Kind != kind {
				h.t.Fatalf("message of kind %s, want %s", m.Kind, kind)
			}
			if err := protocol.Decode(m, v); err != nil {
				h.t.Fatal(err)
			}
			return
		}
		if err := h.control.Read(&h.batch); err != nil {
			h.t.Fatalf("the agent is gone: %v, %v", err, h.result())
		}
		h.ready = slices.AppendSeq(h.ready, h.batch.All())
	}
}

// rest reads control to its end and gives the kinds of what came.
func (h *host) rest() (kinds []protocol.Kind) {
	h.t.Helper()
	for {
		for _, m := range h.ready {
			kinds = append(kinds, m.Kind)
		}
		h.ready = nil
		if err := h.control.Read(&h.batch); errors.Is(err, io.EOF) {
			return kinds
		} else if err != nil {
			h.t.Fatal(err)
		}
		h.ready = slices.AppendSeq(h.ready, h.batch.All())
	}
}

// result waits for the end of the agent.
func (h *host) result() error {
	err := <-h.ended
	h.ended <- err
	return err
}
