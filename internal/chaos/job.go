//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/corpus"
	"github.com/fanfold/fanfold/internal/oracle"
)

// job is what can run while a fault happens.
type job struct {
	name  string
	input func(w io.Writer, seed uint64) error
	want  func(w io.Writer, inputs ...oracle.Input) error
	check func(output []byte) error // in place of want
	spec  fanfold.Job
	// files says that the output is a folder, in which lines may be in any part.
	files bool
}

// slowly is a mapper that prints its words one a line, and takes its time: 40 ms for each attempt.
const slowly = `sleep 0.04; exec tr -s ' ' '\n'`

// jobs are those that the driver can run. The closed ones have some 60 map tasks; the open one goes
// on until it is awaited.
var jobs = []job{
	{
		name: "wordcount", input: words(16 << 20 / scale), want: oracle.WordCount,
		spec: fanfold.Job{Program: "wordcount", SplitSize: 256 << 10 / scale, Reducers: 3},
	},
	{
		name: "sort", input: records(160_000 / scale), want: oracle.Sort,
		spec: fanfold.Job{Program: "sort", SplitSize: 256 << 10 / scale},
	},
	{
		name: "command", input: words(2 << 20 / scale), want: oracle.WordCount, files: true,
		spec: fanfold.Job{
			Program: fanfold.CommandProgram, SplitSize: 32 << 10 / scale, Reducers: 3,
			Command: &fanfold.Command{
				Mapper: []string{"sh", "-c", slowly}, Aggregate: "count",
			},
		},
	},
	{
		name: "dice", input: records(2000), check: checkDice, files: true,
		spec: fanfold.Job{
			Program: fanfold.CommandProgram, SplitSize: 4 << 10, Reducers: 3,
			Command: &fanfold.Command{Mapper: []string{"sh", "-c", dice}, Reducer: []string{"cat"}},
		},
	},
	{name: "stream", spec: fanfold.Job{Program: "echo"}},
}

// dice is a mapper that prints, under twenty keys of its own, what it has drawn: another number
// each time it runs. It takes its time.
const dice = `sleep 0.04; read -r first; cat >/dev/null
drawn=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	printf '%s %s\t%s\n' "$i" "${first%% *}" "$drawn"
done`

// checkDice holds that all that reducers have seen of a map task is of one attempt.
func checkDice(output []byte) error {
	drawn, lines := map[string]string{}, map[string]int{}
	for line := range strings.Lines(string(output)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		_, task, _ := strings.Cut(key, " ")
		if before, ok := drawn[task]; ok && before != value {
			return fmt.Errorf("R51: of the task at %q are %s and %s", task, before, value)
		}
		drawn[task] = value
		lines[task]++
	}
	for task, n := range lines {
		if n != 20 {
			return fmt.Errorf("R51: of the task at %q are %d lines, want 20", task, n)
		}
	}
	if len(drawn) < 2 {
		return fmt.Errorf("R51: got %d map tasks in %d bytes", len(drawn), len(output))
	}
	return nil
}

func words(bytes int64) func(io.Writer, uint64) error {
	return func(w io.Writer, seed uint64) error {
		return corpus.Words(w, corpus.WordsConfig{Seed: seed, Bytes: bytes, Vocabulary: 20_000})
	}
}

func records(n int64) func(io.Writer, uint64) error {
	return func(w io.Writer, seed uint64) error {
		return corpus.Records(w, corpus.RecordsConfig{Seed: seed, Count: n})
	}
}

// open reports whether it is an open job.
func (j job) open() bool { return j.input == nil }

// prepare writes the input of a job and asks the oracle.
func (j job) prepare(dir string, seed uint64, f *fault) (work, error) {
	if f.adapt != nil {
		f.adapt(&j.spec)
	}
	if j.open() {
		return newOpenJob(j.spec, seed), nil
	}
	var in, want bytes.Buffer
	if err := j.input(&in, seed); err != nil {
		return nil, err
	}
	c := &closedJob{spec: j.spec, files: j.files, bytes: int64(in.Len()),
		records: int64(bytes.Count(in.Bytes(), []byte("\n"))), ended: make(chan struct{})}
	name := filepath.Join(dir, fmt.Sprintf("in-%s-%x", j.name, seed))
	if err := os.WriteFile(name, in.Bytes(), 0o600); err != nil {
		return nil, err
	}
	if c.check = j.check; j.check == nil {
		if err := j.want(&want, oracle.Input{Name: name, Content: &in}); err != nil {
			return nil, err
		}
		c.check = func(got []byte) error { return same(got, want.Bytes()) }
	}
	c.spec.Inputs = []string{name}
	if f.severs {
		// Whoever has lost its connection submits again, and gets the reply of the same job.
		c.spec.ID, c.spec.Detach = fmt.Sprintf("%s-%x", j.name, seed), true
	}
	if j.files {
		c.spec.Output = filepath.Join(dir, fmt.Sprintf("out-%s-%x", j.name, seed))
	}
	return c, nil
}
