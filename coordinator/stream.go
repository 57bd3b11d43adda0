package coordinator

import (
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

const (
	// taskWindow is the cost of the tasks that a client may send before they are taken.
	taskWindow = 1 << 20
	// windowStep is how much of it must be used up before more is granted.
	windowStep = taskWindow / 4
)

// stream is what an open job is besides a job. Its tasks are the scheduler's: here is only what
// they carry, in the owner's arena, and what becomes of their results. What only some streams have
// is nil until they need it.
type stream struct {
	job    *job
	spec   protocol.OpenSpec
	info   protocol.ProgramInfo
	number uint32 // place in owner.opens, as the scheduler's Spec.Client

	client     *request // who sends tasks and gets the replies; nil: nobody is there
	granted    int64    // cost of the tasks that the client may still send
	held       int64    // cost of all that is kept for the stream
	unanswered int      // tasks of the client
	arrived    uint64   // tasks of the client in all
	errands    int      // tasks of the owner's own
	closed     bool     // the scheduler has all tasks
	out        outlet
	fold       fold
	counts     taskCounts
	counters   counterSums
	failure    *failure // of the first task that failed

	special   map[uint64]asked            // tasks that are errands of a client's, by tag
	byTag     map[uint64]scheduler.TaskID // the others, from the first CancelTask on
	ids       map[string]*known
	shards    []shard
	children  map[string]*job // of tasks that tasks have asked for, by program
	depth     int             // of tasks that ask tasks; 0: they are a client's
	keptUntil scheduler.Time  // without a client; 0: it has one
}

// streams are the open jobs that have not ended, by their number; 0 is none.
type streams struct {
	list []*stream
	free []uint32
	held int64 // by all of them
}

func (s *streams) add(st *stream) {
	if n := len(s.free); n > 0 {
		st.number, s.free = s.free[n-1], s.free[:n-1]
		s.list[st.number] = st
		return
	}
	if len(s.list) == 0 {
		s.list = append(s.list, nil)
	}
	st.number = uint32(len(s.list))
	s.list = append(s.list, st)
}

func (s *streams) remove(st *stream) {
	s.list[st.number] = nil
	s.free = append(s.free, st.number)
}

// get is the stream with a number, or nil.
func (s *streams) get(number uint32) *stream {
	if int(number) >= len(s.list) {
		return nil
	}
	return s.list[number]
}

// openStream makes a job an open one.
func (o *owner) openStream(j *job, spec protocol.OpenSpec, info protocol.ProgramInfo) *stream {
	st := &stream{job: j, spec: spec, info: info, granted: protocol.InputWindow}
	if st.spec.Shards == 0 {
		st.spec.Shards = fanfold.DefaultShards
	}
	j.stream, j.feed.closed, j.keep = st, true, spec.Keep
	j.stages = stages{}
	o.opens.add(st)
	return st
}

// checkOpen refuses an open job that makes no sense.
func (o *owner) checkOpen(m *protocol.Submit, info protocol.ProgramInfo) error {
	switch s := &m.Job; {
	case !info.Handles:
		return usagef("program %s has no handler: it takes inputs, not tasks", s.Program)
	case m.Open[0].Reduce && !info.Reduces:
		return usagef("program %s has no reducer", s.Program)
	case s.Output != "":
		return usagef("an open job has no output folder: its results go to its client")
	case s.Detach:
		return usagef("an open job cannot be detached; it can be kept")
	case o.opens.held >= o.cfg.Limits.StreamsMax:
		return fanfold.Errorf(fanfold.KindBusy, "submit job", "tasks of %d bytes wait", o.opens.held)
	}
	return nil
}

// cost is what a piece in the arena, or a message with it, counts for.
func cost(bytes int) int64 { return int64(bytes) + protocol.TaskCost }

// stow puts a piece into the arena on account of a stream.
func (o *owner) stow(st *stream, parts ...[]byte) scheduler.Ref {
	ref := o.arena.put(parts...)
	o.account(st, cost(size(ref)))
	return ref
}

// drop gives up what was stowed.
func (o *owner) drop(st *stream, ref scheduler.Ref) {
	o.account(st, -cost(size(ref)))
	o.arena.drop(ref)
}

// account keeps count of the cost that a stream takes up, or gives back.
func (o *owner) account(st *stream, cost int64) {
	st.held += cost
	o.opens.held += cost
}

// grantTasks lets the client of a stream send more, once a good part of what it may is used up.
func (o *owner) grantTasks(st *stream) {
	if st.client == nil || st.job.feed.ended || taskWindow-st.granted < windowStep {
		return
	}
	limits := &o.cfg.Limits
	room := min(limits.StreamMax-st.held, limits.StreamsMax-o.opens.held,
		int64(limits.TasksMax-st.unanswered)*protocol.TaskCost)
	if n := min(taskWindow, room) - st.granted; n >= windowStep {
		st.granted += n
		o.send(st.client.peer, &protocol.Credit{Stream: st.client.number, Bytes: n})
	}
}

// settleStream goes on with a stream that has all its tasks, when the last one is answered: with
// the reduce of the results, and then to its end.
func (o *owner) settleStream(st *stream) {
	if !st.job.feed.ended || st.unanswered > 0 || st.errands > 0 || st.closed || o.reduceAll(st) {
		return
	}
	st.closed = true
	o.step(scheduler.Command{Kind: scheduler.CloseJob, Job: st.job.sched})
}

// endStream gives up what a stream is in the scheduler. Replies may still wait for the client. A
// job whose client was refused a task has failed, whatever the scheduler knows.
func (o *owner) endStream(st *stream) {
	j := st.job
	if j.state == fanfold.Succeeded && st.failure != nil {
		j.state = fanfold.Failed
	}
	if j.state != fanfold.Succeeded && j.cause == nil {
		j.cause = st.failure
	}
	for _, child := range st.children {
		o.stopJob(child, scheduler.Cancelled, errCancelled)
	}
	o.dropFold(st)
	o.dropShards(st)
	o.dropIDs(st)
	st.byTag, st.special, st.children = nil, nil, nil
	o.opens.remove(st)
}
