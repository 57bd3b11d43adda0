package shuffle

import "github.com/fanfold/fanfold"

// Collector is the Sink of a map attempt whose records go to a reduce stage: it partitions and
// sorts them, and folds or combines them where the program says so. It is not safe for concurrent
// use. Close it in any case.
type Collector struct {
	c     Config
	store store
	runs  *runs
	taken int64 // records
}

// store holds what is collected.
type store interface {
	fanfold.Sink
	stream() (rows, copier, error)
	close()
}

// NewCollector starts collecting.
func NewCollector(c Config) *Collector {
	m := newMeter(c)
	if c.folds() {
		t := newTable(c, m)
		return &Collector{c: c, store: t, runs: t.runs}
	}
	b := newBuffer(c, m)
	if c.First > 0 {
		b.setLimit(c.First)
	}
	return &Collector{c: c, store: b, runs: b.runs}
}

// Prefetch loads what a batch will need.
func (c *Collector) Prefetch(b *fanfold.Batch) {
	if t, ok := c.store.(*table); ok {
		t.prefetch(b)
	}
}

// Flush collects a batch.
func (c *Collector) Flush(b *fanfold.Batch) error {
	c.taken += int64(b.Len)
	err := c.store.Flush(b)
	if t, ok := c.store.(*table); ok && t.poor && err == nil {
		c.store, err = t.bypass()
	}
	return err
}

// Finish writes the output: one part for each partition, all inline or all in one file. When there
// are no records there is neither. Nothing may be collected after it.
func (c *Collector) Finish() (fanfold.Output, error) {
	src, copy, err := c.store.stream()
	if err != nil {
		return fanfold.Output{}, err
	}
	s := newSegment(c.c)
	defer s.discard()
	if err := copy(s, src); err != nil {
		return fanfold.Output{}, err
	}
	switch n := s.total(); {
	case c.c.folds(), c.c.First > 0: // as many as there are keys, or as are wanted
		err = counted(min(n, c.taken), n)
	case c.c.Program.Combine == nil:
		err = counted(c.taken, n)
	}
	if err != nil {
		return fanfold.Output{}, err
	}
	return s.finish()
}

// counted is an error where another number of records was written than must be.
func counted(want, written int64) error {
	if want == written {
		return nil
	}
	return fanfold.Errorf(fanfold.KindCorrupt, "count records", "%d were written instead of %d",
		written, want)
}

// Spills is how often the memory was full.
func (c *Collector) Spills() int { return c.runs.added }

// Close frees memory and disk space; the output of a successful Finish stays.
func (c *Collector) Close() { c.store.close() }
