package reducer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/mapper"
	"github.com/fanfold/fanfold/reducer"
	"github.com/fanfold/fanfold/shuffle"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/filestore"
)

// mapped is the output of a map task that emits each line as a key, in a file of two partitions.
func mapped(t testing.TB, text string) source {
	t.Helper()
	dir := t.TempDir()
	p := fanfold.Program{Map: mapping(func(line []byte, emit *fanfold.Emitter) {
		emit.Emit(line, line)
	})}
	task := fanfold.NewTask(context.Background(), fanfold.Task{})
	res, err := mapper.Run(task, mapper.Spec{
		Program: &p, Split: fanfold.Split{Inline: []byte(text)}, Partitions: 2, Dir: dir, NoInline: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return source{dir, res.Output}
}

func twoReducers() *fanfold.Task {
	return fanfold.NewTask(context.Background(), fanfold.Task{Reducers: 2})
}

// A source that is damaged, cut short or gone is found before its records count, and named.
func TestR19LostSource(t *testing.T) {
	lines := "a\nb\nc\nd\ne\nf\n"
	tests := []struct {
		name  string
		spoil func(path string) error
	}{
		{"flipped", func(path string) error {
			b, err := os.ReadFile(path)
			b[30] ^= 1
			return errors.Join(err, os.WriteFile(path, b, 0o600))
		}},
		{"truncated", func(path string) error { return os.Truncate(path, 40) }},
		{"empty", func(path string) error { return os.Truncate(path, 0) }},
		{"gone", os.Remove},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sources := []source{mapped(t, lines), mapped(t, lines), mapped(t, lines)}
			if err := test.spoil(filepath.Join(sources[1].dir, sources[1].File)); err != nil {
				t.Fatal(err)
			}
			found := 0
			for part := range 2 {
				for _, run := range []attempt{reducer.Run, reducer.Gather} {
					dir := t.TempDir()
					res, err := run(twoReducers(), reducer.Spec{
						Program: &fanfold.Program{}, Sources: partOf(sources, part),
						Dir: dir, Last: true, NoInline: true,
					})
					if err == nil {
						continue // the damage is in the other partition
					}
					found++
					if !errors.Is(err, reducer.ErrSource) || res.LostTask != 1 || res.Output.File != "" {
						t.Errorf("error %v, result %+v", err, res)
					}
					left(t, dir)
				}
			}
			if found == 0 {
				t.Error("the damage was not found")
			}
		})
	}
}

// attempt is reducer.Run or reducer.Gather.
type attempt func(*fanfold.Task, reducer.Spec) (reducer.Result, error)

func left(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestRecordCountMismatch(t *testing.T) {
	sources := partOf([]source{mapped(t, "a\nb\nc\n"), mapped(t, "a\n")}, 0)
	sources[1].Records++
	res, err := reducer.Run(twoReducers(), reducer.Spec{
		Program: &fanfold.Program{}, Sources: sources, Dir: t.TempDir(), Last: true,
	})
	if !errors.Is(err, reducer.ErrSource) || res.LostTask != 1 ||
		fanfold.KindOf(err) != fanfold.KindCorrupt {
		t.Errorf("error %v, lost task %d", err, res.LostTask)
	}
}

// watched counts what happens to a reducer.
type watched struct {
	reduced, closed, ended int
	fail                   error
	failClose              error
}

func (w *watched) Reduce(key []byte, _ *fanfold.Values, emit *fanfold.Emitter) error {
	w.reduced++
	emit.Emit(key, nil)
	return w.fail
}

func (w *watched) Close(emit *fanfold.Emitter) error {
	if emit == nil {
		w.ended++
		return nil
	}
	w.closed++
	emit.Emit([]byte("closed"), nil)
	return w.failClose
}

func (w *watched) program() *fanfold.Program {
	return &fanfold.Program{Reduce: func(*fanfold.Task) (fanfold.Reducer, error) { return w, nil }}
}

func TestEmptyPartitionStillReduces(t *testing.T) {
	for _, sources := range [][]source{nil, {{}, {}}, {mapped(t, "")}} {
		w := &watched{}
		res, err := reducer.Run(twoReducers(), reducer.Spec{
			Program: w.program(), Sources: partOf(sources, 1), Dir: t.TempDir(), Last: true,
		})
		if err != nil || w.reduced != 0 || w.closed != 1 || w.ended != 0 {
			t.Errorf("%v, reducer %+v", err, w)
		}
		if got := (source{"", res.Output}).text(t); got != "closed\n" {
			t.Errorf("output %q", got)
		}
	}
}

func TestReducerErrors(t *testing.T) {
	own := fanfold.Errorf(fanfold.KindTimeout, "look up", "slow")
	tests := []struct {
		name string
		w    watched
		kind fanfold.Kind
		text string
	}{
		{"reduce", watched{fail: errors.New("boom")}, fanfold.KindUser, `run reducer: key "a": boom`},
		{"kind kept", watched{fail: own}, fanfold.KindTimeout, `run reducer: key "a": look up: slow`},
		{"close", watched{failClose: errors.New("boom")}, fanfold.KindUser, "close reducer: boom"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			sources := []source{mapped(t, "a\nb\nc\nd\n")}
			task := fanfold.NewTask(context.Background(), fanfold.Task{Reducers: 2})
			part := shuffle.Partition([]byte("a"), 2)
			_, err := reducer.Run(task, reducer.Spec{
				Program: test.w.program(), Sources: partOf(sources, part), Dir: dir, Last: true,
			})
			if fanfold.KindOf(err) != test.kind || err.Error() != test.text {
				t.Errorf("error %q of kind %v, want %q of kind %v",
					err, fanfold.KindOf(err), test.text, test.kind)
			}
			if test.w.closed+test.w.ended != 1 {
				t.Errorf("closed %d times with and %d without emitter", test.w.closed, test.w.ended)
			}
			left(t, dir)
		})
	}
	p := &fanfold.Program{Reduce: func(*fanfold.Task) (fanfold.Reducer, error) {
		return nil, errors.New("no")
	}}
	_, err := reducer.Run(twoReducers(), reducer.Spec{Program: p, Dir: t.TempDir()})
	if fanfold.KindOf(err) != fanfold.KindUser || err.Error() != "start reducer: no" {
		t.Errorf("error %q", err)
	}
}

func TestR04ReducerPanics(t *testing.T) {
	dir, closed := t.TempDir(), &watched{}
	p := &fanfold.Program{Reduce: func(*fanfold.Task) (fanfold.Reducer, error) {
		return panicking{closed}, nil
	}}
	defer func() {
		if r := recover(); r != "user panic" {
			t.Errorf("recovered %v", r)
		}
		if closed.ended != 1 {
			t.Errorf("closed %d times without emitter", closed.ended)
		}
		left(t, dir)
	}()
	_, err := reducer.Run(twoReducers(), reducer.Spec{
		Program: p, Sources: partOf([]source{mapped(t, "a\nb\nc\nd\n")}, 0),
		Dir: dir, Last: true, NoInline: true,
	})
	t.Errorf("returned %v", err)
}

type panicking struct{ *watched }

func (panicking) Reduce([]byte, *fanfold.Values, *fanfold.Emitter) error { panic("user panic") }

func TestContextEndsTheReduce(t *testing.T) {
	cause := fanfold.Errorf(fanfold.KindTimeout, "run attempt", "out of time")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	task := fanfold.NewTask(ctx, fanfold.Task{Reducers: 2})
	dir := t.TempDir()
	_, err := reducer.Run(task, reducer.Spec{
		Program: &fanfold.Program{}, Sources: partOf([]source{mapped(t, "a\nb\nc\nd\n")}, 0),
		Dir: dir, Last: true,
	})
	if !errors.Is(err, cause) || errors.Is(err, reducer.ErrSource) {
		t.Errorf("error %v, want %v alone", err, cause)
	}
	left(t, dir)
}

func TestProgressCountsSourceBytes(t *testing.T) {
	sources := []source{mapped(t, "a\nb\nc\nd\n"), mapped(t, "e\nf\ng\n")}
	var calls []int64
	total := int64(0)
	for part := range 2 {
		res, err := reducer.Run(twoReducers(), reducer.Spec{
			Program: &fanfold.Program{}, Sources: partOf(sources, part), Dir: t.TempDir(), Last: true,
			Progress: func(n int64) { calls = append(calls, n) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(calls) == 0 || calls[len(calls)-1] != res.BytesIn {
			t.Errorf("progress %v, want %d at the end", calls, res.BytesIn)
		}
		total += res.In
	}
	if total != 7 {
		t.Errorf("%d records were read, want 7", total)
	}
}

func TestOutputFolder(t *testing.T) {
	folder := t.TempDir()
	mux := &storage.Mux{}
	mux.Handle("", filestore.New())
	all := ""
	for part := range 2 {
		res, err := reducer.Run(twoReducers(), reducer.Spec{
			Program: &fanfold.Program{}, Sources: partOf([]source{mapped(t, "a\nb\nc\n")}, part),
			Dir: t.TempDir(), Last: true, Storage: mux,
			Final: shuffle.Final{Output: folder, Name: fmt.Sprint("reduce-", part)},
		})
		if err != nil {
			t.Fatal(err)
		}
		all += source{folder, res.Output}.text(t)
	}
	for _, line := range []string{"a\ta\n", "b\tb\n", "c\tc\n"} {
		if strings.Count(all, line) != 1 {
			t.Errorf("output %q lacks %q", all, line)
		}
	}
}
