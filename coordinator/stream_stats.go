package coordinator

import (
	"cmp"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// taskCounts count the tasks of open jobs that have ended, each where it is answered, and what does
// not answer one.
type taskCounts struct {
	ended   [fanfold.Lost + 1]uint64 // by state
	retried uint64                   // attempts after which a task ran again
	late    uint64                   // returns that nobody waited for
}

// count counts the answer to a task of a client. One that is to come again does not count.
func (o *owner) count(st *stream, a *answer) {
	if a.failure != nil && a.failure.err.Kind == fanfold.KindBusy {
		return
	}
	st.counts.ended[a.state]++
	o.counts.ended[a.state]++
	if a.failure != nil && a.state != fanfold.Cancelled && st.failure == nil {
		st.failure = a.failure
	}
	o.markDirty(st.job)
}

// dropLate counts a return that nobody waits for; the stream may be nil: then it is not known. What
// a task that was stopped says to that is not late.
func (o *owner) dropLate(st *stream) {
	if m := o.returning; m == nil || m.Status == protocol.StatusStopped ||
		m.Status == protocol.StatusReturned {
		return
	}
	o.counts.late++
	if st != nil {
		st.counts.late++
	}
}

// tasks are the counts of an open job, for its row in the list.
func (o *owner) tasks(j *job) []protocol.TaskCounts {
	if j.stream == nil {
		return nil
	}
	n := &j.stream.counts
	t := protocol.TaskCounts{
		Succeeded: n.ended[fanfold.Succeeded], Failed: n.ended[fanfold.Failed],
		TimedOut: n.ended[fanfold.TimedOut], Cancelled: n.ended[fanfold.Cancelled],
		Lost: n.ended[fanfold.Lost], Retried: n.retried, Late: n.late,
	}
	if view, ok := o.state.Job(j.sched); ok && j.phase < phaseEnding {
		v := &view.Stages[fanfold.StageMap]
		t.Waiting, t.Queued, t.Running = uint64(v.Waiting), uint64(v.Queued), uint64(v.Running)
	}
	return []protocol.TaskCounts{t}
}

// taskStats adds the numbers of open jobs to those of the coordinator.
func (o *owner) taskStats(values map[string]int64) {
	for state := fanfold.Succeeded; state <= fanfold.Lost; state++ {
		values["fanfold_tasks_"+statName(state)+"_total"] = int64(o.counts.ended[state])
	}
	values["fanfold_tasks_retried_total"] = int64(o.counts.retried)
	values["fanfold_tasks_late_total"] = int64(o.counts.late)
	values["fanfold_streams"] = int64(max(0, len(o.opens.list)-1-len(o.opens.free)))
	values["fanfold_stream_cost_bytes"] = o.opens.held
	values["fanfold_stream_memory_bytes"] = o.arena.bytes()
	values["fanfold_snapshot_bytes"] = o.snapshotBytes
}

// counterSums are the counters that the tasks of an open job have added up.
type counterSums map[protocol.Counter]int64

// add adds the counters of a task that has succeeded. Names above the limit are left out.
func (s *counterSums) add(list []protocol.Counter) {
	for _, c := range list {
		key := protocol.Counter{Group: c.Group, Name: c.Name}
		if _, ok := (*s)[key]; !ok && len(*s) == protocol.CountersMax {
			continue
		}
		if *s == nil {
			*s = counterSums{}
		}
		(*s)[key] += c.N
	}
}

// list gives the sums in the order of their names.
func (s counterSums) list() []protocol.Counter {
	list := make([]protocol.Counter, 0, len(s))
	for key, n := range s {
		key.N = n
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b protocol.Counter) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
	})
	return list
}
