package worker_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// wordCount counts lines by its fold.
var wordCount = fanfold.Program{
	Name: "count",
	Map: func(*fanfold.Task) (fanfold.Mapper, error) {
		return &funcMapper{f: func(_ *fanfold.Task, rec fanfold.Record, emit *fanfold.Emitter) error {
			emit.Add(rec.Value, 1)
			return nil
		}}, nil
	},
	Fold: fanfold.Count,
}

// reduceAssign is the Assign of a reduce attempt of job 1.
func reduceAssign(handle uint64, sources uint32) *protocol.Assign {
	return &protocol.Assign{
		Attempt: handle, Job: 1, Stage: uint8(fanfold.StageReduce), Number: 1, Sources: sources,
	}
}

func TestMainReducesWhatItMapped(t *testing.T) {
	f := startMain(t, worker.MainConfig{}, wordCount)
	f.briefJob(&protocol.Brief{Job: 1, Partitions: 1, Stages: uint32(fanfold.StageReduce)},
		fanfold.Job{Program: "count"})
	f.assign("b\na\n", 1)
	f.assign(strings.Repeat("a\n", 3)+longLines(5000), 2)
	first, second := f.done(1, protocol.StatusSucceeded), f.done(2, protocol.StatusSucceeded)
	if first.File != "" || len(first.Inline) != 1 || second.File == "" {
		t.Fatalf("vacuous: a small output in %q, a large one in %q", first.File, second.File)
	}
	f.send(
		&protocol.Source{Attempt: 3, Task: 1, Inline: first.Inline[0], Records: first.Records},
		&protocol.Source{Attempt: 3, Task: 2, Path: second.File, Records: second.Records},
		reduceAssign(3, 2),
	)
	d := f.done(3, protocol.StatusSucceeded)
	text, err := os.ReadFile(filepath.Join(f.dir, d.File))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(text, []byte("a\t4\nb\t1\n")) || d.Records != 5002 {
		t.Errorf("%d records, beginning with %.20q", d.Records, text)
	}
}

// longLines are n different lines that do not go inline.
func longLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "c%06d%s\n", i, strings.Repeat("x", 40))
	}
	return b.String()
}

func TestR14MainReportsALostSource(t *testing.T) {
	f := startMain(t, worker.MainConfig{}, wordCount)
	f.briefJob(&protocol.Brief{Job: 1, Partitions: 1, Stages: uint32(fanfold.StageReduce)},
		fanfold.Job{Program: "count"})
	f.send(
		&protocol.Source{Attempt: 3, Task: 7, Path: "gone/out", Records: 1},
		reduceAssign(3, 1),
	)
	if d := f.done(3, protocol.StatusNoSource); d.Lost != 7 {
		t.Errorf("the lost source is that of task %d, want 7", d.Lost)
	}
}

func TestMainForgetsAJob(t *testing.T) {
	g := newGate()
	f := startMain(t, worker.MainConfig{}, wordCount, g.program())
	f.briefJob(&protocol.Brief{Job: 1, Partitions: 1, Stages: uint32(fanfold.StageReduce)},
		fanfold.Job{Program: "count"})
	f.assign(longLines(5000), 1)
	if d := f.done(1, protocol.StatusSucceeded); d.File == "" {
		t.Fatal("vacuous: the output came inline")
	}
	f.send(&protocol.Forget{Job: 1})
	f.brief("gate")
	f.assign("x\n", 2)
	<-g.started // so what came before has been obeyed
	if left := attemptDirs(t, f.dir); len(left) != 1 || !strings.HasSuffix(left[0], "map-2-1.0") {
		t.Errorf("of a forgotten job there is %v", left)
	}
	f.send(&protocol.Forget{Job: 1}) // it still runs: nobody wants it any more
	f.done(2, protocol.StatusStopped)
	if left := attemptDirs(t, f.dir); len(left) > 0 {
		t.Errorf("of a forgotten job there is %v", left)
	}
}

func TestMainBoundsCounters(t *testing.T) {
	many := mapFunc(func(t *fanfold.Task, rec fanfold.Record, _ *fanfold.Emitter) error {
		for i := range 2000 {
			t.Count("many", fmt.Sprint(i), 1)
		}
		return nil
	}).program("many")
	f := startMain(t, worker.MainConfig{}, many)
	f.brief("many")
	f.assign("x\n", 1)
	if e := f.failure(1); e.Kind != fanfold.KindTooLarge || !strings.Contains(e.Error(), "2000") {
		t.Errorf("got %v of kind %s", e, e.Kind)
	}
}
