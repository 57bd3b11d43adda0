package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/internal/closest"
	"github.com/fanfold/fanfold/protocol"
	"github.com/oklog/ulid/v2"
)

// The limits of what the tasks of a job may ask for.
const (
	errandsMax  = 100_000 // tasks that wait, by program
	childrenMax = 64      // programs
)

// asking is a task that has asked for another, and waits for what becomes of it.
type asking struct {
	process *process
	attempt uint64
	tag     uint64
}

// told is an answer that waits for room in the queue of the process that has asked.
type told struct {
	m    protocol.Told // without Data
	data scheduler.Ref
}

// asks runs a task that another one has asked for, in a job of its own: so it is subject to the
// same rules as those of clients. The one that asks leaves its slot's line meanwhile.
func (o *owner) asks(p *peer, m *protocol.Ask) error {
	sl, id := p.process.slot, scheduler.AttemptID(m.Attempt)
	to := &asking{process: p.process, attempt: m.Attempt, tag: m.Tag}
	v, ok := o.state.Attempt(id)
	st := o.opens.get(v.Client)
	if !ok || st == nil || v.Slot != sl.id || sl.process != p.process {
		to.refuse(o, errCancelled) // nobody waits for who asks
		return nil
	}
	child, err := o.childFor(st, m.Program)
	switch {
	case err != nil:
	case len(m.Data) > fanfold.PayloadMax:
		err = fanfold.Errorf(fanfold.KindTooLarge, "call task",
			"a payload of %d bytes: the most is %d", len(m.Data), fanfold.PayloadMax)
	case child.errands >= errandsMax:
		err = fanfold.Errorf(fanfold.KindBusy, "call task", "%d tasks wait already", child.errands)
	}
	if err != nil {
		to.refuse(o, err)
		return nil
	}
	o.step(scheduler.Command{Kind: scheduler.Suspend, Attempt: id})
	o.errand(child, o.errands.add(to, 1), scheduler.Command{
		Ref: o.stow(child, ourTask, m.Data), Until: v.Until, Priority: priorityMiddle,
	})
	return nil
}

// childFor is the stream that runs the tasks of a program for those of another stream.
func (o *owner) childFor(st *stream, program string) (*stream, *fanfold.Error) {
	if j := st.children[program]; j != nil {
		return j.stream, nil
	}
	if st.depth >= fanfold.DepthMax {
		return nil, fanfold.Errorf(fanfold.KindUsage, "call task",
			"tasks call tasks more than %d deep", fanfold.DepthMax)
	}
	if len(st.children) >= childrenMax {
		return nil, fanfold.Errorf(fanfold.KindUsage, "call task",
			"tasks call more than %d programs", childrenMax)
	}
	info, err := o.callable(st.job, program)
	if err != nil {
		return nil, err
	}
	of := st.job
	j := &job{
		id: fanfold.JobID(ulid.Make()), tag: o.number(), tenant: of.tenant, image: of.image,
		submitted: time.Now(), started: o.now(), parent: of,
	}
	j.spec = of.spec
	j.spec.Program, j.spec.Name, j.spec.ID, j.spec.Deadline = program, program, "", 0
	j.ctx, j.cancel = of.ctx, func() {}
	child := o.openStream(j, protocol.OpenSpec{}, info)
	child.depth = st.depth + 1
	if st.children == nil {
		st.children = map[string]*job{}
	}
	st.children[program] = j
	o.schedule(j)
	return child, nil
}

// callable says what is known of a program that a task may ask for.
func (o *owner) callable(j *job, program string) (protocol.ProgramInfo, *fanfold.Error) {
	known := o.cfg.Programs
	info, ok := known[program]
	switch {
	case program == j.spec.Program:
		return j.stream.info, nil
	case program == fanfold.CommandProgram:
		return info, fanfold.Errorf(fanfold.KindUsage, "call task", "a task cannot call a command")
	case j.image != 0 || known == nil:
		return protocol.ProgramInfo{Handles: true}, nil // the process will see
	case !ok:
		err := fanfold.Errorf(fanfold.KindUnknown, "call task", "no program is named %q", program)
		if near := closest.Name(program, slices.Sorted(maps.Keys(known))); near != "" {
			err.Hint = "did you mean " + near + "?"
		}
		return info, err
	case !info.Handles:
		return info, fanfold.Errorf(fanfold.KindUsage, "call task", "program %s has no handler", program)
	}
	return info, nil
}

// answer tells the one that has asked.
func (a *asking) answer(o *owner, end *answer) {
	if f := end.failure; f.open() {
		late := *end
		f.then = append(f.then, func() { a.answer(o, &late) })
		return
	}
	t := told{m: protocol.Told{Attempt: a.attempt, Tag: a.tag, State: uint8(end.state)}}
	if end.failure != nil {
		t.m.Failure = end.failure.list()
	}
	t.data = o.arena.put(end.data)
	a.process.told = append(a.process.told, t)
	o.tellProcess(a.process)
}

// refuse answers a task that is not run.
func (a *asking) refuse(o *owner, err *fanfold.Error) {
	end := &answer{state: fanfold.Failed, failure: &failure{err: err}}
	if err == errCancelled {
		end.state = fanfold.Cancelled
	}
	a.answer(o, end)
}

// tellProcess sends the tasks of a process what they have asked for, as far as there is room.
func (o *owner) tellProcess(p *process) {
	for len(p.told) > 0 && (p.peer.closing || o.room(p.peer)) {
		t := p.told[0]
		p.told = p.told[1:]
		if !p.peer.closing {
			t.m.Data = o.arena.get(t.data)
			o.send(p.peer, &t.m)
		}
		o.arena.drop(t.data)
	}
}
