package coordinator

import (
	"bytes"
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// sampleKeysMax bounds the keys of all samples of a job: with more map tasks, of each fewer count.
const sampleKeysMax = 1 << 16

// sampled takes keys of the output that an attempt is about to report.
func (o *owner) sampled(p *peer, m *protocol.Sample) error {
	sl := p.process.slot
	i := sl.find(scheduler.AttemptID(m.Attempt))
	if i < 0 || sl.process != p.process {
		return nil
	}
	a := &sl.attempts[i]
	if !a.job.stages.ranges || a.stage != fanfold.StageMap || a.sample != nil {
		return errProtocol("Sample of an attempt that was not asked for one, or has sent it")
	}
	most := max(1, sampleKeysMax/len(a.job.splits))
	for i := range min(most, len(m.Keys)) {
		a.sample = append(a.sample, bytes.Clone(m.Keys[i*len(m.Keys)/min(most, len(m.Keys))]))
	}
	return nil
}

// weighed is a key that stands for so many bytes of the outputs with keys about as great.
type weighed struct {
	key   []byte
	bytes int64
}

// cuts gives the keys at which the partitions of a job begin, but for the first. They are found
// once, from the outputs of all map tasks: an output that is made again is cut at the same keys.
func (j *job) cuts() [][]byte {
	if j.bounds == nil {
		var all []weighed
		for _, r := range j.outputs[fanfold.StageMap] {
			for _, key := range r.sample {
				all = append(all, weighed{key, max(1, r.bytes()/int64(len(r.sample)))})
			}
			r.sample = nil
		}
		j.bounds = evenCuts(all, int(j.stages.reduces))
	}
	return j.bounds
}

// evenCuts cuts weighed keys into n ranges of about the same weight. A key that has more than the
// weight of a range is not divided: the others share what it leaves. Where there are fewer keys
// than ranges, some are empty.
func evenCuts(all []weighed, n int) (cuts [][]byte) {
	slices.SortFunc(all, func(a, b weighed) int { return bytes.Compare(a.key, b.key) })
	left := int64(0)
	for _, w := range all {
		left += w.bytes
	}
	held := int64(0) // by the range that is open
	for len(all) > 0 && len(cuts) < n-1 {
		key, heavy := all[0].key, int64(0)
		for len(all) > 0 && bytes.Equal(all[0].key, key) {
			heavy, all = heavy+all[0].bytes, all[1:]
		}
		if share := left / int64(n-len(cuts)); held > 0 && 2*held+heavy > 2*share && len(key) > 0 {
			cuts, left, held = append(cuts, key), left-held, 0
		}
		held += heavy
	}
	last := []byte{0}
	if len(cuts) > 0 {
		last = cuts[len(cuts)-1]
	}
	for len(cuts) < n-1 {
		cuts = append(cuts, last)
	}
	return cuts
}

// keys is the range of a partition; see protocol.Assign.
func (j *job) keys(part uint32) (from, below []byte) {
	cuts := j.cuts()
	if part > 0 {
		from = cuts[part-1]
	}
	if int(part) < len(cuts) {
		below = cuts[part]
	}
	return from, below
}

// readers is how many tasks are sent what a task has left inline.
func (j *job) readers() int64 {
	if j.stages.ranges {
		return int64(j.stages.reduces)
	}
	return 1
}
