package fanfoldtest_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/fanfoldtest"
)

// text and its count: what the jobs of these tests come to when nothing goes wrong.
const (
	text  = "b a c\na b a\n"
	count = "a\t3\nb\t2\nc\t1\n"
)

// startProcesses starts a cluster with task processes, and gives up on hung ones soon.
func startProcesses(t *testing.T, slots int) *fanfoldtest.Cluster {
	t.Helper()
	return fanfoldtest.Start(t, fanfoldtest.Config{
		Programs: programs, Slots: slots, Processes: true,
		Limits: coordinator.Limits{Grace: 50 * time.Millisecond},
	})
}

// wordsJob is a job of the program words whose attempts of a stage meet the director.
func wordsJob(d *director, stage fanfold.Stage) fanfold.Job {
	return fanfold.Job{Program: "words", Params: map[string]string{stage.String(): d.socket}}
}

// fault strikes the first attempt of a task, by a word of the director's or from outside. The
// second attempt goes on.
type fault struct {
	name   string
	strike func(*visit)
	kind   fanfold.Kind
	words  string // in the failure
}

// told is what a program does that is told so.
func told(what string) func(*visit) { return func(v *visit) { v.say(what) } }

func TestR01KillInMap(t *testing.T) { strikeOnce(t, fanfold.StageMap, killed) }

func TestR02KillInReduce(t *testing.T) { strikeOnce(t, fanfold.StageReduce, killed) }

var killed = fault{
	"kill -9", func(v *visit) { _ = syscall.Kill(v.pid, syscall.SIGKILL) },
	fanfold.KindCrashed, "killed (signal 9)",
}

func TestR04FaultOfOneAttempt(t *testing.T) {
	strikeBothStages(t,
		fault{"panic", told("panic oh no"), fanfold.KindUser, "panic: oh no"},
		fault{"error", told("fail softly"), fanfold.KindUser, "told to fail: softly"},
		fault{"exit 1", told("exit 1"), fanfold.KindCrashed, "exited with status 1"},
		fault{"signal", told("signal 15"), fanfold.KindCrashed, "terminated (signal 15)"},
	)
}

func TestR05ExitWithoutFinish(t *testing.T) {
	strikeBothStages(t, fault{"exit 0", told("exit 0"), fanfold.KindCrashed, "exited with status 0"})
}

func TestR06Hang(t *testing.T) {
	strikeBothStages(t,
		fault{"for ever", told("hang"), fanfold.KindTimeout, "no progress"},
		fault{"SIGSTOP", told("signal 19"), fanfold.KindTimeout, "no progress"},
	)
}

func strikeBothStages(t *testing.T, faults ...fault) {
	t.Helper()
	for _, f := range faults {
		for _, stage := range []fanfold.Stage{fanfold.StageMap, fanfold.StageReduce} {
			t.Run(fmt.Sprint(f.name, " in ", stage), func(t *testing.T) { strikeOnce(t, stage, f) })
		}
	}
}

func strikeOnce(t *testing.T, stage fanfold.Stage, f fault) {
	t.Helper()
	d, c := newDirector(t), startProcesses(t, 2)
	job := wordsJob(d, stage)
	job.Reducers = 1
	if f.kind == fanfold.KindTimeout {
		job.ProgressTimeout = 300 * time.Millisecond
	}
	j := submit(t, c, job, text)
	f.strike(d.next(j))
	second := d.next(j)
	<-j.Failed() // the first failure is told at once, not at the end
	second.say("go")
	r := wait(t, j)
	if r.Output != count {
		t.Errorf("the output is %q, want %q", r.Output, count)
	}
	if second.number != 2 || second.stage != stage || r.Failures != 1 {
		t.Fatalf("vacuous: attempt %d of %s, %d failures", second.number, second.stage, r.Failures)
	}
	if r.First.Kind != f.kind || !strings.Contains(r.First.Error(), f.words) {
		t.Errorf("the failure is %v of kind %s, want %q of %s", r.First, r.First.Kind, f.words, f.kind)
	}
	id := r.First.Attempt
	if id.Job != r.Job || id.Stage != stage || id.Attempt != 1 || r.First.Worker != "test" {
		t.Errorf("the failure names attempt %v on worker %q", id, r.First.Worker)
	}
}

func TestR04FaultOfEveryAttempt(t *testing.T) {
	tests := []struct {
		name     string
		what     string
		attempts int
		kind     fanfold.Kind
		log      string
	}{
		{"panic", "panic oh no", fanfold.DefaultMaxAttempts, fanfold.KindUser, "programs_test.go"},
		{"exit 1", "exit 1", fanfold.KillsMax, fanfold.KindCrashed, "last words\n"},
		{"signal", "signal 15", fanfold.KillsMax, fanfold.KindCrashed, ""},
		{"hang", "hang", 2, fanfold.KindTimeout, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, c := newDirector(t), startProcesses(t, 2)
			job := wordsJob(d, fanfold.StageMap)
			if tt.kind == fanfold.KindTimeout {
				job.ProgressTimeout, job.MaxAttempts = 200*time.Millisecond, 2
			}
			j := submit(t, c, job, text)
			for i := range tt.attempts {
				v := d.next(j)
				if v.number != i+1 {
					t.Errorf("attempt %d comes as number %d", v.number, i+1)
				}
				v.say(tt.what)
			}
			r, err := j.Wait()
			if r.First == nil || err == nil {
				t.Fatalf("the job ended with %v, its first failure was %v", err, r.First)
			}
			if kind := fanfold.KindOf(err); kind != tt.kind || r.State == fanfold.Succeeded {
				t.Errorf("the job is %s with %v of kind %s, want %s", r.State, err, kind, tt.kind)
			}
			if !strings.Contains(r.First.Log, tt.log) {
				t.Errorf("the log lacks %q: %s", tt.log, fanfoldtest.Describe(r.First))
			}
			if r, err := c.Run(fanfold.Job{Program: "words"}, text); err != nil || r.Output != count {
				t.Errorf("the next job: %v, %q", err, r.Output)
			}
		})
	}
}

func TestR05ExitAfterFinish(t *testing.T) {
	d, c := newDirector(t), startProcesses(t, 1)
	j := submit(t, c, wordsJob(d, fanfold.StageMap), text)
	d.next(j).say("linger")
	later := <-d.arrived // perhaps after the job's end
	r := wait(t, j)
	if r.Output != count || r.Failures != 0 {
		t.Errorf("%d failures, output %q", r.Failures, r.Output)
	}
	later.say("7")
	r, err := c.Run(fanfold.Job{Program: "words"}, text)
	if err != nil || r.Output != count {
		t.Errorf("the next job: %v, %q", err, r.Output)
	}
}

func TestR08GarbageOnStandardOutput(t *testing.T) {
	d, c := newDirector(t), startProcesses(t, 1)
	j := submit(t, c, wordsJob(d, fanfold.StageMap), text)
	d.next(j).say("print 20000000")
	r := wait(t, j)
	if r.Output != count || r.Failures != 0 {
		t.Errorf("%d failures, output %q", r.Failures, r.Output)
	}
}

func TestR09HostileTaskProcess(t *testing.T) {
	tests := []struct {
		name, bytes string
	}{
		{"garbage", "41414141414141414141"}, // a length of a gigabyte
		{"half a frame and garbage", "00000010" + "922f" + "ffffffffffffffffffffffffffff"},
		{"length bomb", "7fffffff" + "942f"},
		{"array bomb", "00000008" + "922fddffffffff00"},
		{"not its message", "00000003" + "920a01"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, c := newDirector(t), startProcesses(t, 2)
			j := submit(t, c, wordsJob(d, fanfold.StageMap), text)
			d.next(j).say("inject " + tt.bytes)
			second := d.next(j)
			<-j.Failed()
			second.say("go")
			r := wait(t, j)
			if r.Output != count {
				t.Errorf("the output is %q, want %q", r.Output, count)
			}
			if second.number != 2 || r.First == nil {
				t.Fatalf("vacuous: attempt %d, the first failure %v", second.number, r.First)
			}
			const want = "its task process was cut off: read frame: "
			if r.First.Kind != fanfold.KindProtocol || !strings.Contains(r.First.Error(), want) {
				t.Errorf("the failure is %v of kind %s, want %q", r.First, r.First.Kind, want)
			}
		})
	}
}
