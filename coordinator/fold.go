package coordinator

import (
	"hash/crc32"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// The limits of the results that are kept for a reduce at the end of a stream.
const (
	foldResults = 256       // of an associative program: so many are reduced at once,
	foldBytes   = 256 << 10 // or so many bytes
	foldMax     = 64 << 20  // bytes of all that are not reduced yet
)

// fold has the results of a stream that were not reduced yet: in the order of their tasks, of an
// associative program as they come.
type fold struct {
	results []scheduler.Ref // or missing
	bytes   int64           // cost of all results
	carried int64           // of that what the last fold has made: it is not to be all that is folded
	done    bool            // the last reduce is over, or under way
}

// missing stands for a result that is not there.
const missing = ^scheduler.Ref(0)

// dropAll gives up what was stowed, as far as it is there.
func (o *owner) dropAll(st *stream, list []scheduler.Ref) {
	for _, ref := range list {
		if ref != missing {
			o.drop(st, ref)
		}
	}
}

// reducing is a call of a program's reducer on values that are kept until it is answered.
type reducing struct {
	stream *stream
	values []scheduler.Ref
	to     asker
}

// reduce has the program's reducer make one result of some values, which it takes over.
func (o *owner) reduce(st *stream, values []scheduler.Ref, until scheduler.Time, to asker) {
	r := &reducing{stream: st, values: values, to: to}
	o.errand(st, o.errands.add(r, 1), scheduler.Command{
		Ref: o.stow(st, ourTask), Until: until, Priority: priorityMiddle,
	})
}

// answer passes on what the reducer has made.
func (r *reducing) answer(o *owner, a *answer) {
	o.dropAll(r.stream, r.values)
	r.values = nil
	o.tell(r.to, a)
}

// sendReduce sends a process the values of a reduce, in as many calls as they need. It returns
// false when the rest must wait for room.
func (o *owner) sendReduce(p *process, d *order, r *reducing) bool {
	a := &d.attempt
	m := &o.out.call
	for {
		*m = protocol.Call{
			Attempt: uint64(a.id), Job: uint64(a.job.sched), Task: a.index, Number: a.number,
			Op: protocol.OpReduce,
		}
		list := o.scratch[:0]
		for d.values < len(r.values) && len(list) < protocol.BlockMax {
			list = protocol.AppendValue(list, o.arena.get(r.values[d.values]))
			d.values++
		}
		o.scratch = list
		m.Data, m.More = list, d.values < len(r.values)
		d.begun = true
		o.send(p.peer, m)
		switch {
		case !m.More:
			return true
		case !o.room(p.peer):
			return false
		}
	}
}

// stopReduce ends a reduce of which some values were sent, and that is not needed any more.
func (o *owner) stopReduce(p *process, d *order) {
	a := &d.attempt
	o.send(p.peer, &protocol.Call{
		Attempt: uint64(a.id), Job: uint64(a.job.sched), Task: a.index, Op: protocol.OpReduce,
	})
	o.send(p.peer, &protocol.Stop{Attempt: uint64(a.id)})
}

// keepResult takes the result of a task that the reduce at the end of its stream is to have.
func (o *owner) keepResult(st *stream, order uint64, data []byte) {
	f := &st.fold
	if f.bytes += cost(len(data)); f.bytes > foldMax {
		err := fanfold.Errorf(fanfold.KindTooLarge, "keep results",
			"more than %d bytes are to be reduced at the end", foldMax)
		err.Hint = "declare the program Associative: then results are reduced as they arrive"
		o.failJob(st.job, err)
		return
	}
	ref := o.stow(st, data)
	if st.info.Associative {
		f.results = append(f.results, ref)
		if len(f.results) >= foldResults || f.bytes >= foldBytes+2*f.carried {
			o.foldSome(st)
		}
		return
	}
	for uint64(len(f.results)) <= order {
		f.results = append(f.results, missing)
	}
	f.results[order] = ref
}

// foldSome reduces what an associative program has so far.
func (o *owner) foldSome(st *stream) {
	f := &st.fold
	values := f.results
	f.results, f.bytes, f.carried = nil, 0, 0
	o.reduce(st, values, 0, asker{who: f})
}

// answer takes what a reduce of some results has made, as another result; or, when it was the last
// one, as that of the stream.
func (f *fold) answer(o *owner, a *answer) {
	st := a.stream
	switch {
	case a.state == fanfold.Cancelled:
	case a.state != fanfold.Succeeded:
		o.stopJob(st.job, scheduler.Failed, a.failure.err)
	case !f.done:
		f.carried += cost(len(a.data))
		o.keepResult(st, 0, a.data)
	default:
		r := &result{stage: fanfold.StageMap, output: fanfold.Output{
			Inline: [][]byte{slices.Clone(a.data)}, CRC: crc32.Checksum(a.data, castagnoli),
		}}
		o.results.put(r)
		st.job.commit(r)
	}
}

// reduceAll has the results of a stream reduced after its last task. It returns false when that is
// over, or there is nothing to reduce: then the stream has no result.
func (o *owner) reduceAll(st *stream) bool {
	f := &st.fold
	if !st.spec.Reduce || f.done || st.failure != nil || st.job.doomed != scheduler.None {
		return false
	}
	values := slices.DeleteFunc(f.results, func(ref scheduler.Ref) bool { return ref == missing })
	f.results, f.bytes, f.done = nil, 0, true
	if len(values) == 0 {
		return false
	}
	o.reduce(st, values, 0, asker{who: f})
	return true
}

// dropFold gives up results that are not needed.
func (o *owner) dropFold(st *stream) {
	o.dropAll(st, st.fold.results)
	st.fold.results = nil
}
