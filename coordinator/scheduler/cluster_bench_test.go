package scheduler

import (
	"runtime"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
)

// inUse is how much memory is in use.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkThousandWorkers is a closed job of 100,000 map tasks and 100 reduce tasks on 1,000
// workers of one slot; each attempt reports progress once. It tells what a task costs and what a
// worker takes.
func BenchmarkThousandWorkers(b *testing.B) {
	const workers, tasks, reduces = 1000, 100_000, 100
	done, memory := 0, uint64(0)
	for b.Loop() {
		b.StopTimer()
		before := inUse()
		s, out := New(DefaultConfig), Out{}
		for w := range fanfold.WorkerID(workers) {
			s.Step(0, &Command{Kind: OpenSlot, Worker: w + 1, Key: uint64(w)}, &out)
		}
		memory += inUse() - before
		b.StartTimer()
		done += playClosed(s, &Spec{
			Client: 1, Backups: true, Reduces: reduces, Progress: Time(10 * time.Minute),
		}, tasks)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/task")
	b.ReportMetric(float64(memory)/float64(workers*b.N), "B/worker")
}

// playClosed runs a closed job: every attempt takes ten milliseconds, and they end in the order in
// which they were sent. It gives the number of tasks committed.
func playClosed(s *State, spec *Spec, tasks int) (done int) {
	const took = 10 * ms
	type running struct {
		id   AttemptID
		ends Time
	}
	var out Out
	var job JobID
	var line []running
	now, ended := Time(1), false
	step := func(c Command) {
		out.Reset()
		s.Step(now, &c, &out)
		for i := range out.Effects {
			switch e := &out.Effects[i]; e.Kind {
			case JobReady:
				job = e.Job
			case Send:
				line = append(line, running{e.Attempt, now + took})
			case Commit:
				done++
			case Deliver:
				ended = true
			}
		}
	}
	step(Command{Kind: OpenJob, Spec: spec})
	for range tasks {
		step(Command{Kind: Submit, Job: job})
	}
	step(Command{Kind: CloseJob, Job: job})
	for !ended {
		if next := s.Next(); next != 0 && next <= now {
			step(Command{Kind: Tick})
		}
		if len(line) == 0 {
			continue
		}
		a := line[0]
		line = line[1:]
		now = max(now, a.ends)
		step(Command{Kind: Progress, Attempt: a.id, Percent: 50})
		step(Command{Kind: Report, Attempt: a.id, Status: Succeeded, Nanos: int64(took)})
	}
	step(Command{Kind: FinishJob, Job: job, Status: Succeeded})
	for next := s.Next(); next != 0 && next <= now; next = s.Next() { // its tasks are reaped
		step(Command{Kind: Tick})
	}
	return done
}
