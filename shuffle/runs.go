package shuffle

import "os"

// run is a piece of a stream on disk. Its file has no name any more, so that it is gone when it is
// closed, or when the process dies.
type run struct {
	file    *os.File
	size    int64 // bytes
	records int64
	level   int // merges that its records went through
}

// runs is a stream in pieces, in order of arrival. When the newest runsMax of them are of one level
// they become one of the next, so each record is written once a level and few files are open.
type runs struct {
	c        Config
	budget   budget
	meter    *meter
	condense *condense
	list     []run // Invariant: levels descend
	added    int   // calls of add
}

func newRuns(c Config, m *meter) *runs {
	b := newBudget(c.Memory)
	acc := accumulator{fold: c.Program.Fold, agg: c.Aggregator}
	d := &condense{c: c, acc: acc, meter: m, lent: b.merge()}
	return &runs{c: c, budget: b, meter: m, condense: d}
}

// copier copies a stream, pre-reducing it or not.
type copier func(dst appender, src rows) error

// add writes a stream as the newest run.
func (r *runs) add(src rows, copy copier) error {
	r.added++
	if err := r.write(src, 0, copy); err != nil {
		return err
	}
	for r.ripe() {
		if err := r.fuse(runsMax); err != nil {
			return err
		}
	}
	return nil
}

// ripe reports whether the newest runs are enough, and alike enough, to be fused.
func (r *runs) ripe() bool {
	n := len(r.list)
	return n >= runsMax && r.list[n-runsMax].level == r.list[n-1].level
}

// fuse makes one run of the newest n.
func (r *runs) fuse(n int) error {
	old := r.list[len(r.list)-n:]
	level := old[0].level + 1
	r.list = r.list[: len(r.list)-n : len(r.list)-n]
	defer closeRuns(old)
	copy := r.condense.copy
	if r.condense.lags {
		copy = copyRows // the memory that the combiner would need is in use
	}
	return r.write(newMerge(r.streams(old)), level, copy)
}

// write adds a run to the list.
func (r *runs) write(src rows, level int, copy copier) error {
	f, err := os.CreateTemp(r.c.Dir, "spill-")
	if err != nil {
		return diskError("create spill file", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return diskError("unlink spill file", err)
	}
	w := blockWriter{w: spillFile{f, r.meter}, target: r.budget.runBlock}
	err = copy(&w, src)
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	r.list = append(r.list, run{f, w.written, w.records, level})
	return nil
}

// merged gives the whole stream; the runs stay open until close.
func (r *runs) merged() (rows, error) {
	for len(r.list) > runsMax {
		if err := r.fuse(min(runsMax, len(r.list)-runsMax+1)); err != nil {
			return nil, err
		}
	}
	return newMerge(r.streams(r.list)), nil
}

func (r *runs) streams(list []run) []rows {
	streams := make([]rows, len(list))
	for i, run := range list {
		streams[i] = &blockRows{
			src: run.file, end: run.size, want: run.records, block: r.budget.runBlock,
			sorted: true, meter: r.meter, fail: runError,
		}
	}
	return streams
}

// runError passes an error on: it is this attempt's own, not one of a source.
func runError(err error) error { return err }

// close gives the disk space back.
func (r *runs) close() {
	closeRuns(r.list)
	r.list = nil
}

func closeRuns(list []run) {
	for _, run := range list {
		_ = run.file.Close()
	}
}

// spillFile writes blocks and stops when the attempt must.
type spillFile struct {
	file  *os.File
	meter *meter
}

// Write writes a block.
func (s spillFile) Write(block []byte) (int, error) {
	if err := s.meter.block(0); err != nil {
		return 0, err
	}
	n, err := s.file.Write(block)
	if err != nil {
		return n, diskError("write spill file", err)
	}
	return n, nil
}
