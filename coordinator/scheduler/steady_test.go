package scheduler

import (
	"testing"
	"time"

	"github.com/fanfold/fanfold"
)

// steady is an owner at full load: it keeps a depth of tasks of an open job in the air, and
// answers them in batches as connections bring them.
type steady struct {
	s     *State
	now   Time
	out   Out
	job   JobID
	sent  []AttemptID // not answered
	spare []AttemptID
	tag   uint64
	shape func(Command) Command // of a Submit; nil: plain
}

func newSteady(slots, depth int, spec Spec, shape func(Command) Command) *steady {
	r := &steady{s: New(DefaultConfig), shape: shape}
	for i := range slots {
		r.step(Command{Kind: OpenSlot, Worker: fanfold.WorkerID(i + 1), Key: uint64(i + 1)})
	}
	r.step(Command{Kind: OpenJob, Spec: &spec})
	for range depth {
		r.submit()
	}
	for range 200 {
		r.batch()
	}
	return r
}

func (r *steady) step(c Command) {
	r.s.Step(r.now, &c, &r.out)
	for i := range r.out.Effects {
		switch e := &r.out.Effects[i]; e.Kind {
		case JobReady:
			r.job = e.Job
		case Send:
			r.sent = append(r.sent, e.Attempt)
		}
	}
	r.out.Reset()
}

func (r *steady) submit() {
	r.tag++
	c := Command{Kind: Submit, Job: r.job, Tag: r.tag, Ref: Ref(r.tag)}
	if r.shape != nil {
		c = r.shape(c)
	}
	r.step(c)
}

// batch answers what was sent, up to 128, and submits as many tasks.
func (r *steady) batch() int {
	r.now += Time(50 * time.Microsecond)
	n := min(len(r.sent), 128)
	r.spare = append(r.spare[:0], r.sent[n:]...)
	done := r.sent[:n]
	r.sent, r.spare = r.spare, r.sent
	for _, id := range done {
		r.step(Command{Kind: Report, Attempt: id, Status: Succeeded, Nanos: 300})
	}
	for range n {
		r.submit()
	}
	return n
}

var steadySpec = Spec{
	Share: 1, Client: 1, Open: true, MaxAttempts: 4, QueueMax: 1 << 20,
	Progress: Time(10 * time.Minute), Timeout: Time(time.Hour), Grace: Time(time.Second),
}

// The shapes of tasks: with a shard, as the hash of a key gives it, with a priority, with a
// deadline, and all three in turn.
func sharded(c Command) Command {
	c.Shard = 1 + uint32(c.Tag*0x9E3779B97F4A7C15>>40)%64
	return c
}

func prioritized(c Command) Command {
	c.Priority = uint8(c.Tag * 5 % 8)
	return c
}

func limited(c Command) Command {
	c.Until = Time(time.Hour) + Time(c.Tag)*ms/100
	return c
}

func mixed(c Command) Command {
	switch c.Tag % 3 {
	case 0:
		return sharded(c)
	case 1:
		return prioritized(c)
	}
	return limited(c)
}

// TestSteadyAllocations: no task allocates, whether its events are kept or not, once the memory
// for the tasks in the air is there.
func TestSteadyAllocations(t *testing.T) {
	tests := []struct {
		name   string
		record bool
		spec   func(*Spec)
		shape  func(Command) Command
	}{
		{"plain", false, func(*Spec) {}, nil},
		{"recorded", true, func(*Spec) {}, nil},
		{"durable", false, func(s *Spec) { s.Durable = true }, nil},
		{"shards", false, func(s *Spec) { s.Shards = 64 }, sharded},
		{"priorities", false, func(*Spec) {}, prioritized},
		{"deadlines", false, func(*Spec) {}, limited},
		{"mixed", true, func(s *Spec) { s.Shards = 64 }, mixed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := steadySpec
			test.spec(&spec)
			r := newSteady(2, 2048, spec, test.shape)
			r.out.Record = test.record
			tasks := r.batch()
			if got := testing.AllocsPerRun(200, func() { tasks += r.batch() }); got != 0 {
				t.Errorf("got %v allocations per batch, want 0", got)
			}
			if tasks < 10_000 {
				t.Errorf("vacuous: %d tasks", tasks)
			}
		})
	}
}

// TestMemoryGivenBack: of a million queued tasks nothing is left when their job has ended.
func TestMemoryGivenBack(t *testing.T) {
	r := &steady{s: New(DefaultConfig)}
	r.step(Command{Kind: OpenJob, Spec: &steadySpec})
	for range 100_000 {
		r.submit()
	}
	if got := len(r.s.tasks.pages); got != 100_000/pageLen+1 {
		t.Errorf("got %d pages for 100,000 tasks", got)
	}
	r.step(Command{Kind: CancelJob, Job: r.job})
	steps := 0
	for ; r.s.Next() != 0; steps++ {
		r.step(Command{Kind: Tick})
	}
	if want := 100_000/int(DefaultConfig.ReapMax) + 2; steps > want { // the last for the job
		t.Errorf("reaped in %d ticks, want at most %d", steps, want)
	}
	for p, page := range r.s.tasks.pages {
		if page != nil {
			t.Errorf("page %d is still there", p)
		}
	}
}

// BenchmarkTask is one task of an open job: submitted, assigned, reported, answered.
func BenchmarkTask(b *testing.B) {
	tests := []struct {
		name  string
		slots int
		spec  func(*Spec)
		shape func(Command) Command
	}{
		{"slots=2", 2, func(*Spec) {}, nil},
		{"slots=64", 64, func(*Spec) {}, nil},
		{"slots=1000", 1000, func(*Spec) {}, nil},
		{"durable", 2, func(s *Spec) { s.Durable = true }, nil},
		{"shards/slots=2", 2, func(s *Spec) { s.Shards = 64 }, sharded},
		{"shards/slots=16", 16, func(s *Spec) { s.Shards = 64 }, sharded},
		{"priorities", 2, func(*Spec) {}, prioritized},
		{"deadlines", 2, func(*Spec) {}, limited},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			spec := steadySpec
			test.spec(&spec)
			r := newSteady(test.slots, 2048, spec, test.shape)
			b.ReportAllocs()
			tasks := 0
			for b.Loop() {
				for range 8 {
					tasks += r.batch()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(tasks), "ns/task")
		})
	}
}
