package coordinator

import (
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// asked is a task of the client's that is an errand of the owner's.
type asked interface {
	answered
	cancel(o *owner, tag uint64)
}

// remember notes by its tag a task that is an errand.
func (st *stream) remember(tag uint64, a asked) {
	if st.special == nil {
		st.special = map[uint64]asked{}
	}
	st.special[tag] = a
}

// forget ends what remember has begun, unless the tag has another meaning by now.
func (st *stream) forget(tag uint64, a asked) {
	if st.special[tag] == a {
		delete(st.special, tag)
	}
}

// cancelTask ends a task of a stream; its reply follows. One that is not there has been answered.
func (o *owner) cancelTask(p *peer, m *protocol.CancelTask) error {
	r := p.client.requests[m.Request]
	if r == nil || r.job.stream == nil || r.job.stream.client != r || r.job.phase != phaseRunning {
		return nil
	}
	st := r.job.stream
	if a := st.special[m.Tag]; a != nil {
		a.cancel(o, m.Tag)
		o.settleStream(st)
		return nil
	}
	if st.byTag == nil {
		o.indexTasks(st)
	}
	if id, ok := st.byTag[m.Tag]; ok {
		o.step(scheduler.Command{Kind: scheduler.CancelTask, Task: id})
	}
	return nil
}

// indexTasks makes the tasks of a stream known by their tags. Most streams cancel none, and do not
// pay for it; those that do are kept up to date from here on.
func (o *owner) indexTasks(st *stream) {
	st.byTag = map[uint64]scheduler.TaskID{}
	for t := range o.state.TasksOf(st.job.sched) {
		if o.keptTask(t.Ref).flags&oursFlag == 0 {
			st.byTag[t.Tag] = t.Task
		}
	}
}
