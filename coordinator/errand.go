package coordinator

import (
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
)

// asker is who has asked for a task, and gets its answer: the client of the stream, who knows it by
// a tag, or something of the owner's.
type asker struct {
	who   answered // nil: the client
	tag   uint64   // of the client's task
	flags uint8    // of the client's task
	order uint64   // of the client's task among all of the stream, counted from 0
}

// answered is what gets the answers of tasks that the owner has made itself: of an idempotency key,
// of a fan-out to all shards, of a reduce, of a task that asks another.
type answered interface {
	// answer takes the end of a task: once for each that was submitted.
	answer(o *owner, a *answer)
}

// answer is how a task has ended.
type answer struct {
	stream   *stream
	state    fanfold.State
	data     []byte   // the result; valid during the call
	failure  *failure // nil if it has succeeded
	attempts uint16
	worker   string
	shard    uint32 // counted from 1; 0: none
	again    bool   // it is not the first who is told
}

// errand is what tasks of the owner's own are for. Their Tag in the scheduler is its number.
type errand struct {
	who  answered
	left int // tasks that are not answered
}

// errands are numbered, so that the scheduler can name them.
type errands struct {
	list []errand
	free []uint64
}

func (s *errands) add(who answered, tasks int) uint64 {
	if n := len(s.free); n > 0 {
		number := s.free[n-1]
		s.free = s.free[:n-1]
		s.list[number] = errand{who, tasks}
		return number
	}
	s.list = append(s.list, errand{who, tasks})
	return uint64(len(s.list) - 1)
}

// take gives an errand for one of its tasks, and frees its number after the last.
func (s *errands) take(number uint64) answered {
	e := &s.list[number]
	who := e.who
	if e.left--; e.left == 0 {
		*e = errand{}
		s.free = append(s.free, number)
	}
	return who
}

// errand submits a task of the owner's own. The command has what the task is besides.
func (o *owner) errand(st *stream, number uint64, c scheduler.Command) {
	if j := st.job; j.doomed != scheduler.None || j.phase >= phaseEnding {
		o.errands.take(number).answer(o, st.cancelled())
		o.drop(st, c.Ref)
		return
	}
	st.errands++
	c.Kind, c.Job, c.Tag = scheduler.Submit, st.job.sched, number
	o.step(c)
}

// cancelled is the answer to a task of which nothing is to come any more.
func (st *stream) cancelled() *answer {
	return &answer{
		stream: st, state: fanfold.Cancelled, failure: &failure{job: st.job, err: errCancelled},
	}
}

// ended takes the end of a task.
func (o *owner) ended(st *stream, e *scheduler.Effect) {
	a := &o.out.answer
	*a = answer{stream: st, state: e.Status.State(), attempts: e.Number, shard: e.Shard}
	w := o.workerOf(e)
	if w != nil {
		a.worker = w.name()
	}
	if a.state == fanfold.Succeeded {
		if w != nil {
			w.done++
		}
		if o.returning != nil && o.returning.Attempt == uint64(e.Attempt) {
			a.data = o.returning.Data
			st.counters.add(o.returning.Counters)
		}
		st.succeeded(e.Shard)
	} else {
		a.failure = o.investigateCall(st, e, w)
	}
	o.settleTask(st, e, a)
}

// refused answers a task that the scheduler has not taken.
func (o *owner) refused(st *stream, e *scheduler.Effect) {
	a := &answer{stream: st, state: fanfold.Cancelled}
	err := errCancelled
	if e.Status == scheduler.Busy {
		a.state = fanfold.Failed
		err = fanfold.Errorf(fanfold.KindBusy, "take task", "too many tasks wait")
	}
	a.failure = &failure{job: st.job, err: err}
	o.settleTask(st, e, a)
}

// settleTask hands an answer to whom it is for, and gives up the task.
func (o *owner) settleTask(st *stream, e *scheduler.Effect, a *answer) {
	t := o.keptTask(e.Ref)
	if t.flags&oursFlag != 0 {
		st.errands--
		o.errands.take(e.Tag).answer(o, a)
	} else {
		if st.byTag != nil {
			delete(st.byTag, e.Tag)
		}
		o.tell(asker{tag: e.Tag, flags: t.flags, order: t.order}, a)
	}
	o.drop(st, e.Ref)
	o.grantTasks(st)
	o.settleStream(st)
}

// tell gives an answer to who has asked.
func (o *owner) tell(to asker, a *answer) {
	if to.who != nil {
		to.who.answer(o, a)
		return
	}
	st := a.stream
	st.unanswered--
	o.count(st, a)
	if a.state == fanfold.Succeeded && st.spec.Reduce && !a.again {
		o.keepResult(st, to.order, a.data)
	}
	o.post(st, to, a)
}
