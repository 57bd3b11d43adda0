package scheduler

import "time"

// Config holds the limits of a State; the zero value is not usable, DefaultConfig is.
type Config struct {
	Prefetch    Time   // work, by measured task time, that a slot holds ahead
	PrefetchMax uint32 // the same in tasks: 1 … 512
	LostMax     uint8  // attempts lost that end a task
	KillsMax    uint8  // processes that a task may take with it
	StrikesMax  uint8  // failures on one worker that exclude it for a job
	Backoff     Time   // before the second attempt; doubles
	BackoffMax  Time
	TakeBack    Time   // a first attempt older than this, with others behind it, shares with idle slots
	ReapMax     uint32 // tasks released per step
}

// DefaultConfig has the limits of the design.
var DefaultConfig = Config{
	Prefetch:    Time(500 * time.Microsecond),
	PrefetchMax: 512,
	LostMax:     10,
	KillsMax:    3,
	StrikesMax:  3,
	Backoff:     Time(50 * time.Millisecond),
	BackoffMax:  Time(5 * time.Second),
	TakeBack:    Time(5 * time.Millisecond),
	ReapMax:     4096,
}
