package scheduler

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
)

// How much TestR25Simulation does: so many schedules, or as many as a time has room for. A seed
// plays one schedule, and prints it.
var (
	simulateFor  = flag.Duration("simulate", 0, "simulate schedules for a `time`")
	simulateSeed = flag.Uint64("schedule", 0, "simulate the schedule of one `seed`, and print it")
)

const (
	schedules   = 500           // of a run without flags
	faultsUntil = 400 * ms      // the phase of safety: anything may happen
	calmUntil   = 100_000 * ms  // the phase of liveness: all jobs have ended by then
	beatEvery   = 20 * ms       // of workers
	leaseTime   = 4 * beatEvery // both sides take the other for lost without a beat
	happenMax   = 200_000       // things in one schedule
)

// simulation is a coordinator around a State, workers, clients, and a network between them, in a
// time of their own. All that happens is decided by a seed.
type simulation struct {
	t     fataler
	rng   *rand.Rand
	s     *State
	m     *model
	now   Time
	out   Out
	tick  Time // when the next Tick is due; 0: none is
	queue schedule
	count uint64                           // of what was put into queue
	trace func(format string, args ...any) // nil: nobody wants to know

	calm    bool
	workers []*simWorker
	where   map[SlotID]*simSlot // of slots that were lost too
	jobs    []JobID
	opening map[uint64]*simJob // jobs that have no id yet, by tag
	last    uint64             // tag or ref that was given
}

// occasion is something that will happen.
type occasion struct {
	at Time
	n  uint64 // in the order of the schedule, for those of one time
	do func()
}

// schedule is a heap of occasions.
type schedule []occasion

func (q schedule) Len() int      { return len(q) }
func (q schedule) Swap(i, k int) { q[i], q[k] = q[k], q[i] }
func (q schedule) Less(i, k int) bool {
	return cmp.Or(cmp.Compare(q[i].at, q[k].at), cmp.Compare(q[i].n, q[k].n)) < 0
}
func (q *schedule) Push(x any) { *q = append(*q, x.(occasion)) }
func (q *schedule) Pop() any {
	last := len(*q) - 1
	o := (*q)[last]
	*q = (*q)[:last]
	return o
}

// simJob is a job that a client opens, and its tasks.
type simJob struct {
	spec  Spec
	tasks int
}

// simulate plays the schedule of a seed.
func simulate(
	t fataler, seed uint64, seen map[string]int, trace func(string, ...any),
) {
	x := &simulation{
		t: t, rng: rand.New(rand.NewPCG(seed, 0)), s: New(modelConfig), trace: trace,
		where: map[SlotID]*simSlot{}, opening: map[uint64]*simJob{},
	}
	x.m = newModel(t, seen)
	for i := range 2 + x.rng.IntN(3) {
		x.join(fanfold.WorkerID(i + 1))
	}
	for range 1 + x.rng.IntN(3) {
		x.after(x.span(faultsUntil/2), x.openJob)
	}
	x.after(x.span(20*ms), x.nemesis)
	x.after(faultsUntil, x.heal)
	x.run()
	x.m.over()
}

// run lets everything happen, up to the end of all jobs.
func (x *simulation) run() {
	for n := 0; !x.calm || x.s.jobs.live > 0 || x.s.attempts.live > 0; n++ {
		o := heap.Pop(&x.queue).(occasion)
		x.now = o.at
		if n == happenMax || x.now > calmUntil {
			x.t.Fatalf("%d jobs and %d attempts do not end", x.s.jobs.live, x.s.attempts.live)
		}
		o.do()
	}
	if err := x.s.sound(); err != nil {
		x.t.Fatalf("at the end: %v", err)
	}
}

// after has something happen later.
func (x *simulation) after(d Time, do func()) {
	x.count++
	heap.Push(&x.queue, occasion{x.now + d, x.count, do})
}

// span is a time between 0 and a most.
func (x *simulation) span(most Time) Time { return Time(x.rng.Int64N(int64(most) + 1)) }

func (x *simulation) chance(percent int) bool { return x.rng.IntN(100) < percent }

// number gives a new tag or ref.
func (x *simulation) number() uint64 {
	x.last++
	return x.last
}

// step gives the State a command, and does what follows.
func (x *simulation) step(c Command) {
	if x.trace != nil {
		x.trace("%d %s %s job %x task %x attempt %x slot %x tag %d ref %d\n", x.now, c.Kind,
			c.Status, c.Job, c.Task, c.Attempt, c.Slot, c.Tag, c.Ref)
	}
	x.m.step(x.s, x.now, &c, &x.out)
	for _, e := range slices.Clone(x.out.Effects) { // one may bring another command
		if x.trace != nil {
			x.trace(" %s %s job %x task %x attempt %x slot %x result %d\n", e.Kind, e.Status, e.Job,
				e.Task, e.Attempt, e.Slot, e.Result)
		}
		x.perform(e)
	}
	if next := x.s.Next(); next != 0 && (x.tick == 0 || next < x.tick) {
		x.tick = max(next, x.now)
		due := x.tick
		x.after(due-x.now, func() {
			if x.tick == due {
				x.tick = 0
			}
			x.step(Command{Kind: Tick})
		})
	}
}

// perform does an effect, as the coordinator does.
func (x *simulation) perform(e Effect) {
	if e.Again {
		x.m.seen["sim again"]++
	}
	switch e.Kind {
	case SlotReady:
		x.opened(&e)
	case JobReady:
		x.submit(e.Job, x.opening[e.Tag])
		x.jobs = append(x.jobs, e.Job)
	case Deliver:
		x.after(ms, func() {
			x.step(Command{Kind: FinishJob, Job: e.Job, Status: Succeeded})
		})
	case Send, Stop, TakeBack, Kill:
		if sl := x.where[e.Slot]; sl.id == e.Slot {
			sl.worker.send(func() { sl.obey(&e) })
		}
	case Drained:
		x.after(x.span(5*ms), func() { x.replace(e.Slot, Returned) })
	}
}

// openJob is a client that opens a job.
func (x *simulation) openJob() {
	n := func(most int) int { return x.rng.IntN(most + 1) }
	j := &simJob{tasks: 1 + n(9), spec: Spec{
		Share: ShareID(n(2)), Priority: uint8(n(2)), Image: uint32(n(1)), Client: 1,
		Durable: n(1) == 0, Grace: 20 * ms, Timeout: 150 * ms, Progress: Time(n(1)) * 80 * ms,
	}}
	if n(2) == 0 {
		j.spec.Open, j.spec.Shards, j.spec.Stateful = true, uint32(n(3)), n(1) == 0
	} else {
		j.spec.Reduces, j.spec.Gathers = uint32(n(3)), uint32(n(1))
		j.spec.Backups = n(1) == 0
	}
	tag := x.number()
	x.opening[tag] = j
	x.step(Command{Kind: OpenJob, Spec: &j.spec, Tag: tag})
}

// submit is a client that sends the tasks of its job, each at its time.
func (x *simulation) submit(id JobID, j *simJob) {
	at := Time(0)
	for range j.tasks {
		at += x.span(20 * ms)
		c := Command{Kind: Submit, Job: id, Tag: x.number()}
		if j.spec.Open {
			c.Shard = uint32(x.rng.IntN(int(j.spec.Shards) + 1))
		}
		x.after(at, func() { x.step(c) })
	}
	x.after(at, func() { x.step(Command{Kind: CloseJob, Job: id}) })
	if x.chance(5) {
		x.after(x.span(200*ms), func() {
			x.step(Command{Kind: CancelJob, Job: id, Status: Cancelled})
		})
	}
}

// lost tells of the outputs that went with a worker, those of later stages first.
func (x *simulation) lost(w *simWorker) {
	var gone []*modelTask
	for _, t := range x.m.tasks {
		if t.winner != nil && x.where[t.winner.slot].worker == w && t.job.ending == None {
			gone = append(gone, t)
		}
	}
	slices.SortFunc(gone, func(a, b *modelTask) int {
		return cmp.Or(cmp.Compare(b.stage, a.stage), cmp.Compare(a.id, b.id))
	})
	for _, t := range gone {
		x.step(Command{Kind: LoseOutput, Task: t.id})
	}
}

// source is a task whose output a task reads; 0: it reads none.
func (x *simulation) source(id TaskID) TaskID {
	t := x.m.tasks[id]
	for _, other := range t.job.tasks {
		if other.stage < t.stage {
			return other.id
		}
	}
	return 0
}

// labelled adds the seed to what is wrong.
type labelled struct {
	testing.TB
	seed uint64
}

func (l labelled) Fatalf(format string, args ...any) {
	l.Helper()
	l.Errorf("schedule %d: "+format+"\nagain: go test -run R25Simulation -schedule %[1]d",
		append([]any{l.seed}, args...)...)
	runtime.Goexit() // of the one schedule
}

// play simulates, and comes back when the schedule fails, too.
func play(t testing.TB, seed uint64, seen map[string]int, trace func(string, ...any)) {
	var one sync.WaitGroup
	one.Go(func() { simulate(labelled{t, seed}, seed, seen, trace) })
	one.Wait()
}

// TestR25Simulation plays schedules in which messages are late, repeated, overtaken and lost,
// workers fall silent, hear nothing, die, stop and come back, and holds all that happens against
// the model; then, without faults, everything must come to its end.
func TestR25Simulation(t *testing.T) {
	if *simulateSeed != 0 {
		play(t, *simulateSeed, map[string]int{}, func(s string, v ...any) { fmt.Printf(s, v...) })
		return
	}
	var all sync.WaitGroup
	var next atomic.Uint64
	var mu sync.Mutex // guards total
	total := map[string]int{}
	begin := time.Now()
	more := func(n uint64) bool { return n <= schedules }
	if *simulateFor > 0 {
		more = func(uint64) bool { return time.Since(begin) < *simulateFor }
	}
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			seen := map[string]int{}
			for seed := next.Add(1); more(seed) && !t.Failed(); seed = next.Add(1) {
				play(t, seed, seen, nil)
			}
			mu.Lock()
			defer mu.Unlock()
			for name, n := range seen {
				total[name] += n
			}
		})
	}
	all.Wait()
	n, took := next.Load()-uint64(runtime.GOMAXPROCS(0)), time.Since(begin)
	t.Logf("%d schedules, %.0f a second", n, float64(n)/took.Seconds())
	if t.Failed() {
		return
	}
	wanted := []string{"job succeeded", "job cancelled", "retry lost", "retry crashed", "reopened",
		"discard none", "sim again", "moved", "sim cut", "sim mute", "sim deaf", "sim stop", "sim repeat",
		"sim late", "sim crash", "sim hang", "effect kill", "effect drained", "retry no-source"}
	for _, name := range wanted {
		if total[name] == 0 {
			t.Errorf("vacuous: no %q in %v", name, slices.Sorted(maps.Keys(total)))
		}
	}
}

// TestSimulationIsDeterministic plays schedules twice.
func TestSimulationIsDeterministic(t *testing.T) {
	sum := func(seed uint64) uint64 {
		h := fnv.New64a()
		play(t, seed, map[string]int{}, func(s string, v ...any) { fmt.Fprintf(h, s, v...) })
		return binary.BigEndian.Uint64(h.Sum(nil))
	}
	seen := map[uint64]bool{}
	for seed := range uint64(20) {
		first := sum(seed)
		if again := sum(seed); again != first {
			t.Errorf("schedule %d: got %x and %x", seed, first, again)
		}
		seen[first] = true
	}
	if len(seen) != 20 {
		t.Errorf("20 seeds make %d schedules", len(seen))
	}
}
