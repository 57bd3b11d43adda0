package process

import (
	"container/list"
	"context"
	"slices"
	"strings"
	"sync"
)

// The limits of a LogBook.
const (
	LogBookMax = 64 << 20 // bytes of all logs; above it the oldest of an ended attempt goes
	logCost    = 512      // bytes that a log counts for, besides what it holds
	silentMax  = 1024     // ended attempts that printed nothing and are remembered, for WaitEnd
)

// LogBook keeps what attempts print: raw bytes, control characters and all, in memory and within
// limits. An agent has one for all its processes. It is safe for concurrent use. Attempts are named
// by the text of their id. One that printed nothing leaves nothing.
type LogBook struct {
	mu      sync.Mutex // guards what follows, the entries, and the outputs that write here
	entries map[string]*entry
	order   list.List     // of *entry, in the order of their begin
	size    int           // bytes of all entries, logCost included
	silent  []string      // a ring of ended attempts that printed nothing
	next    int           // in silent: what is replaced next
	changed chan struct{} // closed by end, and replaced, when somebody waits
	waiting bool
}

// entry is one attempt in a LogBook.
type entry struct {
	attempt string
	log     log
	ended   bool
	place   *list.Element // nil: not in the book any more
}

// Log is what is kept of what an attempt printed. Where bytes were dropped, that was behind the
// first LogHeadMax.
type Log struct {
	Attempt string
	Data    []byte
	Dropped int64 // bytes
	Ended   bool  // nothing will come any more
}

// NewLogBook makes an empty LogBook.
func NewLogBook() *LogBook {
	return &LogBook{entries: map[string]*entry{}, changed: make(chan struct{})}
}

// Attempts names the attempts of a job whose logs are kept, in the order of their begin. job is the
// text of its id.
func (b *LogBook) Attempts(job string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for p := b.order.Front(); p != nil; p = p.Next() {
		if e := p.Value.(*entry); e.of(job) {
			names = append(names, e.attempt)
		}
	}
	return names
}

// Log is the log of an attempt, or its last bytes when tail is above 0. An attempt of which nothing
// is kept has an empty one.
func (b *LogBook) Log(attempt string, tail int) Log {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[attempt]
	if e == nil {
		return Log{Attempt: attempt, Ended: slices.Contains(b.silent, attempt)}
	}
	if tail <= 0 {
		tail = e.log.size()
	}
	return Log{attempt, e.log.tail(tail), e.log.dropped, e.ended}
}

// WaitEnd blocks until all that an attempt printed has been filed, or until ctx ends, whose cause
// it then returns. It is for attempts that end soon or ended lately: of one that ended long ago and
// printed nothing, nothing is known.
func (b *LogBook) WaitEnd(ctx context.Context, attempt string) error {
	for {
		b.mu.Lock()
		e := b.entries[attempt]
		if (e != nil && e.ended) || slices.Contains(b.silent, attempt) {
			b.mu.Unlock()
			return nil
		}
		b.waiting = true
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Forget drops the logs of a job.
func (b *LogBook) Forget(job string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := b.order.Front(); p != nil; {
		e := p.Value.(*entry)
		p = p.Next()
		if e.of(job) {
			b.remove(e)
		}
	}
}

func (e *entry) of(job string) bool { return strings.HasPrefix(e.attempt, job+"/") }

// begin gives the entry of an attempt. Like all that follows it is called with b.mu held.
func (b *LogBook) begin(attempt string) *entry {
	e := b.entries[attempt]
	if e == nil {
		e = &entry{attempt: attempt}
		e.place = b.order.PushBack(e)
		b.entries[attempt] = e
		b.size += logCost
	}
	e.ended = false
	return e
}

// write adds to the log of an attempt in hand.
func (b *LogBook) write(e *entry, p []byte) {
	grown := e.log.write(p)
	if e.place == nil {
		return
	}
	b.size += grown
	for place := b.order.Front(); place != nil && b.size > LogBookMax; {
		oldest := place.Value.(*entry)
		place = place.Next()
		if oldest.ended {
			b.remove(oldest)
		}
	}
}

// end says that an attempt prints no more.
func (b *LogBook) end(e *entry) {
	e.ended = true
	if e.log.size() == 0 {
		b.remove(e)
		if len(b.silent) < silentMax {
			b.silent = append(b.silent, e.attempt)
		} else {
			b.silent[b.next] = e.attempt
			b.next = (b.next + 1) % silentMax
		}
	}
	if b.waiting {
		close(b.changed)
		b.changed, b.waiting = make(chan struct{}), false
	}
}

func (b *LogBook) remove(e *entry) {
	if e.place == nil {
		return
	}
	b.order.Remove(e.place)
	delete(b.entries, e.attempt)
	b.size -= logCost + e.log.size()
	e.place = nil
}
