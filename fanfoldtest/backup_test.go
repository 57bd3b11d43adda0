package fanfoldtest_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/fanfoldtest"
)

// straggle submits a job of three map tasks and stops the process of the first attempt that comes;
// the others go on.
func straggle(
	t *testing.T, c *fanfoldtest.Cluster, d *director, job fanfold.Job,
) (*fanfoldtest.Job, *visit) {
	t.Helper()
	job.Inputs, job.SplitSize = []string{write(t, "b a\nc a\na b\n")}, 4
	j := submit(t, c, job, "")
	stopped := d.next(j)
	if err := syscall.Kill(stopped.pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if v := d.next(j); v.task == stopped.task {
			t.Fatalf("task %d comes again, too early", v.task)
		} else {
			v.say("go")
		}
	}
	return j, stopped
}

// write makes an input.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// stat is one of the coordinator's numbers.
func stat(t *testing.T, c *fanfoldtest.Cluster, name string) int64 {
	t.Helper()
	list, err := c.Client().Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("there is no number %s", name)
	return 0
}

func TestX6StoppedProcessIsBackedUp(t *testing.T) {
	d, c := newDirector(t), startProcesses(t, 2)
	j, stopped := straggle(t, c, d, wordsJob(d, fanfold.StageMap))
	backup := d.next(j)
	if backup.task != stopped.task || backup.number != 2 || backup.pid == stopped.pid {
		t.Fatalf("vacuous: %+v comes beside %+v", *backup, *stopped)
	}
	backup.say("go")
	r := wait(t, j)
	if r.Output != count || r.Failures != 0 {
		t.Errorf("%d failures, output %q", r.Failures, r.Output)
	}
	made, won := stat(t, c, "fanfold_backups_total"), stat(t, c, "fanfold_backups_won_total")
	if made != 1 || won != 1 {
		t.Errorf("%d backup attempts were made and %d won, want 1 and 1", made, won)
	}
}

func TestX6BackupsCanBeSwitchedOff(t *testing.T) {
	d, c := newDirector(t), startProcesses(t, 2)
	job := wordsJob(d, fanfold.StageMap)
	job.NoBackups, job.ProgressTimeout = true, 1500*time.Millisecond
	j, _ := straggle(t, c, d, job)
	second := d.next(j)
	<-j.Failed()
	second.say("go")
	if r := wait(t, j); r.Output != count || r.First.Kind != fanfold.KindTimeout {
		t.Errorf("output %q, first failure %v", r.Output, r.First)
	}
	if made := stat(t, c, "fanfold_backups_total"); made != 0 {
		t.Errorf("%d backup attempts were made", made)
	}
}

// TestR15X5LateOutputIsNeverVisible continues an attempt after another one has won and the job has
// ended: what it writes is seen by nobody.
func TestR15X5LateOutputIsNeverVisible(t *testing.T) {
	d := newDirector(t)
	c := fanfoldtest.Start(t, fanfoldtest.Config{
		Programs: programs, Slots: 2, Processes: true,
		Limits: coordinator.Limits{Grace: time.Minute}, // it is not killed
	})
	job := fanfold.Job{
		Program: "lines", Params: map[string]string{"map": d.socket},
		Output: filepath.Join(t.TempDir(), "out"),
	}
	j, stopped := straggle(t, c, d, job)
	backup := d.next(j)
	backup.say("go")
	wait(t, j)
	before := tree(t, job.Output)
	if len(before) != 4 || before["_SUCCESS"] == "" {
		t.Fatalf("the output is %v", before)
	}
	stopped.say("go")
	if err := syscall.Kill(stopped.pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// When two attempts meet, both slots have nothing else to do any more.
	next := wordsJob(d, fanfold.StageMap)
	next.Inputs, next.SplitSize = []string{write(t, "a\nb\n")}, 2
	j = submit(t, c, next, "")
	for _, v := range []*visit{d.next(j), d.next(j)} {
		v.say("go")
	}
	wait(t, j)
	for name, data := range tree(t, job.Output) {
		if before[name] != data {
			t.Errorf("%s was %q, and is %q", name, before[name], data)
		}
	}
}

// tree reads all files below a folder.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path[len(folder)+1:]] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
