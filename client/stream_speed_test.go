package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// echo answers the tasks of open jobs with their own first bytes, until the connection ends.
func (s *server) echo(t testing.TB) {
	var b protocol.Batch
	var task protocol.Task
	reply := protocol.Reply{State: uint8(fanfold.Succeeded), Attempts: 1, Worker: "worker"}
	var cost int64 // of tasks, for which no credit was given yet
	for s.conn.Read(&b) == nil {
		for m := range b.All() {
			if m.Kind != protocol.KindTask {
				s.control(t, m)
				continue
			}
			if err := protocol.Decode(m, &task); err != nil {
				t.Error(err)
			}
			cost += int64(len(task.Data) + protocol.TaskCost)
			reply.Request, reply.Tag, reply.Data = task.Request, task.Tag, task.Data
			for errors.Is(s.conn.Send(&reply), protocol.ErrQueueFull) {
				_ = s.conn.WaitQueued(context.Background(), protocol.QueueMax/2) // or the end
			}
		}
		if cost >= protocol.InputWindow/4 {
			_ = s.conn.Send(&protocol.Credit{Stream: task.Request, Bytes: cost})
			cost = 0
		}
		s.conn.Flush()
	}
}

// control answers what is no task. Credit of the client is not asked for.
func (s *server) control(t testing.TB, m protocol.Message) {
	v := body(m.Kind)
	if err := protocol.Decode(m, v); err != nil {
		t.Error(err)
	}
	switch v := v.(type) {
	case *protocol.Submit:
		_ = s.conn.Send(accepted(v.Request))
	case *protocol.InputEnd:
		_ = s.conn.Send(finished(v.Request))
	case *protocol.Cancel:
		_ = s.conn.Send(&protocol.Ended{Request: v.Request, State: uint32(fanfold.Cancelled)})
	}
}

// pump sends n tasks with at most depth under way, and receives their results.
func pump(t testing.TB, st *Stream, n, depth int) {
	ctx := context.Background()
	task := Task{Data: make([]byte, 8)}
	for sent, got := 0, 0; got < n; {
		for ; sent < n && sent-got < depth; sent++ {
			if _, err := st.Send(ctx, task); err != nil {
				t.Fatal(err)
			}
		}
		r, err := st.Recv(ctx)
		if err != nil || len(r.Data) != len(task.Data) {
			t.Fatalf("got %+v, %v", r, err)
		}
		got++
	}
}

func TestTasksAreNotAllocated(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		c, s := connect(t)
		go s.echo(t)
		st, err := c.Open(t.Context(), StreamSpec{
			Job: fanfold.Job{Program: "echo"}, Ordered: ordered,
		})
		if err != nil {
			t.Fatal(err)
		}
		const n, most = 50_000, 0.05
		pump(t, st, n, 4096) // buffers grow
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		pump(t, st, n, 4096)
		runtime.ReadMemStats(&after)
		if each := float64(after.Mallocs-before.Mallocs) / n; each > most {
			t.Errorf("ordered %t: %.3f allocations per task, at most %.2f", ordered, each, most)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestB12StreamOverSockets(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			c, s := connectOver(t, func() (ours, theirs *protocol.Conn) {
				return socketPair(t, network)
			})
			go s.echo(t)
			st, err := c.Open(t.Context(), StreamSpec{Job: fanfold.Job{Program: "echo"}})
			if err != nil {
				t.Fatal(err)
			}
			pump(t, st, 20_000, 4096)
			if r, err := st.Call(t.Context(), Task{Data: []byte("one")}); string(r.Data) != "one" {
				t.Errorf("got %+v, %v", r, err)
			}
			put(t, st, Task{Data: []byte("alone")}) // travels without Recv
			for st.Unanswered() > 0 {
				runtime.Gosched()
			}
			if r := take(t, st); string(r.Data) != "alone" {
				t.Errorf("got %+v", r)
			}
			if err := st.CloseSend(); err != nil {
				t.Error(err)
			}
			takeEnd(t, st, fanfold.KindNone)
		})
	}
}

// socketPair gives the two ends of a connection.
func socketPair(t *testing.T, network string) (ours, theirs *protocol.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		dir, err := os.MkdirTemp("", "") // t.TempDir is too long for the name of a socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		address = filepath.Join(dir, "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return protocol.NewConn(a), protocol.NewConn(b)
}

// BenchmarkStream has the work of the server in it as well.
func BenchmarkStream(b *testing.B) {
	for _, depth := range []int{1, 64, 4096} {
		b.Run(fmt.Sprint(depth), func(b *testing.B) {
			c, s := connect(b)
			go s.echo(b)
			st, err := c.Open(b.Context(), StreamSpec{Job: fanfold.Job{Program: "echo"}})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			b.ReportAllocs()
			b.ResetTimer()
			pump(b, st, b.N, depth)
		})
	}
}

func BenchmarkCall(b *testing.B) {
	c, s := connect(b)
	go s.echo(b)
	st, err := c.Open(b.Context(), StreamSpec{Job: fanfold.Job{Program: "echo"}})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	b.ReportAllocs()
	task := Task{Data: make([]byte, 8)}
	for b.Loop() {
		if r, err := st.Call(b.Context(), task); err != nil || len(r.Data) != len(task.Data) {
			b.Fatalf("got %+v, %v", r, err)
		}
	}
}
