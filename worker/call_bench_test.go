package worker_test

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// BenchmarkCall has a task process run calls, with so many on their way at a time. Its GOMAXPROCS
// is what the name says, or the default.
func BenchmarkCall(b *testing.B) {
	for _, procs := range []string{"", "1", "2"} {
		for _, ahead := range []int{1, 8, 128, 512} {
			b.Run(fmt.Sprintf("procs=%s/ahead=%d", cmp.Or(procs, "own"), ahead), func(b *testing.B) {
				var env []string
				if procs != "" {
					env = []string{"GOMAXPROCS=" + procs}
				}
				h := startAgent(b, worker.Config{Slots: 1, Env: env, TasksMax: 1 << 40})
				f := h.process()
				defer close(f.closed)
				benchmarkCalls(b, f, ahead)
			})
		}
	}
}

// BenchmarkCallInside is the same without a process.
func BenchmarkCallInside(b *testing.B) {
	for _, ahead := range []int{1, 512} {
		b.Run(fmt.Sprintf("ahead=%d", ahead), func(b *testing.B) {
			benchmarkCalls(b, startMain(b, worker.MainConfig{}, answer), ahead)
		})
	}
}

func benchmarkCalls(b *testing.B, f *fake, ahead int) {
	f.open(answer, fanfold.Job{})
	c := protocol.Call{Job: 1, Data: make([]byte, 64)}
	sent, got := 0, 0
	var r protocol.Return
	b.ReportAllocs()
	b.ResetTimer()
	for got < b.N {
		for ; sent < b.N && sent-got < ahead; sent++ {
			c.Attempt = uint64(sent + 1)
			if err := f.conn.Send(&c); err != nil {
				b.Fatal(err)
			}
		}
		f.conn.Flush()
		if err := f.conn.Read(&f.batch); err != nil {
			b.Fatal(err)
		}
		for m := range f.batch.All() {
			if err := protocol.Decode(m, &r); err != nil || r.Status != protocol.StatusSucceeded {
				b.Fatal(err, r.Failure)
			}
			got++
		}
	}
}
