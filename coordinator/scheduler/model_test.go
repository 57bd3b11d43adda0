package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/fanfold/fanfold"
)

const ms = Time(time.Millisecond)

// modelConfig has limits that a short run reaches.
var modelConfig = func() Config {
	c := DefaultConfig
	c.PrefetchMax, c.ReapMax, c.LostMax, c.StrikesMax, c.KillsMax = 6, 4, 3, 2, 2
	c.Exclude, c.ExcludeMax = 40*ms, 100*ms
	c.Near, c.NearMax = 20*ms, 3
	c.Backup, c.BackupShare, c.Pace = 10*ms, 2, 15*ms
	return c
}()

// modelLabels are those of workers, by their number.
var modelLabels = [10]Spec{3: {Labels: []Label{1, 2}}, 9: {Labels: []Label{2, 1}}}

// model is what an owner may expect, kept in maps and without a thought for speed. It sees
// commands and effects only: it foretells what follows from a command at once, and checks that
// all else is allowed.
type model struct {
	t        fataler
	now      Time
	command  Command
	accepted bool // the command is a Submit, and must not be refused
	jobs     map[JobID]*modelJob
	tasks    map[TaskID]*modelTask
	attempts map[AttemptID]*modelAttempt
	slots    map[SlotID]*modelSlot
	brought  map[Ref]bool // of reports: true until it comes back
	replied  map[TaskID]bool
	due      []want // what the command must bring, in any order

	cancelled bool // the command cancels a task of an open job, which must be answered
	sends     int
	seen      map[string]int
}

type modelJob struct {
	id        JobID
	spec      Spec
	submits   int // accepted
	held      int // open: tasks not answered
	closed    bool
	finishing bool
	ended     bool                          // JobReply was seen
	ending    Status                        // it must end like that
	bad       bool                          // open: a task failed
	tasks     []*modelTask                  // that were sent
	waiting   map[uint32]map[uint64]bool    // open: tags that wait, by shard
	until     map[uint64]Time               // open: deadlines by tag, of tasks not answered
	homes     map[uint32]SlotID             // open: of shards, by the last Send
	open      map[TaskID]bool               // open: not answered
	ready     [fanfold.StageGather + 1]bool // StageReady was seen since the last loss
}

type modelTask struct {
	id                  TaskID
	job                 *modelJob
	stage               fanfold.Stage
	tag                 uint64
	attempts            []*modelAttempt // that run
	winner              *modelAttempt
	backups             int // of its attempts
	result              Ref
	ended               bool
	failed, lost, kills int
	number              uint16
	again               Time // not before
	shard               uint32
}

type modelAttempt struct {
	id      AttemptID
	order   int // of its Send
	task    *modelTask
	slot    SlotID
	live    bool // its task waits for it
	stopped bool
	revoked bool
	away    bool
	percent int
	started Time
	beat    Time // of the last progress, or of its Stop
}

type modelSlot struct {
	worker   fanfold.WorkerID
	attempts []*modelAttempt // not answered, in the order sent
	away     []*modelAttempt // that wait for others
	killed   bool
	draining bool
	drained  bool
	shards   []shardOf // of its attempts when it was killed
}

// shardOf names a shard.
type shardOf struct {
	job   JobID
	shard uint32
}

// want is an effect that must come.
type want struct {
	kind    EffectKind
	attempt AttemptID
	job     JobID
	status  Status
	result  Ref
	again   bool
	either  bool // Commit again, or Discard
}

// fataler is what a model says that something is wrong.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newModel(t fataler, seen map[string]int) *model {
	return &model{
		t: t, seen: seen, jobs: map[JobID]*modelJob{}, tasks: map[TaskID]*modelTask{},
		attempts: map[AttemptID]*modelAttempt{}, slots: map[SlotID]*modelSlot{},
		brought: map[Ref]bool{}, replied: map[TaskID]bool{},
	}
}

func (m *model) check(ok bool, format string, args ...any) {
	if !ok {
		m.t.Helper()
		m.t.Fatalf(format, args...)
	}
}

// step gives a command to a State, and checks what comes of it. open is the task of an open job
// that the command submits, or 0.
func (m *model) step(s *State, now Time, c *Command, out *Out) (open TaskID) {
	out.Reset()
	m.expect(now, c)
	if m.accepted && m.jobs[c.Job].spec.Open {
		open = s.NextTask()
		m.jobs[c.Job].open[open] = true
	}
	s.Step(now, c, out)
	for i := range out.Effects {
		e := &out.Effects[i]
		m.effect(e)
		if e.Kind == JobReply {
			v, ok := s.Job(e.Job)
			m.check(ok && v.State == e.Status.State(), "the view of an ended job: %+v", v)
		}
	}
	m.settled()
	return open
}

// over checks that nothing is open any more.
func (m *model) over() {
	for id, j := range m.jobs {
		m.check(j.ended && (!j.spec.Open || j.held == 0), "job %x: %+v", id, *j)
	}
	for ref, out := range m.brought {
		m.check(!out, "result %d did not come back", ref)
	}
}

// expect foretells what a command brings.
func (m *model) expect(now Time, c *Command) {
	m.now, m.command, m.accepted, m.due = now, *c, false, m.due[:0]
	m.cancelled = false
	j := m.jobs[c.Job]
	switch c.Kind {
	case Submit:
		most := func() int { return int(cmp.Or(j.spec.QueueMax, fanfold.TasksMax)) }
		if m.accepted = j != nil && !j.closed && j.held < most(); m.accepted {
			j.submits++
			j.held++
			if j.spec.Open {
				m.submitted(j, c)
			}
		}
	case CloseJob:
		if j != nil {
			j.closed = true
		}
	case CancelJob:
		if j != nil && j.ending == None {
			m.end(j, Cancelled)
		}
	case FinishJob:
		if j != nil && j.finishing && j.ending == None {
			m.end(j, c.Status)
		}
	case CancelTask:
		t := m.tasks[c.Task]
		if t != nil && !t.ended && t.winner == nil && t.job.ending == None && !t.job.spec.Open {
			m.end(t.job, Cancelled)
		}
		for _, j := range m.jobs {
			if m.cancelled = m.cancelled || j.open[c.Task] && j.ending == None; m.cancelled {
				break
			}
		}
	case Report:
		m.expectReport(c)
	case LoseSlot:
		m.expectLoss(c)
	case LoseOutput:
		t := m.tasks[c.Task]
		if t != nil && t.winner != nil && t.job.ending == None && t.job.needs(t.stage) {
			m.reopen(t)
		}
	case Suspend:
		a := m.attempts[c.Attempt]
		if a == nil || !a.live || a.away || m.slots[a.slot].attempts[0] != a {
			return
		}
		m.leave(a)
		a.away = true
		m.slots[a.slot].away = append(m.slots[a.slot].away, a)
	case DrainSlot:
		if sl := m.slots[c.Slot]; sl != nil {
			sl.draining = true
		}
	case Progress:
		if a := m.attempts[c.Attempt]; a != nil && a.live && a.started > 0 && !a.away {
			a.beat = m.now
			a.percent = cmp.Or(min(int(c.Percent), 100), a.percent)
		}
	}
}

// end foretells the end of a job: a closed one replies at once, an open one when all is answered.
func (m *model) end(j *modelJob, why Status) {
	j.ending, j.closed = why, true
	if !j.spec.Open {
		m.due = append(m.due, want{kind: JobReply, job: j.id, status: why})
	}
}

func (m *model) expectReport(c *Command) {
	a := m.attempts[c.Attempt]
	if c.Ref != 0 {
		m.brought[c.Ref] = true
	}
	switch {
	case a != nil && c.Slot != 0 && c.Slot != a.slot:
		m.seen["wrong slot"]++
		m.due = append(m.due, want{kind: Discard, attempt: c.Attempt, result: c.Ref})
	case a == nil:
		m.due = append(m.due, want{kind: Discard, attempt: c.Attempt, result: c.Ref})
	case a.task.winner == a:
		m.due = append(m.due, want{
			kind: Commit, attempt: a.id, again: true, status: Succeeded, result: a.task.result,
			either: a.task.job.ending != None,
		})
	case a.live && c.Status == Returned:
		a.task.drop(a)
		m.leave(a)
	case a.live:
		m.expectEnd(a, c.Status, c.Ref)
		if source := m.tasks[c.Task]; c.Status == NoSource &&
			source.winner != nil && source.winner.order < a.order {
			m.reopen(source)
		}
		m.leave(a)
	default:
		m.due = append(m.due, want{kind: Discard, attempt: c.Attempt, result: c.Ref})
		m.leave(a)
	}
}

// expectEnd foretells what becomes of a live attempt and its task.
func (m *model) expectEnd(a *modelAttempt, why Status, result Ref) {
	t := a.task
	t.drop(a)
	w := want{kind: Retry, attempt: a.id, status: why, result: result}
	last, wait := false, min(50*ms<<t.failed, 5000*ms)
	switch why {
	case Succeeded:
		m.expectSuccess(a, result)
		return
	case NoSource:
		wait = 0
	case Lost:
		t.lost++
		last, wait = t.lost >= int(modelConfig.LostMax), 0
	case Crashed:
		if t.failed == 0 {
			wait = 0
		}
		t.failed, t.kills = t.failed+1, t.kills+1
		last = t.failed >= t.job.attemptsMax() || t.kills >= int(modelConfig.KillsMax)
	default:
		t.failed++
		last = t.failed >= t.job.attemptsMax()
	}
	if t.shard != 0 {
		last, wait = last || why == Failed || why == TimedOut, 0
	}
	if len(t.attempts) > 0 { // its rival goes on
		last, wait = false, 0
	}
	t.again = m.now + wait
	if last {
		w.kind = Reply
		t.ended = true
		m.expectFailure(t, why)
	}
	m.due = append(m.due, w)
}

func (m *model) expectSuccess(a *modelAttempt, result Ref) {
	t := a.task
	w := want{kind: Commit, attempt: a.id, status: Succeeded, result: result}
	if t.job.spec.Open {
		w.kind, t.ended = Reply, true
		t.job.held--
	} else {
		t.winner, t.result = a, result
	}
	m.due = append(m.due, w)
}

func (m *model) expectFailure(t *modelTask, why Status) {
	switch {
	case t.job.spec.Open:
		t.job.held--
		t.job.bad = true
	case why == Lost:
		m.end(t.job, Lost)
	default:
		m.end(t.job, Failed)
	}
}

// reopen foretells that a committed task runs again.
func (m *model) reopen(t *modelTask) {
	m.seen["reopened"]++
	m.due = append(m.due, want{kind: Discard, attempt: t.winner.id, result: t.result})
	m.brought[t.result] = true // it comes back a second time
	t.winner, t.result = nil, 0
	t.lost++
	t.job.finishing = false
	for k := t.stage + 1; k <= fanfold.StageGather; k++ {
		t.job.ready[k] = false
	}
	if t.lost >= int(modelConfig.LostMax) {
		t.ended = true
		m.due = append(m.due, want{kind: Reply, status: Lost})
		m.end(t.job, Lost)
	}
}

func (m *model) expectLoss(c *Command) {
	sl := m.slots[c.Slot]
	if sl == nil {
		return
	}
	delete(m.slots, c.Slot)
	m.forsake(sl)
	for i, a := range sl.attempts {
		switch {
		case !a.live:
		case i == 0 && a.task.job.ending == None && c.Status != Returned:
			m.expectEnd(a, c.Status, 0)
		default: // if its job has just ended, it is stopped
			a.task.drop(a)
		}
	}
}

// forsake foretells the end of the attempts that wait beside the line of a slot that is lost: the
// last one first. One may end its job, and so the others.
func (m *model) forsake(sl *modelSlot) {
	for _, a := range slices.Backward(sl.away) {
		switch {
		case !a.live:
		case a.task.job.ending != None:
			a.task.drop(a)
		default:
			m.expectEnd(a, Lost, 0)
		}
	}
	sl.away = nil
}

// submitted follows a task of an open job.
func (m *model) submitted(j *modelJob, c *Command) {
	if c.Shard > 0 && c.Shard <= j.spec.Shards {
		if j.waiting[c.Shard] == nil {
			j.waiting[c.Shard] = map[uint64]bool{}
		}
		j.waiting[c.Shard][c.Tag] = true
	}
	if c.Until > 0 {
		j.until[c.Tag] = c.Until
	}
}

// drop ends an attempt of a task. One with a shard waits again; if that is wrong, its end is seen
// in the same Step.
func (t *modelTask) drop(a *modelAttempt) {
	a.live = false
	t.attempts = slices.DeleteFunc(t.attempts, func(b *modelAttempt) bool { return a == b })
	if t.shard != 0 {
		t.job.waiting[t.shard][t.tag] = true
	}
}

// leave takes an attempt off its slot.
func (m *model) leave(a *modelAttempt) {
	sl := m.slots[a.slot]
	if sl == nil {
		return
	}
	sl.away = slices.DeleteFunc(sl.away, func(other *modelAttempt) bool { return other == a })
	i := slices.Index(sl.attempts, a)
	if i < 0 {
		return
	}
	sl.attempts = slices.Delete(sl.attempts, i, i+1)
	if i == 0 && len(sl.attempts) > 0 && !sl.killed {
		first := sl.attempts[0]
		first.started = max(m.now, 1)
		if !first.stopped {
			first.beat = m.now
		}
	}
}

func (j *modelJob) attemptsMax() int { return int(cmp.Or(j.spec.MaxAttempts, 4)) }

func (j *modelJob) planned(k fanfold.Stage) int {
	return []int{0, j.submits, int(j.spec.Reduces), int(j.spec.Gathers)}[k]
}

// complete counts the committed tasks of a stage.
func (j *modelJob) complete(k fanfold.Stage) bool {
	n := 0
	for _, t := range j.tasks {
		if t.stage == k && t.winner != nil {
			n++
		}
	}
	return n == j.planned(k) && (k != fanfold.StageMap || j.closed)
}

// may reports whether tasks of a stage may start: all before are committed.
func (j *modelJob) may(k fanfold.Stage) bool {
	for k--; k >= fanfold.StageMap; k-- {
		if !j.complete(k) {
			return false
		}
	}
	return true
}

// needs reports whether somebody will still read the outputs of a stage.
func (j *modelJob) needs(k fanfold.Stage) bool {
	for k++; k <= fanfold.StageGather; k++ {
		if j.planned(k) > 0 {
			return !j.complete(k)
		}
	}
	return true
}
