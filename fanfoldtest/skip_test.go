package fanfoldtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
)

// fussy counts lines, and its mapper does what a line says, after it has emitted and counted it.
var fussy = fanfold.Program{
	Name: "fussy",
	Fold: fanfold.Count,
	Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
		return fanfold.MapperFunc(func(rec fanfold.Record, emit *fanfold.Emitter) error {
			for range 50 { // more than the emitter's queue takes
				emit.Add(rec.Value, 1)
			}
			t.Count("fussy", "lines", 1)
			switch what, _, _ := bytes.Cut(rec.Value, []byte(" ")); string(what) {
			case "kill":
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			case "exit":
				os.Exit(3)
			case "panic":
				panic("oh no")
			case "fail":
				return errors.New("no, thanks")
			}
			return nil
		}), nil
	},
}

// TestR12BadRecordsAreSkipped skips records that the mapper fails at in every way, and no other.
func TestR12BadRecordsAreSkipped(t *testing.T) {
	c := startProcesses(t, 2)
	var input strings.Builder
	want, bad := map[string]int{}, map[string]string{}
	for i := range 400 {
		line := fmt.Sprintf("line %d", i%7)
		if i%40 == 13 {
			what := []string{"kill", "exit", "panic", "fail", "fail"}[i/40%5]
			line = fmt.Sprintf("%s %d", what, i)
			bad[line] = map[string]string{
				"kill": "killed (signal 9)", "exit": "exited with status 3",
				"panic": "panic: oh no", "fail": "no, thanks",
			}[what]
		} else {
			want[line] += 50
		}
		input.WriteString(line + "\n")
	}
	name := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(name, []byte(input.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "bad")
	job := fanfold.Job{
		Program: "fussy", Inputs: []string{name}, SplitSize: 1500,
		Reading: fanfold.Reading{SkipBad: len(bad), Skipped: folder},
	}
	r, err := c.Run(job, "")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(want)) {
		fmt.Fprintf(&text, "%s\t%d\n", key, want[key])
	}
	if r.Output != text.String() {
		t.Errorf("got %s\nwant %s", r.Output, &text)
	}
	if r.Failures == 0 {
		t.Error("no attempt was killed: nothing was tested")
	}
	for _, n := range []struct {
		group, name string
		want        int
	}{
		{"fanfold", fanfold.SkippedCounter, len(bad)},
		{"fanfold", "map_records_in", 400 - len(bad)}, {"fussy", "lines", 400 - len(bad)},
	} {
		if got := r.Counter(n.group, n.name); got != int64(n.want) {
			t.Errorf("counter %s is %d, want %d", n.name, got, n.want)
		}
	}
	checkCopies(t, folder, name, input.String(), bad)
}

// checkCopies holds that a folder has each bad record once, and what is wrong with it.
func checkCopies(t *testing.T, folder, name, input string, bad map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	all, _ := os.ReadDir(folder)
	if err != nil || len(files) < 2 || len(all) != len(files) {
		t.Fatalf("files %v of %v, %v", files, all, err)
	}
	found := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			var copied struct {
				Input, Error, Record string
				Offset               int
			}
			if err := json.Unmarshal(line, &copied); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			found++
			why, ok := bad[copied.Record]
			if !ok || copied.Input != name || !strings.Contains(copied.Error, why) ||
				!strings.HasPrefix(input[copied.Offset:], copied.Record+"\n") {
				t.Errorf("copy %s, want the error %q", line, why)
			}
			delete(bad, copied.Record)
		}
	}
	if len(bad) > 0 {
		t.Errorf("%d copies; there are none of %v", found, bad)
	}
}

// TestR12OneTooMany fails a job that would have to skip more than it may, in one task or in all.
func TestR12OneTooMany(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "bad")
	t.Cleanup(func() { // when the coordinator has ended, and with it what it does afterwards
		if left, _ := os.ReadDir(folder); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
	c := startProcesses(t, 2)
	input := strings.Repeat("fine\n", 100) + "fail 1\n" + strings.Repeat("fine\n", 100) +
		"fail 2\nfine\n"
	for _, size := range []int64{0, 600} {
		job := fanfold.Job{
			Program: "fussy", SplitSize: size,
			Reading: fanfold.Reading{SkipBad: 1, Skipped: folder},
		}
		_, err := c.Run(job, input)
		var e *fanfold.Error
		if !errors.As(err, &e) || e.Kind != fanfold.KindTooLarge || e.Input != "-" || e.Offset < 500 ||
			!strings.Contains(err.Error(), "no, thanks") || !strings.Contains(err.Error(), "bad") {
			t.Errorf("splits of %d: error %+v", size, err)
		}
	}
}

// TestR12WithoutSkipping fails at the first bad record, and names it.
func TestR12WithoutSkipping(t *testing.T) {
	c := startProcesses(t, 1)
	_, err := c.Run(fanfold.Job{Program: "fussy", MaxAttempts: 2}, "fine\nfail 1\n")
	var e *fanfold.Error
	if !errors.As(err, &e) || e.Kind != fanfold.KindUser || e.Input != "-" || e.Offset != 5 {
		t.Errorf("error %+v", err)
	}
}
