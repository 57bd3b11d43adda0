package fanfoldtest_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/fanfoldtest"
)

func TestRun(t *testing.T) {
	got := fanfoldtest.Run(t, words, text)
	want := map[string]string{"a": "3", "b": "2", "c": "1"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := fanfoldtest.Run(t, words, ""); len(got) > 0 {
		t.Errorf("nothing comes to %v", got)
	}
	want = map[string]string{"x": "", "y z": ""}
	if got := fanfoldtest.Run(t, lines, "x\ny z\n"); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRunJobReadsFilesAndCounts(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1", "2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("from "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := fanfold.Program{Name: "p", Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
		return mapFunc(func(rec fanfold.Record, emit *fanfold.Emitter) error {
			t.Count("p", "lines", 1)
			emit.Emit(fmt.Appendf(nil, "%s: %s", filepath.Base(t.Input()), rec.Value), nil)
			return nil
		}), nil
	}}
	r := fanfoldtest.RunJob(t, p, fanfold.Job{Inputs: []string{dir, "-"}}, "own\n")
	if want := "1: from 1\n2: from 2\n-: own\n"; r.Output != want {
		t.Errorf("the output is %q, want %q", r.Output, want)
	}
	if n := r.Counter("p", "lines"); n != 3 {
		t.Errorf("%d lines were counted", n)
	}
}

// mapFunc is a mapper.
type mapFunc func(rec fanfold.Record, emit *fanfold.Emitter) error

func (f mapFunc) Map(rec fanfold.Record, emit *fanfold.Emitter) error { return f(rec, emit) }

func TestRunFailsTheTest(t *testing.T) {
	twice := fanfold.Program{Name: "twice", Map: func(*fanfold.Task) (fanfold.Mapper, error) {
		return mapFunc(func(_ fanfold.Record, emit *fanfold.Emitter) error {
			emit.Emit([]byte("k"), []byte("1"))
			emit.Emit([]byte("k"), []byte("2"))
			return nil
		}), nil
	}}
	bad := fanfold.Program{Name: "bad", Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
		return mapFunc(func(fanfold.Record, *fanfold.Emitter) error {
			fmt.Fprintln(t.Log, "I tried")
			return context.DeadlineExceeded
		}), nil
	}}
	tests := []struct {
		name    string
		program fanfold.Program
		want    []string
	}{
		{"key twice", twice, []string{`key "k" is in the output twice`}},
		{"error", bad, []string{"deadline exceeded", "/map-0/", "input -", "I tried"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r recorder
			synctest.Test(t, func(t *testing.T) { // retries wait for the clock
				r.TB = t
				done := make(chan struct{})
				go func() {
					defer close(done)
					fanfoldtest.Run(&r, tt.program, "x\n")
				}()
				<-done
			})
			for _, want := range tt.want {
				if !strings.Contains(r.fatal, want) {
					t.Errorf("the test fails with %q, want %q", r.fatal, want)
				}
			}
		})
	}
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	fatal string
}

func (r *recorder) Fatal(args ...any) { r.fail(fmt.Sprint(args...)) }

func (r *recorder) Fatalf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }

func (r *recorder) fail(text string) {
	r.fatal = text
	runtime.Goexit()
}

// L5: progress keeps an attempt alive, however long it takes, and nothing starts a second one.
func TestL5MapsOutlastTheProgressTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		slow := fanfold.Program{
			Name: "slow",
			Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
				runs.Add(1)
				return mapFunc(func(rec fanfold.Record, emit *fanfold.Emitter) error {
					for i := range 100 {
						<-time.After(time.Second)
						t.SetStatus(fmt.Sprint(i))
					}
					emit.Emit(bytes.Clone(rec.Value), nil)
					return nil
				}), nil
			},
		}
		r := fanfoldtest.RunJob(t, slow, fanfold.Job{ProgressTimeout: 3 * time.Second}, "x\n")
		if r.Output != "x\n" || runs.Load() != 1 || r.Failures != 0 {
			t.Errorf("%d runs, %d failures, output %q", runs.Load(), r.Failures, r.Output)
		}
		if r.Millis < 100_000 {
			t.Errorf("vacuous: it took %d ms", r.Millis)
		}
	})
}
