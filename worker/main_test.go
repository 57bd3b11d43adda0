package worker_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// mapFunc makes a map-only program of a function.
type mapFunc func(t *fanfold.Task, rec fanfold.Record, emit *fanfold.Emitter) error

func (f mapFunc) program(name string) fanfold.Program {
	return fanfold.Program{Name: name, Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
		return &funcMapper{t, f}, nil
	}}
}

type funcMapper struct {
	t *fanfold.Task
	f mapFunc
}

func (m *funcMapper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	return m.f(m.t, rec, emit)
}

// echo emits each line as it is.
var echo = mapFunc(func(_ *fanfold.Task, rec fanfold.Record, emit *fanfold.Emitter) error {
	emit.Emit(rec.Value, nil)
	return nil
}).program("echo")

// gate is a program whose attempts say that they have started and wait until they may end. It obeys
// the end of its context.
type gate struct{ started, free chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}), make(chan struct{})} }

func (g *gate) program() fanfold.Program {
	return mapFunc(func(t *fanfold.Task, _ fanfold.Record, _ *fanfold.Emitter) error {
		g.started <- struct{}{}
		select {
		case <-g.free:
			return nil
		case <-t.Context().Done():
			return t.Context().Err()
		}
	}).program("gate")
}

func TestMainRunsAttemptsInOrder(t *testing.T) {
	f := startMain(t, worker.MainConfig{Slot: 3}, echo)
	f.brief("echo")
	f.assign("one\ntwo\n", 11, 12, 13)
	for _, handle := range []uint64{11, 12, 13} {
		d := f.done(handle, protocol.StatusSucceeded)
		if got := string(bytes.Join(d.Inline, nil)); got != "one\ntwo\n" || d.Records != 2 || d.In != 2 {
			t.Errorf("output %q of %d records from %d, want the two lines", got, d.Records, d.In)
		}
		if d.Slot != 3 || d.BytesIn != 8 {
			t.Errorf("slot %d, %d bytes in; want 3, 8", d.Slot, d.BytesIn)
		}
	}
	if left := attemptDirs(t, f.dir); len(left) > 0 {
		t.Errorf("inline outputs left %v", left)
	}
}

func TestMainGivesTheTask(t *testing.T) {
	look := mapFunc(func(t *fanfold.Task, _ fanfold.Record, emit *fanfold.Emitter) error {
		info, err := os.Stat(t.Dir)
		if err != nil {
			return err
		}
		t.Count("look", "lines", 2)
		t.Count("a", "b", 1)
		emit.Emit(fmt.Appendf(nil, "%s %s %s %v", t.ID, t.Param("p", ""), t.Input(), info.Mode()), nil)
		return os.WriteFile(filepath.Join(t.Dir, "scratch"), nil, 0o600)
	}).program("look")
	f := startMain(t, worker.MainConfig{}, look)
	f.briefJob(&protocol.Brief{Job: 1, Stages: uint32(fanfold.StageMap)},
		fanfold.Job{Program: "look", Params: map[string]string{"p": "v"}})
	f.assign("x\n", 7)
	d := f.done(7, protocol.StatusSucceeded)
	want := fmt.Sprintf("%s/map-7/1 v - drwx------\n", testJob)
	if got := string(bytes.Join(d.Inline, nil)); got != want {
		t.Errorf("the task was %q, want %q", got, want)
	}
	counters := []protocol.Counter{{Group: "a", Name: "b", N: 1}, {Group: "look", Name: "lines", N: 2}}
	if !slices.Equal(d.Counters, counters) {
		t.Errorf("counters %v, want %v", d.Counters, counters)
	}
	if left := attemptDirs(t, f.dir); len(left) > 0 {
		t.Errorf("scratch files are left: %v", left)
	}
}

func TestMainKeepsAFileUntilItsVerdict(t *testing.T) {
	long := mapFunc(func(t *fanfold.Task, _ fanfold.Record, emit *fanfold.Emitter) error {
		if err := os.WriteFile(filepath.Join(t.Dir, "scratch"), nil, 0o600); err != nil {
			return err
		}
		for range 4 {
			emit.Emit(bytes.Repeat([]byte("x"), fanfold.InlinePartMax), nil)
		}
		return nil
	}).program("long")
	f := startMain(t, worker.MainConfig{}, long)
	f.brief("long")
	f.assign("x\n", 1, 2, 3)
	var files []string
	for handle := range uint64(3) {
		d := f.done(handle+1, protocol.StatusSucceeded)
		info, err := os.Stat(filepath.Join(f.dir, d.File))
		if err != nil {
			t.Fatal(err)
		}
		if d.File == "" || len(d.Inline) > 0 || info.Size() != d.Bytes {
			t.Errorf("file %q of %d bytes, %d on disk, %d parts inline",
				d.File, d.Bytes, info.Size(), len(d.Inline))
		}
		files = append(files, d.File)
	}
	f.send(&protocol.Verdict{Attempt: 1, Committed: true}, &protocol.Verdict{Attempt: 2})
	f.assign("x\n", 4) // what comes behind its Done has been obeyed
	f.done(4, protocol.StatusSucceeded)
	want := []string{filepath.Dir(files[0]), filepath.Dir(files[2])}
	if left := attemptDirs(t, f.dir); !slices.Equal(left[:2], want) {
		t.Errorf("after a commit and a discard there are %v, want %v", left, want)
	}
	for _, dir := range want {
		if entries, _ := os.ReadDir(filepath.Join(f.dir, dir)); len(entries) != 1 {
			t.Errorf("in %s there are %v, want the output alone", dir, entries)
		}
	}
}

// attemptDirs lists the directories of attempts below a worker's.
func attemptDirs(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "job_*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i], _ = filepath.Rel(dir, list[i])
	}
	return list
}

func TestR04MapperPanics(t *testing.T) {
	bad := mapFunc(func(t *fanfold.Task, rec fanfold.Record, emit *fanfold.Emitter) error {
		fmt.Fprintln(t.Log, "about to divide")
		_ = rec.Value[len(rec.Value)]
		return nil
	}).program("bad")
	f := startMain(t, worker.MainConfig{}, bad, echo)
	f.brief("bad")
	f.assign("x\n", 1)
	e := f.failure(1)
	if e.Kind != fanfold.KindUser ||
		!strings.Contains(e.Error(), "panic: runtime error: index out of range") {
		t.Errorf("failure %v of kind %s", e, e.Kind)
	}
	if e.Worker != "w1" || e.Input != "-" || e.Attempt.Task != 1 || e.Attempt.Attempt != 1 {
		t.Errorf("the failure names worker %q, input %q, attempt %v", e.Worker, e.Input, e.Attempt)
	}
	for _, want := range []string{"about to divide\n", "TestR04MapperPanics", "main_test.go:"} {
		if !strings.Contains(e.Log, want) {
			t.Errorf("the log lacks %q:\n%s", want, e.Log)
		}
	}
	for _, unwanted := range []string{"worker.(*executor)", "mapper.Run", "runtime.gopanic"} {
		if strings.Contains(e.Log, unwanted) {
			t.Errorf("the log has frames that are not the user's:\n%s", e.Log)
		}
	}
	if left := attemptDirs(t, f.dir); len(left) > 0 {
		t.Errorf("a failed attempt left %v", left)
	}
	f.assign("x\n", 2) // the process lives
	f.failure(2)
}

func TestMainFails(t *testing.T) {
	cause := errors.New("no such thing")
	typed := fanfold.Errorf(fanfold.KindDisk, "spill", "%w", cause)
	tests := []struct {
		name string
		err  error
		kind fanfold.Kind
		text string
	}{
		{"plain", cause, fanfold.KindUser, "no such thing"},
		{"typed", typed, fanfold.KindDisk, "spill: no such thing"},
		{"wrapped", fmt.Errorf("outer: %w", typed), fanfold.KindDisk, "outer: spill: no such thing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := startMain(t, worker.MainConfig{}, fanfold.Program{
				Name: "bad", Map: func(*fanfold.Task) (fanfold.Mapper, error) { return nil, tt.err },
			})
			f.brief("bad")
			f.assign("x\n", 1)
			if e := f.failure(1); e.Kind != tt.kind || !strings.Contains(e.Error(), tt.text) {
				t.Errorf("got %q of kind %s, want %q of %s", e.Error(), e.Kind, tt.text, tt.kind)
			}
		})
	}
}

func TestMainWithoutTheProgram(t *testing.T) {
	f := startMain(t, worker.MainConfig{}, echo)
	f.brief("ohce")
	f.assign("x\n", 1)
	if e := f.failure(1); e.Kind != fanfold.KindUnknown || !strings.Contains(e.Error(), "ohce") {
		t.Errorf("got %v of kind %s", e, e.Kind)
	}
}

func TestMainStops(t *testing.T) {
	g := newGate()
	f := startMain(t, worker.MainConfig{}, g.program())
	f.brief("gate")
	f.assign("x\n", 1, 2, 3)
	<-g.started
	f.send(&protocol.Stop{Attempt: 2}, &protocol.Stop{Attempt: 99})
	f.done(2, protocol.StatusStopped)
	f.send(&protocol.Stop{Attempt: 1})
	f.done(1, protocol.StatusStopped)
	<-g.started
	close(g.free)
	f.done(3, protocol.StatusSucceeded)
}

func TestMainReturnsWhatIsRevoked(t *testing.T) {
	g := newGate()
	f := startMain(t, worker.MainConfig{}, g.program())
	f.brief("gate")
	f.assign("x\n", 1, 2)
	<-g.started
	f.send(&protocol.Revoke{Attempt: 1}, &protocol.Revoke{Attempt: 2})
	f.done(2, protocol.StatusReturned)
	close(g.free)
	f.done(1, protocol.StatusSucceeded) // it was too late
}

func TestMainEndsAnAttemptOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		f := startMain(t, worker.MainConfig{}, g.program())
		f.brief("gate")
		a := mapAssign(1)
		a.Millis = 60_000
		f.send(&protocol.Input{Stream: 1, Data: []byte("x\n")}, a)
		<-g.started
		begin := time.Now()
		d := f.done(1, protocol.StatusTimeout)
		if time.Since(begin) != time.Minute {
			t.Errorf("it ended after %v", time.Since(begin))
		}
		if e := d.Failure[0].Err(); e.Kind != fanfold.KindTimeout {
			t.Errorf("got %v of kind %s", e, e.Kind)
		}
		_ = f.conn.Close()
		_ = f.result()
	})
}

func TestMainBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := mapFunc(func(t *fanfold.Task, _ fanfold.Record, _ *fanfold.Emitter) error {
			for i := range 30 {
				<-time.After(100 * time.Millisecond)
				t.SetStatus(fmt.Sprint("step ", i))
			}
			return nil
		}).program("slow")
		f := startMain(t, worker.MainConfig{}, slow)
		f.brief("slow")
		f.assign("x\n", 1)
		var got []string
		for {
			var b protocol.Beat
			if err := f.conn.Read(&f.batch); err != nil {
				t.Fatal(err)
			}
			for m := range f.batch.All() {
				if m.Kind == protocol.KindDone {
					want := []string{"step 9", "step 19", "step 29"}
					if !slices.Equal(got, want) {
						t.Errorf("status %v in the beats, want %v", got, want)
					}
					_ = f.conn.Close()
					_ = f.result()
					return
				}
				if err := protocol.Decode(m, &b); err != nil {
					t.Fatal(err)
				}
				got = append(got, b.Status)
			}
		}
	})
}

func TestMainRetires(t *testing.T) {
	g := newGate()
	f := startMain(t, worker.MainConfig{TasksMax: 2}, g.program())
	f.brief("gate")
	f.assign("x\n", 1, 2, 3, 4)
	<-g.started
	g.free <- struct{}{}
	f.done(1, protocol.StatusSucceeded)
	<-g.started
	g.free <- struct{}{}
	f.done(2, protocol.StatusSucceeded)
	f.done(3, protocol.StatusReturned)
	f.done(4, protocol.StatusReturned)
	if m, err := f.next(); err != nil || m.Kind != protocol.KindBye {
		t.Fatalf("message of kind %s, error %v; want Bye", m.Kind, err)
	}
	if err := f.end(); err != nil {
		t.Error(err)
	}
}

func TestMainReturnsWhenItsConnectionEnds(t *testing.T) {
	g := newGate()
	f := startMain(t, worker.MainConfig{}, g.program())
	f.brief("gate")
	f.assign("x\n", 1)
	<-g.started
	_ = f.conn.Close()
	if err := f.result(); err != nil {
		t.Error(err)
	}
}

func TestMainDoesNotWaitForDeafUserCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free, started := make(chan struct{}), make(chan struct{})
		deaf := mapFunc(func(*fanfold.Task, fanfold.Record, *fanfold.Emitter) error {
			close(started)
			<-free
			return nil
		}).program("deaf")
		f := startMain(t, worker.MainConfig{}, deaf)
		f.brief("deaf")
		f.assign("x\n", 1)
		<-started
		_ = f.conn.Close()
		if err := f.result(); err != nil {
			t.Error(err)
		}
		close(free)
	})
}

func TestMainSurvivesGoexit(t *testing.T) {
	f := startMain(t, worker.MainConfig{}, mapFunc(
		func(*fanfold.Task, fanfold.Record, *fanfold.Emitter) error {
			runtime.Goexit()
			return nil
		}).program("exit"))
	f.brief("exit")
	f.assign("x\n", 1)
	if err := f.end(); err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Errorf("Main returned %v", err)
	}
}

func TestMainRefusesWhatBreaksTheProtocol(t *testing.T) {
	split := protocol.AppendSplit(nil, &fanfold.Split{})
	tests := []struct {
		name     string
		messages []protocol.Body
		text     string
	}{
		{"path", []protocol.Body{&protocol.Source{Attempt: 1, Path: "../secret"}}, "leaves"},
		{"absolute path", []protocol.Body{&protocol.Source{Attempt: 1, Path: "/etc/passwd"}}, "leaves"},
		{"no brief", []protocol.Body{
			&protocol.Assign{Attempt: 1, Job: 9, Stage: 1, Number: 1, Split: split},
		}, "no brief"},
		{"sources", []protocol.Body{
			&protocol.Assign{Attempt: 1, Job: 1, Stage: 1, Number: 1, Sources: 2, Split: split},
		}, "2 sources announced, 0 came"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := startMain(t, worker.MainConfig{}, echo)
			f.brief("echo")
			f.send(tt.messages...)
			m, err := f.next()
			if err != nil || m.Kind != protocol.KindError {
				t.Fatalf("message of kind %s, error %v; want Error", m.Kind, err)
			}
			err = f.end()
			if fanfold.KindOf(err) != fanfold.KindProtocol || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Main returned %v, want %q", err, tt.text)
			}
		})
	}
}
