package coordinator

import (
	"cmp"
	"time"
)

// Limits bound what a Server holds and how long it waits. A zero field means its default.
type Limits struct {
	Handshake         time.Duration // a peer has so long to prove itself
	HandshakesMax     int           // peers that have not proved themselves; the oldest is evicted
	HandshakesPerHost int           // the same from one other host
	ConnectionsMax    int
	JobsMax           int           // jobs of one identity that have not ended
	TasksMax          int           // tasks of one stage of a job
	StreamMax         int64         // cost of a stream's tasks and replies that wait, see TaskCost
	StreamsMax        int64         // the same of all streams
	SnapshotsMax      int64         // bytes of all snapshots of shards
	InlineMax         int64         // bytes of clients' own input held in memory, by all jobs
	SpoolMax          int64         // bytes of one job's own input in the spool
	KeepFor           time.Duration // how long the reply of a detached job is kept
	KeepMax           int64         // bytes of all kept replies
	HeartbeatEvery    time.Duration
	SuspectAfter      time.Duration // without a heartbeat
	WorkerLostAfter   time.Duration // without a heartbeat; the worker's own lease is shorter
	StalledAfter      time.Duration // without progress of a write
	IdleAfter         time.Duration // a client that neither asks nor waits
	ExitedWait        time.Duration // for the words and the log of a failure
	Grace             time.Duration // from Stop to Kill, and from SIGTERM to SIGKILL
	Retire            time.Duration // for a process that is replaced to end what it has started
	ProgressInterval  time.Duration
}

// DefaultLimits are the limits of the design.
var DefaultLimits = Limits{
	Handshake:         5 * time.Second,
	HandshakesMax:     128,
	HandshakesPerHost: 16,
	ConnectionsMax:    10_000,
	JobsMax:           256,
	TasksMax:          1_000_000,
	StreamMax:         256 << 20,
	StreamsMax:        1 << 30,
	SnapshotsMax:      256 << 20,
	InlineMax:         64 << 20,
	SpoolMax:          64 << 30,
	KeepFor:           time.Hour,
	KeepMax:           1 << 30,
	HeartbeatEvery:    2 * time.Second,
	SuspectAfter:      5 * time.Second,
	WorkerLostAfter:   10 * time.Second,
	StalledAfter:      10 * time.Second,
	IdleAfter:         10 * time.Minute,
	ExitedWait:        200 * time.Millisecond,
	Grace:             time.Second,
	Retire:            30 * time.Second,
	ProgressInterval:  100 * time.Millisecond,
}

// lease is how long a worker may go on after the last heartbeat that was answered: it has ended
// what it runs by its own clock before it is taken for lost, and its work is given to others.
func (l *Limits) lease() time.Duration { return l.WorkerLostAfter - l.HeartbeatEvery }

// complete replaces zeros by the defaults.
func (l *Limits) complete() {
	d := DefaultLimits
	l.Handshake = cmp.Or(l.Handshake, d.Handshake)
	l.HandshakesMax = cmp.Or(l.HandshakesMax, d.HandshakesMax)
	l.HandshakesPerHost = cmp.Or(l.HandshakesPerHost, d.HandshakesPerHost)
	l.ConnectionsMax = cmp.Or(l.ConnectionsMax, d.ConnectionsMax)
	l.JobsMax = cmp.Or(l.JobsMax, d.JobsMax)
	l.TasksMax = cmp.Or(l.TasksMax, d.TasksMax)
	l.StreamMax = cmp.Or(l.StreamMax, d.StreamMax)
	l.StreamsMax = cmp.Or(l.StreamsMax, d.StreamsMax)
	l.SnapshotsMax = cmp.Or(l.SnapshotsMax, d.SnapshotsMax)
	l.InlineMax = cmp.Or(l.InlineMax, d.InlineMax)
	l.SpoolMax = cmp.Or(l.SpoolMax, d.SpoolMax)
	l.KeepFor = cmp.Or(l.KeepFor, d.KeepFor)
	l.KeepMax = cmp.Or(l.KeepMax, d.KeepMax)
	l.HeartbeatEvery = cmp.Or(l.HeartbeatEvery, d.HeartbeatEvery)
	l.SuspectAfter = cmp.Or(l.SuspectAfter, d.SuspectAfter)
	l.WorkerLostAfter = cmp.Or(l.WorkerLostAfter, d.WorkerLostAfter)
	l.StalledAfter = cmp.Or(l.StalledAfter, d.StalledAfter)
	l.IdleAfter = cmp.Or(l.IdleAfter, d.IdleAfter)
	l.ExitedWait = cmp.Or(l.ExitedWait, d.ExitedWait)
	l.Grace = cmp.Or(l.Grace, d.Grace)
	l.Retire = cmp.Or(l.Retire, d.Retire)
	l.ProgressInterval = cmp.Or(l.ProgressInterval, d.ProgressInterval)
}
