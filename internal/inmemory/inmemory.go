// Package inmemory runs a program over bytes in memory, on one goroutine and without a cluster. The
// tests of the SDK and of the built-in jobs use it. The one idea: each stage of a job is a function
// from a slice of records to a slice of records.
package inmemory

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfold/fanfold"
)

// Input is one input of a job.
type Input struct {
	Name, Text string
}

// Job is one run of a program. The zero value of each field but Program is fine.
type Job struct {
	Program  fanfold.Program
	Params   map[string]string
	Inputs   []Input
	Reducers int  // partitions; 0: the program's, or one
	Combine  bool // run the combiner on every two values of a key, in each input
	ByLine   bool // call Map even where the mapper has MapBlock
}

// Run gives the job's output as text, as the command line prints it.
func (j Job) Run() (string, error) {
	if j.Reducers = max(j.Reducers, j.Program.Reducers); j.Reducers == 0 {
		j.Reducers = 1
	}
	var all []record
	for i, in := range j.Inputs {
		emitted, err := j.mapInput(fanfold.TaskID(i), in)
		if err != nil {
			return "", err
		}
		all = append(all, emitted...)
	}
	p := &j.Program
	reduces := p.Reduce != nil || p.Fold != fanfold.NoFold || p.Aggregate != nil
	if !reduces {
		if p.Sort == fanfold.SortKey {
			sortByKey(all)
		}
		return j.render(all), nil
	}
	var out []record
	for part := range j.Reducers {
		mine := slices.DeleteFunc(slices.Clone(all), func(r record) bool {
			return j.partition(j.group(r.key)) != part
		})
		reduced, err := j.reduce(fanfold.TaskID(part), mine)
		if err != nil {
			return "", err
		}
		out = append(out, reduced...)
	}
	if j.Program.Sort != fanfold.SortNone {
		sortByKey(out)
	}
	return j.render(out), nil
}

func (j Job) task(stage fanfold.Stage, id fanfold.TaskID) *fanfold.Task {
	return fanfold.NewTask(context.Background(), fanfold.Task{
		ID:       fanfold.AttemptID{Stage: stage, Task: id, Attempt: 1},
		Program:  j.Program.Name,
		Params:   j.Params,
		Log:      io.Discard,
		Reducers: j.Reducers,
	})
}

// mapInput runs one map task, and the combiner if there is one.
func (j Job) mapInput(id fanfold.TaskID, in Input) ([]record, error) {
	t := j.task(fanfold.StageMap, id)
	t.SetInput(in.Name)
	mapper, err := j.Program.Map(t)
	if err != nil {
		return nil, err
	}
	var out collector
	emit := fanfold.NewEmitter(&out)
	if err := j.feed(mapper, []byte(in.Text), emit); err != nil {
		return nil, err
	}
	if err := finish(mapper, emit); err != nil {
		return nil, err
	}
	if j.Combine && j.Program.Combine != nil {
		return j.combine(t, out.records)
	}
	return out.records, nil
}

func (j Job) feed(mapper fanfold.Mapper, text []byte, emit *fanfold.Emitter) error {
	if blocks, ok := mapper.(fanfold.BlockMapper); ok && !j.ByLine {
		if len(text) == 0 {
			return nil
		}
		return blocks.MapBlock(text, 0, emit)
	}
	for rest, offset := text, int64(0); len(rest) > 0; {
		var line []byte
		line, rest = fanfold.NextLine(rest)
		if err := mapper.Map(fanfold.Record{Value: line, Offset: offset}, emit); err != nil {
			return err
		}
		offset += int64(len(line)) + 1
	}
	return nil
}

// combine runs the combiner on each pair of neighbouring values of a key.
func (j Job) combine(t *fanfold.Task, records []record) ([]record, error) {
	combiner, err := j.Program.Combine(t)
	if err != nil {
		return nil, err
	}
	var out collector
	emit := fanfold.NewEmitter(&out)
	for key, group := range groups(records, whole) {
		for pair := range slices.Chunk(group, 2) {
			if err := combiner.Reduce([]byte(key), values(pair), emit); err != nil {
				return nil, err
			}
		}
	}
	return out.records, finish(combiner, emit)
}

func (j Job) reduce(id fanfold.TaskID, records []record) ([]record, error) {
	var out collector
	emit := fanfold.NewEmitter(&out)
	if fold := j.Program.Fold; fold != fanfold.NoFold {
		for key, group := range groups(records, whole) {
			emitFold(fold, key, group, emit)
		}
		emit.Flush()
		return out.records, nil
	}
	reducer, err := j.reducer(j.task(fanfold.StageReduce, id))
	if err != nil {
		return nil, err
	}
	for key, group := range groups(records, j.group) {
		if err := reducer.Reduce([]byte(key), values(group), emit); err != nil {
			return nil, err
		}
	}
	return out.records, finish(reducer, emit)
}

// reducer makes the reducer, also of a program that has an aggregator.
func (j Job) reducer(t *fanfold.Task) (fanfold.Reducer, error) {
	if j.Program.Aggregate == nil {
		return j.Program.Reduce(t)
	}
	a, err := j.Program.Aggregate(t)
	return fanfold.Aggregated(a), err
}

func emitFold(fold fanfold.Fold, key string, group []record, emit *fanfold.Emitter) {
	switch fold {
	case fanfold.Distinct:
		emit.Emit([]byte(key), nil)
		return
	case fanfold.First:
		emit.Emit([]byte(key), group[0].value)
		return
	}
	total := group[0].n
	for _, r := range group[1:] {
		switch fold {
		case fanfold.Sum:
			total += r.n
		case fanfold.Min:
			total = min(total, r.n)
		case fanfold.Max:
			total = max(total, r.n)
		}
	}
	if fold == fanfold.Count {
		total = int64(len(group))
	}
	emit.Add([]byte(key), total)
}

// finish ends an attempt: user code may hold records back until Close.
func finish(user any, emit *fanfold.Emitter) error {
	if c, ok := user.(fanfold.Closer); ok {
		if err := c.Close(emit); err != nil {
			return err
		}
	}
	emit.Flush()
	return emit.Err()
}

// partition is any function of the key, or any that ascends with it where the program has Ranges:
// which one must not matter to a program.
func (j Job) partition(key string) int {
	sum, n := 0, j.Reducers
	if j.Program.Ranges {
		return int((key + "\x00")[0]) * n / 256
	}
	for _, c := range []byte(key) {
		sum = (sum*31 + int(c)) % n
	}
	return sum
}

// record is what was emitted: n is set and value its decimal text where it came from Add.
type record struct {
	key   string
	value []byte // nil: none
	n     int64
}

// collector is the Sink that keeps everything.
type collector struct {
	records []record
}

// Flush copies the batch.
func (c *collector) Flush(b *fanfold.Batch) error {
	for i := range b.Len {
		r := record{key: string(b.Key(i)), value: bytes.Clone(b.Value(i))}
		if b.ValLen[i] == fanfold.Number {
			r.n, r.value = b.N[i], strconv.AppendInt(nil, b.N[i], 10)
		}
		c.records = append(c.records, r)
	}
	return nil
}

func sortByKey(records []record) {
	slices.SortStableFunc(records, func(a, b record) int { return strings.Compare(a.key, b.key) })
}

// whole is the group of a program that does not say.
func whole(key string) string { return key }

// group is the part of a key that the reducer sees.
func (j Job) group(key string) string {
	if j.Program.Group == nil {
		return key
	}
	return key[:j.Program.Group([]byte(key))]
}

// groups ranges over the groups of keys in their order, each with its records in theirs.
func groups(records []record, group func(string) string) func(yield func(string, []record) bool) {
	sorted := slices.Clone(records)
	sortByKey(sorted)
	return func(yield func(string, []record) bool) {
		for len(sorted) > 0 {
			n := 1
			key := group(sorted[0].key)
			for n < len(sorted) && group(sorted[n].key) == key {
				n++
			}
			if !yield(key, sorted[:n]) {
				return
			}
			sorted = sorted[n:]
		}
	}
}

func values(group []record) *fanfold.Values {
	i := 0
	return fanfold.NewValues(func() ([]byte, bool) {
		if i == len(group) {
			return nil, false
		}
		i++
		return group[i-1].value, true
	})
}

func (j Job) render(records []record) string {
	var text strings.Builder
	for _, r := range records {
		if j.Program.Show != nil {
			key, value := j.Program.Show([]byte(r.key), r.value)
			r.key, r.value = string(key), value
		}
		text.WriteString(r.key)
		if r.value != nil {
			text.WriteByte('\t')
			text.Write(r.value)
		}
		text.WriteByte('\n')
	}
	return text.String()
}
