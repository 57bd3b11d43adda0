package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"

	"github.com/fanfold/fanfold/internal/corpus"
)

// sortRow sorts records that do not fit the memory.
func sortRow() row {
	return row{
		name: "sort", doc: "put records of 100 bytes in order, against GNU sort", runs: 5,
		flags: func(fs *flag.FlagSet) preparer {
			s := &sortContest{memory: 256 << 20}
			fs.Int64Var(&s.records, "records", 10_000_000, "`number` of records")
			fs.Float64Var(&s.skew, "skew", 0, "`share` of the records that have one and the same key")
			fs.IntVar(&s.common, "common", 0, "`bytes` that all keys, of ten, begin with alike")
			fs.Var(&s.memory, "memory", "`size` of the memory of all processes or threads together")
			fs.IntVar(&s.slots, "slots", 2, "`number` of processes or threads")
			return one(s.prepare)
		},
	}
}

const sortSeed = 20240602

// sortContest is what the user chooses.
type sortContest struct {
	records int64
	skew    float64
	common  int
	memory  size
	slots   int
}

func (s *sortContest) prepare(ctx context.Context, b *workshop) (contest, error) {
	c := contest{
		title: fmt.Sprintf("Sort: %d records of %d bytes in %s of memory",
			s.records, corpus.RecordBytes, sizeText(int64(s.memory))),
		reference: "GNU sort",
	}
	if s.records < 1 || s.slots < 1 || s.common < 0 || s.common > corpus.KeyBytes {
		return c, fmt.Errorf("want at least one record and one slot, and at most %d common bytes",
			corpus.KeyBytes)
	}
	if s.skew > 0 {
		c.title += fmt.Sprintf(", %g of them with one key", s.skew)
	}
	if s.common > 0 {
		c.title += fmt.Sprintf(", %d bytes of all keys alike", s.common)
	}
	fanfold, err := b.build(ctx, "cmd/fanfold")
	if err != nil {
		return c, err
	}
	name := fmt.Sprintf("records-%d-%g-%d-%d", sortSeed, s.skew, s.common, s.records)
	file, err := b.cached(name+".txt", func(w io.Writer) error {
		return corpus.Records(w, corpus.RecordsConfig{
			Seed: sortSeed, Count: s.records, Skew: s.skew, Common: s.common,
		})
	})
	if err != nil {
		return c, err
	}
	want, err := b.cached(name+".sorted", func(w io.Writer) error { return sortRecords(w, file) })
	if err != nil {
		return c, err
	}
	slots, bytes := strconv.Itoa(s.slots), s.records*corpus.RecordBytes
	gnu := contestant{
		name: "GNU sort", bytes: bytes, want: want, version: []string{"sort", "--version"},
		args: []string{"env", "LC_ALL=C", "sort", "--parallel=" + slots,
			fmt.Sprintf("-S%db", s.memory), file},
	}
	if _, err := exec.LookPath("sort"); err != nil {
		gnu.missing = "sort is not installed"
	}
	run := []string{fanfold, "run", "--slots", slots, "--progress", "none",
		"--memory", fmt.Sprintf("%dB", int64(s.memory)/int64(s.slots))}
	own := func(name string, args ...string) contestant {
		return contestant{
			name: name, bytes: bytes, want: want, version: []string{fanfold, "version"},
			args: slices.Concat(run, args, []string{"sort", file}),
		}
	}
	c.contestants = []contestant{gnu, own("fanfold run sort"),
		own("the same, fixed:100 by 0:10", "--format", "fixed:100", "-p", "key=0:10")}
	return c, nil
}

// sortRecords writes the records of a file in order, in the most obvious way.
func sortRecords(w io.Writer, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	records := slices.Collect(slices.Chunk(text, corpus.RecordBytes))
	slices.SortFunc(records, bytes.Compare)
	for _, r := range records {
		if _, err := w.Write(r); err != nil {
			return err
		}
	}
	return nil
}
