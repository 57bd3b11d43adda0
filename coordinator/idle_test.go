package coordinator

import (
	"runtime"
	"sync"
	"testing"

	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// idleMax bounds the memory of an idle connection: heap and stacks of both of its ends.
const idleMax = 32 << 10 // 22 KiB were measured, 26 with the race detector

// TestB32TenThousandIdleClients checks that a coordinator serves one client more among many that
// only stay connected, what each of them takes, and that all of it is given back.
func TestB32TenThousandIdleClients(t *testing.T) {
	s := New(Config{Limits: Limits{ConnectionsMax: idleClients + 1}})
	defer s.Close()
	var attached sync.WaitGroup
	connect := func() *protocol.Conn {
		ours, theirs := protocol.Pair()
		attached.Go(func() {
			_ = s.Attach(t.Context(), theirs, protocol.Identity{Name: "ann"})
		})
		return ours
	}
	enter := func() *client.Client {
		c, err := client.New(t.Context(), connect(), client.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	enter().Close() // what is made once
	attached.Wait()

	before := memoryInUse()
	idle := make([]*protocol.Conn, idleClients)
	for i := range idle {
		idle[i] = connect()
		hello := protocol.Hello{Role: uint8(protocol.RoleClient)}
		if _, _, err := protocol.Connect(t.Context(), idle[i], hello, nil); err != nil {
			t.Fatal(err)
		}
	}
	each := (memoryInUse() - before) / idleClients
	if each > idleMax {
		t.Errorf("an idle client takes %d bytes, the limit is %d", each, idleMax)
	}
	one := enter()
	stats, err := one.Stats(t.Context())
	if got := stat(stats, "fanfold_connections"); err != nil || got != idleClients+1 {
		t.Errorf("got %d connections, %v; want %d", got, err, idleClients+1)
	}
	one.Close()
	for _, c := range idle {
		c.Close()
	}
	attached.Wait()
	clear(idle)
	left := (memoryInUse() - before) / idleClients
	if left > each/5 { // what is left of goroutines, the runtime keeps
		t.Errorf("%d bytes of %d that a client took are left", left, each)
	}
}

// memoryInUse is what the heap and the stacks have that is still in use, in bytes.
func memoryInUse() int64 {
	runtime.GC()
	runtime.GC() // for what was in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
