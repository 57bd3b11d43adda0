package protocol

import (
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// testFlushIsDirect checks that over this transport a Flush writes itself what is not much: when it
// returns nothing is queued, and the writer was not asked.
func testFlushIsDirect(t *testing.T, a, b *Conn) {
	if _, ok := a.rw.(*tls.Conn); ok {
		t.Skip("only the writer writes to TLS: it may have to wait")
	}
	if a.out.some == nil {
		t.Fatal("there is no way to write without waiting")
	}
	for i := range 20 {
		send(t, a, &Stop{Attempt: uint64(i)}, &Credit{Stream: uint64(i)})
		if q := a.Queued(); q != 0 || a.out.writing {
			t.Errorf("%d bytes are queued behind a flush, writing: %v", q, a.out.writing)
		}
	}
	var ks []Kind
	each(t, b, 40, func(m Message) { ks = append(ks, m.Kind) })
	for i, k := range ks {
		if want := []Kind{KindCredit, KindStop}[i%2]; k != want { // urgent goes first
			t.Fatalf("message %d is a %s, want %s", i, k, want)
		}
	}
}

// testFlushNeverBlocks checks that a peer which does not read makes no Flush wait, and that nothing
// is lost or out of order at the place where the transport took a part of a write.
func testFlushNeverBlocks(t *testing.T, a, b *Conn) {
	data := make([]byte, 777)
	n := 0
	for ; ; n++ {
		err := a.Send(&Task{Request: 1, Tag: uint64(n), Data: data})
		if errors.Is(err, ErrQueueFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		a.Flush() // the last ones while the transport is full
	}
	if q := a.Queued(); q < QueueMax {
		t.Errorf("%d bytes are queued, want %d", q, QueueMax)
	}
	next := uint64(0)
	each(t, b, n, func(m Message) {
		var task Task
		if err := Decode(m, &task); err != nil || task.Tag != next || len(task.Data) != len(data) {
			t.Fatalf("got task %d and %v, want %d", task.Tag, err, next)
		}
		next++
	})
	if err := a.WaitQueued(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if a.Flush(); a.out.rest != nil {
		t.Error("something is left over")
	}
}

// testFlushTogether checks that all arrives in its order when several flush at the same time, with
// messages too long for a direct write in between.
func testFlushTogether(t *testing.T, a, b *Conn) {
	const senders, n = 4, 400
	a.SetQueueMax(64 << 20)
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(s), 1))
			for i := range n {
				task := Task{Request: uint64(s), Tag: uint64(i), Data: make([]byte, r.IntN(300))}
				if r.IntN(50) == 0 {
					task.Data = make([]byte, directMax)
				}
				if err := a.Send(&task); err != nil {
					t.Error(err)
				}
				a.Flush()
			}
		})
	}
	var next [senders]uint64
	each(t, b, senders*n, func(m Message) {
		var task Task
		if err := Decode(m, &task); err != nil || task.Tag != next[task.Request] {
			t.Fatalf("got %d of sender %d and %v, want %d", task.Tag, task.Request, err,
				next[task.Request])
		}
		next[task.Request]++
	})
	all.Wait()
}

// TestDirectOnlyOfKnown checks that a transport which is not known is not written past.
func TestDirectOnlyOfKnown(t *testing.T) {
	x, y := connected(t, "tcp", "127.0.0.1:0")
	defer y.Close()
	c := NewConn(struct{ net.Conn }{x})
	defer c.Close()
	if c.out.some != nil {
		t.Error("a transport around another is written past")
	}
}

// TestGrown checks the sizes of buffers.
func TestGrown(t *testing.T) {
	for _, tt := range []struct{ has, more, want int }{
		{0, 1, 1}, {0, 257, 512}, {0, readMin, readMin}, {readMin, 1, 2 * readMin}, {10, 5000, 8 << 10},
		{keepMax, 1, 2 * keepMax}, {1, BulkMax, 2 * BulkMax},
	} {
		b := append(make([]byte, 0, tt.has), make([]byte, tt.has)...)
		for i := range b {
			b[i] = byte(i)
		}
		got := grown(b, tt.more)
		if len(got) != tt.has || cap(got) != tt.want {
			t.Errorf("%d and %d more: got %d of %d, want %d", tt.has, tt.more, len(got), cap(got), tt.want)
		}
		for i := range got {
			if got[i] != byte(i) {
				t.Fatalf("%d and %d more: byte %d has changed", tt.has, tt.more, i)
			}
		}
		recycle(got)
	}
	for size, want := range map[int]int{
		0: -1, 1: -1, keepMax: -1, largeMin: 0, largeMin + 1: -1, 2 * largeMin: 1, BulkMax: 3,
		2 * BulkMax: -1,
	} {
		if got := largeIndex(size); got != want {
			t.Errorf("the place of %d is %d, want %d", size, got, want)
		}
	}
}
