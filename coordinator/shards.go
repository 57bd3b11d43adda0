package coordinator

import (
	"bytes"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
)

// shard is what the owner knows of a shard of keys: where it lives, and, of a stateful job, what
// its state is to be restored from.
type shard struct {
	home     *process // that was sent the last call of the shard; nil: none was made
	epoch    uint32   // how often it has found a home
	tasks    uint64   // that have succeeded, and are in its state
	kept     bool     // there is a snapshot
	at       uint64   // tasks that are in the snapshot
	snapshot []byte
}

// shardOf is the shard of a key, counted from 1.
func (st *stream) shardOf(key []byte) uint32 {
	return uint32(xxhash.Sum64(key)%uint64(st.spec.Shards)) + 1
}

// epoch is how often a shard has found a home; 0 is no shard.
func (st *stream) epoch(shard uint32) uint32 {
	if shard == 0 || st.shards == nil {
		return 0
	}
	return st.shards[shard-1].epoch
}

// succeeded notes a task that has changed the state of its shard; 0 is no shard.
func (st *stream) succeeded(shard uint32) {
	if shard != 0 && st.shards != nil {
		st.shards[shard-1].tasks++
	}
}

// settleShard sees to it that a shard lives in a process that is about to be sent a call of it. It
// returns false when that call must wait for room.
func (o *owner) settleShard(st *stream, p *process, number uint32) bool {
	if st.shards == nil {
		st.shards = make([]shard, st.spec.Shards)
	}
	s := &st.shards[number-1]
	if s.home == p {
		return true
	}
	before := s.home
	s.home = p
	s.epoch++
	if !st.info.Stateful {
		return true
	}
	moved := protocol.ShardMoved{
		Shard: number, Epoch: s.epoch, Restored: s.kept, Behind: s.tasks - s.at,
		Lost: before != nil && before.gone && !before.retired,
	}
	s.tasks = s.at
	if st.client != nil {
		moved.Request = st.client.number
		o.send(st.client.peer, &moved)
	}
	if !s.kept {
		return true
	}
	o.send(p.peer, &protocol.Snapshot{
		Job: uint64(st.job.sched), Shard: number, Tasks: s.at, Data: s.snapshot,
	})
	return o.room(p.peer)
}

// hasState reports whether a process has the state of a shard.
func (o *owner) hasState(p *process) bool {
	for _, st := range o.opens.list {
		if st != nil && st.info.Stateful &&
			slices.ContainsFunc(st.shards, func(s shard) bool { return s.home == p }) {
			return true
		}
	}
	return false
}

// snapshot keeps the state of a shard as its process has it. Of one that lives elsewhere by now,
// and above the limit, it is dropped.
func (o *owner) snapshot(p *peer, m *protocol.Snapshot) error {
	j := o.running[scheduler.JobID(m.Job)]
	if j == nil || j.stream == nil {
		return nil // it has ended
	}
	st := j.stream
	if !st.info.Stateful || m.Shard > st.spec.Shards {
		return errProtocol("Snapshot of a shard that job %d does not have", m.Job)
	}
	if st.shards == nil || st.shards[m.Shard-1].home != p.process {
		return nil
	}
	s := &st.shards[m.Shard-1]
	grows := int64(len(m.Data) - len(s.snapshot))
	if most := o.cfg.Limits.SnapshotsMax; grows > 0 && o.snapshotBytes+grows > most {
		o.log.Warn("snapshot not kept", "job", j.id, "shard", m.Shard, "bytes", len(m.Data),
			"kept_bytes", o.snapshotBytes, "limit", most)
		return nil
	}
	o.snapshotBytes += grows
	s.kept, s.at, s.snapshot = true, min(m.Tasks, s.tasks), bytes.Clone(m.Data)
	return nil
}

// dropShards gives up the snapshots of a job that has ended.
func (o *owner) dropShards(st *stream) {
	for i := range st.shards {
		o.snapshotBytes -= int64(len(st.shards[i].snapshot))
	}
	st.shards = nil
}
