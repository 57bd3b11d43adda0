package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"pgregory.net/rapid"
)

// driver gives a State and a model the same commands.
type driver struct {
	t     *rapid.T
	s     *State
	m     *model
	now   Time
	out   Out
	log   []Event
	tag   uint64
	ref   Ref
	calm  bool // no more faults: it has to come to an end
	stale []AttemptID
	slots []SlotID
	jobs  []JobID
	tasks []TaskID

	submits []TaskID // of open jobs, with those that were not sent
}

func newDriver(t *rapid.T, seen map[string]int) *driver {
	d := &driver{t: t, s: New(modelConfig), m: newModel(t, seen)}
	d.out.Record = true
	return d
}

func (d *driver) step(c Command) {
	if id := d.m.step(d.s, d.now, &c, &d.out); id != 0 {
		d.submits = append(d.submits, id)
	}
	for i := range d.out.Events {
		d.m.seen["event "+d.out.Events[i].Kind.String()]++
	}
	d.log = append(d.log, d.out.Events...)
	for i := range d.out.Effects {
		e := &d.out.Effects[i]
		switch e.Kind {
		case SlotReady:
			d.slots = append(d.slots, e.Slot)
		case JobReady:
			d.jobs = append(d.jobs, e.Job)
		case Send:
			d.stale = append(d.stale, e.Attempt)
			d.tasks = append(d.tasks, e.Task)
		}
	}
	if err := d.s.sound(); err != nil {
		d.t.Fatalf("after %+v: %v", c, err)
	}
}

// even draws numbers below 1024, each as likely as any other: rapid's own prefer small ones.
var even = rapid.Custom(func(t *rapid.T) int {
	n := 0
	for range 10 {
		n <<= 1
		if rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

func (d *driver) below(n int, name string) int { return even.Draw(d.t, name) * n >> 10 }

func (d *driver) chance(percent int, name string) bool { return d.below(100, name) < percent }

// among draws one of a list; the zero value if it is empty.
func among[T any](d *driver, list []T, name string) (v T) {
	if len(list) > 0 {
		v = list[d.below(len(list), name)]
	}
	return v
}

func (d *driver) spec() *Spec {
	n := func(most int, name string) int { return d.below(most+1, name) }
	s := &Spec{
		Share: ShareID(n(2, "share")), Weight: uint32(n(3, "weight")),
		Priority: uint8(n(2, "priority")),
		Image:    uint32(n(1, "image")), Client: 1, Durable: n(1, "durable") == 0,
		MaxAttempts: uint8(n(3, "attempts")), Grace: 30 * ms,
	}
	if n(1, "open") == 0 {
		s.Open, s.QueueMax = true, 8
		s.Shards, s.Stateful = uint32(n(3, "shards")), n(1, "stateful") == 0
		s.Batch = uint32(n(4, "batch"))
	} else {
		s.Reduces, s.Gathers = uint32(n(3, "reduces")), uint32(n(1, "gathers"))
		s.Backups = n(3, "backups") > 0
	}
	if n(4, "labelled") == 0 {
		s.Labels = []Label{1}
	}
	if n(2, "limited") == 0 {
		s.Progress, s.Timeout = Time(n(40, "progress"))*ms, Time(n(80, "timeout"))*ms
	}
	if n(9, "deadline") == 0 {
		s.Deadline = d.now + Time(n(300, "until"))*ms
	}
	return s
}

// live are the attempts that wait for a report, the oldest first.
func (d *driver) live() (ids []AttemptID) {
	for _, id := range slices.Sorted(maps.Keys(d.m.slots)) {
		for _, a := range slices.Concat(d.m.slots[id].attempts, d.m.slots[id].away) {
			ids = append(ids, a.id)
		}
	}
	return ids
}

func (d *driver) command() Command {
	d.tag++
	switch k := d.below(100, "command"); {
	case k < 20:
		return d.submit()
	case k < 56:
		return d.report(among(d, d.live(), "attempt"))
	case k < 59:
		return d.report(among(d, d.stale, "attempt"))
	case k < 63:
		return Command{Kind: LoseOutput, Task: d.committed()}
	case k < 64:
		return Command{Kind: CancelTask, Task: among(d, d.tasks, "task")}
	case k < 65:
		d.submits = slices.DeleteFunc(d.submits, func(id TaskID) bool { return d.m.replied[id] })
		return Command{Kind: CancelTask, Task: among(d, d.submits, "task")}
	case k < 66:
		return Command{Kind: CancelJob, Job: d.job(true), Status: Cancelled}
	case k < 70:
		return Command{Kind: CloseJob, Job: d.job(true)}
	case k < 76:
		return Command{Kind: FinishJob, Job: d.job(true),
			Status: among(d, []Status{Succeeded, Succeeded, Failed}, "status")}
	case k < 80 && len(d.running(false)) < 3:
		return Command{Kind: OpenJob, Spec: d.spec(), Tag: d.tag}
	case k < 84 && len(d.m.slots) < 5:
		w := fanfold.WorkerID(1 + d.below(3, "worker"))
		return Command{Kind: OpenSlot, Tag: d.tag, Key: d.tag, Worker: w, Spec: &modelLabels[w]}
	case k < 87:
		return Command{Kind: LoseSlot, Slot: d.slot(),
			Status: among(d, []Status{Crashed, Lost, Returned}, "status")}
	case k < 90:
		return Command{Kind: Progress, Attempt: among(d, d.live(), "attempt"),
			Percent: uint8(d.below(120, "percent"))}
	case k < 91:
		return Command{Kind: Progress, Attempt: among(d, d.stale, "attempt")}
	case k < 92:
		return Command{Kind: DrainSlot, Slot: d.slot()}
	case k < 94:
		return Command{Kind: Suspend, Attempt: among(d, d.live(), "attempt")}
	}
	return Command{Kind: Tick}
}

// submit is a task, with a shard, a priority and a deadline for those that take them.
func (d *driver) submit() Command {
	c := Command{Kind: Submit, Job: d.job(false), Tag: d.tag, Ref: Ref(d.tag)}
	if j := d.m.jobs[c.Job]; j != nil && j.spec.Open {
		c.Shard, c.Priority = uint32(d.below(int(j.spec.Shards)+1, "shard")), uint8(d.below(9, "first"))
		if d.chance(20, "limited") {
			c.Until = d.now + 1 + Time(d.below(60, "until"))*ms
		}
	} else if d.chance(30, "near") {
		c.Worker = fanfold.WorkerID(1 + d.below(4, "worker"))
	}
	return c
}

// running are the jobs that have not ended, with those whose input is closed, or without.
func (d *driver) running(closed bool) (ids []JobID) {
	for _, id := range d.jobs {
		if j := d.m.jobs[id]; j.ending == None && (closed || !j.closed) {
			ids = append(ids, id)
		}
	}
	return ids
}

// job is mostly one that runs.
func (d *driver) job(closed bool) JobID {
	if list := d.running(closed); len(list) > 0 && d.chance(95, "running") {
		return among(d, list, "job")
	}
	return among(d, d.jobs, "job")
}

// slot is mostly one that is there, and rather one whose process is to be killed, or that gets
// nothing more.
func (d *driver) slot() SlotID {
	there := slices.Sorted(maps.Keys(d.m.slots))
	for _, id := range there {
		if sl := d.m.slots[id]; sl.killed || sl.drained {
			return id
		}
	}
	if len(there) > 0 && d.chance(90, "there") {
		return among(d, there, "slot")
	}
	return among(d, d.slots, "slot")
}

// committed is a task with an output, or any.
func (d *driver) committed() TaskID {
	var list []TaskID
	for _, id := range d.tasks {
		if t := d.m.tasks[id]; t.winner != nil && t.job.ending == None {
			list = append(list, id)
		}
	}
	if len(list) > 0 {
		return among(d, list, "task")
	}
	return among(d, d.tasks, "task")
}

func (d *driver) report(id AttemptID) Command {
	d.ref++
	c := Command{Kind: Report, Attempt: id, Status: Succeeded, Ref: 1000 + d.ref}
	c.Nanos = int64(d.below(200, "took") * 1000)
	if a := d.m.attempts[id]; !d.calm && d.chance(30, "fault") {
		c.Status = among(d, []Status{Failed, TimedOut, Returned, NoSource, NoSource}, "status")
		if sources := d.sources(a); c.Status == NoSource && len(sources) > 0 {
			c.Task = among(d, sources, "source")
		} else if c.Status == NoSource {
			c.Status = Failed
		}
	}
	if c.Status == Returned {
		c.Ref = 0
	}
	if a := d.m.attempts[id]; a != nil && d.chance(30, "named") {
		if c.Slot = a.slot; !d.calm && d.chance(20, "wrong") {
			c.Slot = among(d, d.slots, "slot")
		}
	}
	return c
}

// sources are the tasks whose outputs an attempt reads.
func (d *driver) sources(a *modelAttempt) (ids []TaskID) {
	if a == nil {
		return nil
	}
	for _, t := range a.task.job.tasks {
		if t.stage < a.task.stage {
			ids = append(ids, t.id)
		}
	}
	return ids
}

// drain stops all faults: every job must end, and leave nothing.
func (d *driver) drain() {
	d.calm = true
	for range 2 {
		d.tag++
		d.step(Command{Kind: OpenSlot, Worker: 9, Tag: d.tag, Spec: &modelLabels[9]})
	}
	for round := 0; d.s.jobs.live > 0 || d.s.attempts.live > 0; round++ {
		if round > 3000 {
			d.t.Fatalf("%d jobs and %d attempts do not end", d.s.jobs.live, d.s.attempts.live)
		}
		for _, id := range d.live() {
			d.step(d.report(id))
		}
		for _, id := range slices.Sorted(maps.Keys(d.m.slots)) {
			if sl := d.m.slots[id]; sl.killed || sl.drained {
				d.tag++
				d.step(Command{Kind: LoseSlot, Slot: id, Status: Crashed})
				d.step(Command{Kind: OpenSlot, Worker: 9, Tag: d.tag, Spec: &modelLabels[9]})
			}
		}
		for _, id := range d.jobs {
			if j := d.m.jobs[id]; !j.closed {
				d.step(Command{Kind: CloseJob, Job: id})
			} else if j.finishing {
				d.step(Command{Kind: FinishJob, Job: id, Status: Succeeded})
			}
		}
		if next := d.s.Next(); next != 0 && (next <= d.now || len(d.live()) == 0) {
			d.now = max(d.now, next)
			d.step(Command{Kind: Tick})
		}
	}
	d.m.over()
}

func replay(log []Event, keep func(*Event) bool) *State {
	s, out := New(modelConfig), Out{}
	for i := range log {
		if keep(&log[i]) {
			s.Apply(&log[i], &out)
			out.Reset()
		}
	}
	return s
}

// durable is what of a State must survive a restart.
func (s *State) durable() string {
	var b strings.Builder
	for i := range s.jobs.all() {
		j := *s.jobs.get(i)
		if !j.spec.Durable {
			continue
		}
		fmt.Fprintf(&b, "job %x closed %t finishing %t ended %t %s\n",
			j.id, j.closed, j.finishing, j.ended, j.status)
		for k := range j.stages {
			st := &j.stages[k]
			fmt.Fprintf(&b, " stage %d open %t tasks %d failures %d\n",
				k, st.open, st.tasks, st.failures)
		}
	}
	for i := range s.tasks.all() {
		t := *s.tasks.get(i)
		if j := s.jobOf(&t); !j.spec.Durable {
			continue
		}
		t.timer, t.deadline = 0, 0
		fmt.Fprintf(&b, "task %x %+v\n", s.tasks.at(i).id, t)
	}
	for i := range s.attempts.all() {
		if a := s.attempts.get(i); a.durable {
			fmt.Fprintf(&b, "attempt %x task %d slot %x number %d\n",
				s.attempts.at(i).id, a.task, a.slot, a.number)
		}
	}
	return b.String()
}

// TestX1X2X3I2Property gives any commands in any order, with duplicates, stale ids and losses,
// and holds what happens against the model: at most one commit per task, stages in order, each
// task and each job ends once, nothing on a lost slot, every report answered; and a replay gives
// the same.
func TestX1X2X3I2Property(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		d := newDriver(t, seen)
		d.step(Command{Kind: OpenSlot, Worker: 1})
		d.step(Command{Kind: OpenSlot, Worker: 2})
		d.step(Command{Kind: OpenJob, Spec: d.spec()})
		for range 1 + d.below(600, "commands") {
			if d.chance(30, "later") {
				d.now += Time(d.below(25, "pause")) * ms
			}
			d.step(d.command())
		}
		if s := replay(d.log, func(*Event) bool { return true }); !same(s, d.s) {
			t.Fatal("a replay of all events gives another State")
		}
		s := replay(d.log, func(e *Event) bool { return e.Seq != 0 })
		if got, want := s.durable(), d.s.durable(); got != want {
			t.Fatalf("a replay of the journal gives\n%s\nwant\n%s", got, want)
		}
		d.drain()
	})
	kinds := []string{"retry no-source", "retry lost", "reply lost", "reply crashed", "job lost",
		"sharded", "task deadline", "moved", "recalled", "wrong slot", "cancelled queued",
		"backup", "backup on the same worker", "beaten",
		"labelled"}
	for _, name := range kinds {
		if seen[name] == 0 {
			t.Errorf("vacuous: no %s in %v", name, seen)
		}
	}
	for k := JobOpened; k <= Pardoned; k++ {
		if name := "event " + k.String(); seen[name] == 0 {
			t.Errorf("vacuous: no %s in %v", name, seen)
		}
	}
	for k := Send; k <= Drained; k++ {
		if name := "effect " + k.String(); seen[name] == 0 {
			t.Errorf("vacuous: no %s in %v", name, seen)
		}
	}
	t.Log(seen)
}
