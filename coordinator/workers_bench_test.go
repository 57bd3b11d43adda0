package coordinator

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/fanfold/fanfold/protocol"
)

// manyWorkers is how many workers the benchmarks below have, each with one slot and one process.
const manyWorkers = 1000

// crowd makes workers, on connections in memory, and waits until all slots are ready. It tells how
// much memory a worker takes, its own end included.
func crowd(b *testing.B, s *Server) (list []*echoWorker, bytes float64) {
	before := memoryInUse()
	list = make([]*echoWorker, manyWorkers)
	for i := range list {
		list[i] = newEchoWorker(b, s, fmt.Sprint("w", i), 1)
	}
	b.Cleanup(func() {
		for _, w := range list {
			w.close()
		}
	})
	for {
		seen, err := s.Observe()
		if err != nil {
			b.Fatal(err)
		}
		for _, stat := range seen.Stats {
			if stat.Name == "fanfold_slots_ready" && stat.Value == manyWorkers {
				return list, float64(memoryInUse()-before) / manyWorkers
			}
		}
		runtime.Gosched()
	}
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkManyWorkersTask is BenchmarkStream with a thousand workers.
func BenchmarkManyWorkersTask(b *testing.B) {
	s := New(lastingConfig(Limits{}))
	defer s.Close()
	crowd(b, s)
	cpu := cpuTime()
	benchStream(b, s, 64)
	b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/task")
}

// BenchmarkManyWorkersHeartbeat is one heartbeat of each of a thousand workers in turn: what it
// costs to send, read and note.
func BenchmarkManyWorkersHeartbeat(b *testing.B) {
	s := New(lastingConfig(Limits{}))
	defer s.Close()
	workers, bytes := crowd(b, s)
	b.ResetTimer()
	cpu := cpuTime()
	for i := range b.N {
		control := workers[i%manyWorkers].conns[0]
		if err := control.Send(&protocol.Heartbeat{}); err != nil {
			b.Fatal(err)
		}
		control.Flush()
	}
	if _, err := s.Observe(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/heartbeat")
	b.ReportMetric(bytes, "B/worker")
}
