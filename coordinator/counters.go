package coordinator

import (
	"cmp"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// systemGroup is the group of the counters that every job has.
const systemGroup = "fanfold"

// counterBytesMax bounds the names of a job's counters, which go into one message. What is behind
// it in their order is left out.
const counterBytesMax = 512 << 10

// sumCounters adds up the counters of the committed attempts, and of no others: so the totals are
// exact, whatever ran twice. They are ordered by group and name.
func (j *job) sumCounters() []protocol.Counter {
	type key struct{ group, name string }
	sums := map[key]int64{}
	for stage := fanfold.StageMap; stage <= fanfold.StageGather; stage++ {
		for _, r := range j.outputs[stage] {
			if r == nil || r.lost {
				continue
			}
			for _, c := range r.counters {
				sums[key{c.Group, c.Name}] += c.N
			}
			name := stage.String()
			sums[key{systemGroup, name + "_records_in"}] += r.in
			sums[key{systemGroup, name + "_records_out"}] += r.output.Records
			sums[key{systemGroup, name + "_bytes_in"}] += r.bytesIn
		}
	}
	list := make([]protocol.Counter, 0, len(sums))
	for k, n := range sums {
		list = append(list, protocol.Counter{Group: k.group, Name: k.name, N: n})
	}
	slices.SortFunc(list, func(a, b protocol.Counter) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
	})
	bytes := 0
	for i, c := range list {
		if bytes += len(c.Group) + len(c.Name); bytes > counterBytesMax {
			list = list[:i]
			break
		}
	}
	return list[:min(len(list), protocol.CountersMax)]
}
