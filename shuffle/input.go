package shuffle

import "github.com/fanfold/fanfold"

// Input reads the sources of a reduce or gather attempt as one stream. Its errors are SourceErrors
// where a source is to blame. It is not safe for concurrent use. Close it in any case.
type Input struct {
	meter *meter
	rows  rows
	open  []*blockRows
	group func(key []byte) int
	runs  *runs // what was merged because not all sources can be read at once
}

// Merge reads sources that are sorted by key, in the order of their tasks: keys ascend, and the
// values of a key come in the order of the sources. When the sources are too many for the memory,
// Merge reads most of them before it returns.
func Merge(c Config, sources []Source) (*Input, error) {
	in := newInput(c)
	if err := in.merge(c, sources); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// Concat reads one source after the other, each opened when it is its turn: it has no error.
func Concat(c Config, sources []Source) (*Input, error) {
	in := newInput(c)
	streams := make([]rows, len(sources))
	for i := range sources {
		streams[i] = &lateSource{c: c, in: in, source: &sources[i]}
	}
	in.rows = &concat{streams}
	return in, nil
}

func newInput(c Config) *Input {
	in := &Input{meter: newMeter(c), group: c.Program.Group}
	c.Program = &fanfold.Program{Fold: c.Program.Fold} // combiners are for the map side
	in.runs = newRuns(c, in.meter)
	return in
}

func (in *Input) merge(c Config, sources []Source) error {
	memory := newBudget(c.Memory).sources()
	held := int64(0)
	for i := range sources {
		s, err := openSource(c, in.meter, &sources[i])
		if err != nil {
			return err
		}
		if len(in.open) == sourcesMax || len(in.open) > 1 && held+s.memory() > memory {
			if err := in.fuse(); err != nil {
				s.close()
				return err
			}
			held = 0
		}
		in.open = append(in.open, s)
		held += s.memory()
	}
	if len(in.runs.list) == 0 {
		in.rows = newMerge(streams(in.open))
		return nil
	}
	err := in.fuse()
	if err == nil {
		in.rows, err = in.runs.merged()
	}
	return err
}

func streams(open []*blockRows) []rows {
	streams := make([]rows, len(open))
	for i, s := range open {
		streams[i] = s.within()
	}
	return streams
}

// fuse makes a run of the open sources.
func (in *Input) fuse() error {
	defer in.closeSources()
	return in.runs.add(newMerge(streams(in.open)), in.runs.condense.copy)
}

func (in *Input) closeSources() {
	for _, s := range in.open {
		s.close()
	}
	in.open = in.open[:0]
}

// Groups gives the keys, each with its values. Use either this, Fold or Copy, once.
func (in *Input) Groups() *Groups { return newGroups(in.rows, in.group) }

// Fold applies the program's fold or aggregator and hands its results to out.
func (in *Input) Fold(out *Output) error {
	g := newGroups(in.rows, nil)
	for g.Next() {
		if err := in.runs.condense.fold(g); err != nil {
			return err
		}
		if err := in.runs.condense.acc.results(g.key, out); err != nil {
			return err
		}
	}
	return g.err
}

// Copy hands all records to out.
func (in *Input) Copy(out *Output) error {
	var r row
	for {
		more, err := in.rows.next(&r)
		if err != nil || !more {
			return err
		}
		if err := out.Append(r.key, r.value); err != nil {
			return err
		}
	}
}

// Records is how many records were read; it is right at the end of the stream.
func (in *Input) Records() int64 { return in.meter.records }

// Bytes is how many bytes of sources were read so far.
func (in *Input) Bytes() int64 { return in.meter.bytes }

// Spills is how often sources were merged to disk.
func (in *Input) Spills() int { return in.runs.added }

// Close closes files and frees disk space.
func (in *Input) Close() {
	in.closeSources()
	in.runs.close()
}

// lateSource is a source that is opened when it is its turn.
type lateSource struct {
	c      Config
	in     *Input
	source *Source
	rows   *blockRows // nil: not opened yet
}

// next gives the next row.
func (l *lateSource) next(r *row) (bool, error) {
	if l.rows == nil {
		s, err := openSource(l.c, l.in.meter, l.source)
		if err != nil {
			return false, err
		}
		s.sorted = false
		l.rows = s
		l.in.open = append(l.in.open, s)
	}
	more, err := l.rows.next(r)
	if !more {
		l.in.closeSources()
	}
	return more, err
}
