package scheduler

import (
	"cmp"
	"time"

	"github.com/fanfold/fanfold"
)

// Config holds the limits of a State. A field that is zero means that of DefaultConfig.
type Config struct {
	Prefetch    Time   // work, by measured task time, that a slot holds ahead
	PrefetchMax uint32 // the same in tasks: 1 … 512
	LostMax     uint8  // attempts lost that end a task
	KillsMax    uint8  // processes that a task may take with it
	StrikesMax  uint8  // failures of a worker in a row that exclude it from a job
	BlamesMax   uint8  // jobs' verdicts that exclude a worker from all
	Exclude     Time   // for how long, the first time; doubles
	ExcludeMax  Time
	Backoff     Time // before the second attempt; doubles
	BackoffMax  Time
	Stay        Time   // slot time over weight that a slot's job may be ahead, to spare a switch
	TakeBack    Time   // an attempt that takes longer shares those behind it with idle slots
	Backup      Time   // that a backup attempt must be expected to save
	BackupShare uint32 // one in so many tasks of a stage gets a backup attempt, but at least one
	Near        Time   // that a job waits for the worker that a task is near to
	NearMax     uint32 // tasks in line that are looked at for that
	Pace        Time   // between two looks at the attempts of a job that might need one
	ReapMax     uint32 // tasks of ended jobs that a Tick forgets
}

// DefaultConfig has the limits of the design.
var DefaultConfig = Config{
	Prefetch:    Time(500 * time.Microsecond),
	PrefetchMax: 512,
	LostMax:     fanfold.LostMax,
	KillsMax:    fanfold.KillsMax,
	StrikesMax:  3,
	BlamesMax:   2,
	Exclude:     Time(30 * time.Second),
	ExcludeMax:  Time(10 * time.Minute),
	Backoff:     Time(50 * time.Millisecond),
	BackoffMax:  Time(5 * time.Second),
	Stay:        Time(100 * time.Millisecond),
	TakeBack:    Time(5 * time.Millisecond),
	Backup:      Time(time.Second),
	BackupShare: 10,
	Near:        Time(time.Second),
	NearMax:     64,
	Pace:        Time(100 * time.Millisecond),
	ReapMax:     4096,
}

func (c Config) withDefaults() Config {
	d := &DefaultConfig
	return Config{
		Prefetch:    cmp.Or(c.Prefetch, d.Prefetch),
		PrefetchMax: cmp.Or(c.PrefetchMax, d.PrefetchMax),
		LostMax:     cmp.Or(c.LostMax, d.LostMax),
		KillsMax:    cmp.Or(c.KillsMax, d.KillsMax),
		StrikesMax:  cmp.Or(c.StrikesMax, d.StrikesMax),
		BlamesMax:   cmp.Or(c.BlamesMax, d.BlamesMax),
		Exclude:     cmp.Or(c.Exclude, d.Exclude),
		ExcludeMax:  cmp.Or(c.ExcludeMax, d.ExcludeMax),
		Backoff:     cmp.Or(c.Backoff, d.Backoff),
		BackoffMax:  cmp.Or(c.BackoffMax, d.BackoffMax),
		Stay:        cmp.Or(c.Stay, d.Stay),
		TakeBack:    cmp.Or(c.TakeBack, d.TakeBack),
		Backup:      cmp.Or(c.Backup, d.Backup),
		BackupShare: cmp.Or(c.BackupShare, d.BackupShare),
		Near:        cmp.Or(c.Near, d.Near),
		NearMax:     cmp.Or(c.NearMax, d.NearMax),
		Pace:        cmp.Or(c.Pace, d.Pace),
		ReapMax:     cmp.Or(c.ReapMax, d.ReapMax),
	}
}

// heldMax is the number of tasks, over all jobs, above which Submit is refused as Busy. What is
// left of the indexes is for the tasks of later stages.
const heldMax = indexMask - fanfold.TasksMax

// nanosMax bounds what a process may claim to have run.
const nanosMax = int64(30 * 24 * time.Hour)

// backoff is how long a task waits whose attempt failed, after so many failures before.
func (c *Config) backoff(failed uint8) Time {
	wait := min(c.Backoff, c.BackoffMax)
	for ; failed > 0 && wait < c.BackoffMax; failed-- {
		wait = min(2*wait, c.BackoffMax)
	}
	return wait
}
