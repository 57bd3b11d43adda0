package protocol

import (
	"io"
	"slices"
	"testing"
	"time"
)

// streamMessages are the four that a task of an open job needs.
func streamMessages() []hot {
	return []hot{
		&Task{Request: 1, Tag: 1 << 20, Data: make([]byte, 64)},
		&Call{Attempt: 1 << 40, Job: 7, Data: make([]byte, 64), Task: 1 << 20, Number: 1},
		&Return{Attempt: 1 << 40, Status: 1, Data: make([]byte, 8), Nanos: 700},
		&Reply{Request: 1, Tag: 1 << 20, State: 3, Data: make([]byte, 8), Attempts: 1, Worker: "local"},
	}
}

// nowhere is a transport that takes everything, and gives the same bytes again and again.
type nowhere struct {
	data []byte
	at   int
}

func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) Close() error                { return nil }

func (n *nowhere) Read(b []byte) (int, error) {
	if len(n.data) == 0 {
		return 0, io.EOF
	}
	k := copy(b, n.data[n.at:])
	n.at = (n.at + k) % len(n.data)
	return k, nil
}

// depth is how many messages go out with one Flush.
const depth = 128

// BenchmarkStreamSend is Send with a Flush every 128 messages.
func BenchmarkStreamSend(b *testing.B) {
	for _, v := range streamMessages() {
		b.Run(v.kind().String(), func(b *testing.B) {
			c := newConn(&nowhere{})
			defer c.Close()
			for i := 0; b.Loop(); i++ {
				if err := c.Send(v); err != nil {
					b.Fatal(err)
				}
				if i%depth == 0 {
					c.Flush()
					if c.Queued() > QueueMax/2 {
						c.WaitQueued(b.Context(), QueueMax/4)
					}
				}
			}
		})
	}
}

// BenchmarkStreamRead is Read and Decode of one of many messages that have arrived.
func BenchmarkStreamRead(b *testing.B) {
	for _, v := range streamMessages() {
		b.Run(v.kind().String(), func(b *testing.B) {
			var l lane
			for range 64 {
				for range depth {
					if err := l.add(v, true, BulkMax); err != nil {
						b.Fatal(err)
					}
				}
				l.open = false
			}
			c := newConn(&nowhere{data: l.buf})
			defer c.Close()
			var batch Batch
			for n := 0; b.Loop(); n-- {
				if n == 0 {
					if err := c.Read(&batch); err != nil {
						b.Fatal(err)
					}
					n = batch.Len()
				}
				if err := Decode(batch.msgs[n-1], v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStream is the whole way of a Task, 128 with one Flush.
func BenchmarkStream(b *testing.B) {
	for _, tr := range transports {
		b.Run(tr.name, func(b *testing.B) {
			x, y := tr.dial(b)
			defer x.Close()
			defer y.Close()
			go func() {
				v := &Task{Request: 1, Tag: 1 << 20, Data: make([]byte, 64)}
				for i := 0; ; i++ {
					if i%depth == 0 && x.WaitQueued(b.Context(), QueueMax/2) != nil || x.Send(v) != nil {
						return
					}
				}
			}()
			var batch Batch
			var task Task
			for n := 0; b.Loop(); n-- {
				if n == 0 {
					if err := y.Read(&batch); err != nil {
						b.Fatal(err)
					}
					n = batch.Len()
				}
				if err := Decode(batch.msgs[n-1], &task); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStreamPingPong is one Task there and one Reply back: what a task waits for at least.
func BenchmarkStreamPingPong(b *testing.B) {
	for _, tr := range transports {
		b.Run(tr.name, func(b *testing.B) {
			x, y := tr.dial(b)
			defer x.Close()
			defer y.Close()
			go func() {
				var batch Batch
				reply := &Reply{Request: 1, Tag: 1, State: 3, Data: make([]byte, 8), Attempts: 1}
				for y.Read(&batch) == nil && y.Send(reply) == nil {
					y.Flush()
				}
			}()
			task := &Task{Request: 1, Tag: 1, Data: make([]byte, 64)}
			var batch Batch
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if err := x.Send(task); err != nil {
					b.Fatal(err)
				}
				x.Flush()
				if err := x.Read(&batch); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1000, "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100])/1000, "p99-µs")
		})
	}
}
