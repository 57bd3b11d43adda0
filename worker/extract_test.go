package worker_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle"
	"github.com/fanfold/fanfold/worker"
)

// TestMainReadsWhatOtherWorkersHave checks that a reduce reads the file of another worker on the
// host where that is, and an extract of one on another host, which goes when its reader is
// committed and no sooner.
func TestMainReadsWhatOtherWorkersHave(t *testing.T) {
	f := startMain(t, worker.MainConfig{}, wordCount)
	f.briefJob(&protocol.Brief{Job: 1, Partitions: 1, Stages: uint32(fanfold.StageReduce)},
		fanfold.Job{Program: "count"})
	f.assign(longLines(5000), 1)
	d := f.done(1, protocol.StatusSucceeded)
	if d.File == "" {
		t.Fatal("vacuous: the output came inline")
	}
	f.send(&protocol.Verdict{Attempt: 1, Committed: true})
	other := t.TempDir()
	if err := os.MkdirAll(filepath.Join(other, filepath.Dir(d.File)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(f.dir, d.File), filepath.Join(other, d.File)); err != nil {
		t.Fatal(err)
	}
	extract := filepath.Join(f.dir, "extract")
	makeExtract(t, filepath.Join(other, d.File), extract)
	number := func(a *protocol.Assign) *protocol.Assign {
		a.Number = uint16(a.Attempt)
		return a
	}
	reduce := func(attempt uint64) []byte {
		f.send(
			&protocol.Source{Attempt: attempt, Task: 1, Path: d.File, Records: d.Records, Dir: other},
			&protocol.Source{Attempt: attempt, Task: 2, Path: "extract", Records: d.Records, Extract: true},
			number(reduceAssign(attempt, 2)),
		)
		got := f.done(attempt, protocol.StatusSucceeded)
		if got.In != 2*d.Records {
			t.Errorf("%d records were read, want %d", got.In, 2*d.Records)
		}
		if got.File == "" {
			return bytes.Join(got.Inline, nil)
		}
		text, err := os.ReadFile(filepath.Join(f.dir, got.File))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := reduce(11)
	f.send(&protocol.Verdict{Attempt: 11})
	if again := reduce(12); !bytes.Equal(first, again) || len(first) == 0 {
		t.Errorf("%d bytes, and then %d", len(first), len(again))
	}
	f.send(&protocol.Verdict{Attempt: 12, Committed: true},
		&protocol.Source{Attempt: 13, Task: 2, Path: "extract", Records: d.Records, Extract: true},
		number(reduceAssign(13, 1)))
	f.done(13, protocol.StatusNoSource)
	if _, err := os.Stat(extract); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the extract is still there: %v", err)
	}
}

// makeExtract copies the first partition of a segment, as a worker does that fetches it.
func makeExtract(t *testing.T, segment, extract string) {
	t.Helper()
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	e, err := shuffle.Find(bytes.NewReader(whole), int64(len(whole)), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(extract)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	x := shuffle.NewExtract(file, 0)
	if _, err := x.Write(whole[e.Offset:][:e.Bytes]); err != nil {
		t.Fatal(err)
	}
	if err := x.Finish(e.Records); err != nil {
		t.Fatal(err)
	}
}
