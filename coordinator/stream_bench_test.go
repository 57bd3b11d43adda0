package coordinator

import (
	"context"
	"testing"

	"github.com/fanfold/fanfold/protocol"
)

// benchWindow is how many tasks the benchmark has under way.
const benchWindow = 4096

// BenchmarkStream takes tasks from a client to a process and their results back, over in-memory
// connections: both ends do as little as they can. ns/op is all of it, on the cores that there are.
func BenchmarkStream(b *testing.B) {
	for name, size := range map[string]int{"64B": 64, "7KiB": 7 << 10} {
		b.Run(name, func(b *testing.B) {
			s := New(lastingConfig(Limits{}))
			defer s.Close()
			w := newEchoWorker(b, s, "w1", 2)
			defer w.close()
			benchStream(b, s, size)
		})
	}
}

// benchStream measures a stream of tasks to the processes that there are.
func benchStream(b *testing.B, s *Server, size int) {
	conn := enterAs(b, s, protocol.Hello{Role: uint8(protocol.RoleClient)})
	defer conn.Close()
	send := func(m protocol.Body) {
		if err := conn.Send(m); err != nil {
			b.Fatal(err)
		}
	}
	send(&protocol.Submit{
		Request: 1, Job: protocol.JobSpec{Program: "echo"}, Credit: 1 << 40,
		Open: []protocol.OpenSpec{{}},
	})
	conn.Flush()
	task := protocol.Task{Request: 1, Data: make([]byte, size)}
	credit, sent, got := int64(protocol.InputWindow), 0, 0
	var batch protocol.Batch
	var reply protocol.Reply
	b.ReportAllocs()
	b.ResetTimer()
	for got < b.N {
		for sent < b.N && sent-got < benchWindow && credit > 0 &&
			conn.Queued() < protocol.QueueMax/2 {
			task.Tag = uint64(sent)
			send(&task)
			sent, credit = sent+1, credit-cost(size)
		}
		conn.Flush()
		if err := conn.Read(&batch); err != nil {
			b.Fatal(err)
		}
		for m := range batch.All() {
			switch m.Kind {
			case protocol.KindReply:
				if err := protocol.Decode(m, &reply); err != nil || reply.State != 3 {
					b.Fatalf("%v, %+v", err, reply)
				}
				got++
			case protocol.KindCredit:
				var c protocol.Credit
				if err := protocol.Decode(m, &c); err != nil {
					b.Fatal(err)
				}
				credit += c.Bytes
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

// echoWorker is a worker whose processes answer calls with eight bytes of them, as cheaply as can
// be.
type echoWorker struct {
	conns []*protocol.Conn
	ended chan struct{}
}

func newEchoWorker(t testing.TB, s *Server, name string, slots int) *echoWorker {
	w := &echoWorker{ended: make(chan struct{}, slots+1)}
	hello := protocol.Hello{Role: uint8(protocol.RoleWorker), Name: name}
	for i := range slots {
		hello.Slots = append(hello.Slots, uint32(i))
	}
	w.add(enterAs(t, s, hello), func(protocol.Message, *protocol.Conn) {})
	for i := range slots {
		conn := enterAs(t, s, protocol.Hello{
			Role: uint8(protocol.RoleProcess), Name: name, Slots: []uint32{uint32(i)},
		})
		var call protocol.Call
		var back protocol.Return
		w.add(conn, func(m protocol.Message, conn *protocol.Conn) {
			if m.Kind != protocol.KindCall {
				return
			}
			if err := protocol.Decode(m, &call); err != nil {
				t.Error(err)
			}
			back.Attempt, back.Status, back.Nanos = call.Attempt, protocol.StatusSucceeded, 300
			back.Data = call.Data[:min(8, len(call.Data))]
			if err := conn.Send(&back); err != nil {
				t.Error(err)
			}
		})
	}
	return w
}

// add has a goroutine take what comes on a connection.
func (w *echoWorker) add(conn *protocol.Conn, take func(protocol.Message, *protocol.Conn)) {
	w.conns = append(w.conns, conn)
	go func() {
		defer func() { w.ended <- struct{}{} }()
		var b protocol.Batch
		for conn.Read(&b) == nil {
			for m := range b.All() {
				take(m, conn)
			}
			conn.Flush()
		}
	}()
}

func (w *echoWorker) close() {
	for _, c := range w.conns {
		c.Close()
		<-w.ended
	}
}

// enterAs connects a peer to a server that is in no bubble.
func enterAs(t testing.TB, s *Server, hello protocol.Hello) *protocol.Conn {
	ours, theirs := protocol.Pair()
	go func() { _ = s.Attach(context.Background(), theirs, protocol.Identity{Name: "ann"}) }()
	if _, _, err := protocol.Connect(t.Context(), ours, hello, nil); err != nil {
		t.Fatal(err)
	}
	return ours
}
