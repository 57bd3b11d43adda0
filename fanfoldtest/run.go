package fanfoldtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// Run runs a program over an input in this process and gives its output: the values by key, which
// are "" where a record has none. It fails the test when the job fails or when a key comes twice;
// RunJob is for outputs like that.
func Run(t testing.TB, p fanfold.Program, input string) map[string]string {
	t.Helper()
	records := map[string]string{}
	for line := range strings.Lines(RunJob(t, p, fanfold.Job{}, input).Output) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if _, twice := records[key]; twice {
			t.Fatalf("key %q is in the output twice", key)
		}
		records[key] = value
	}
	return records
}

// RunJob runs a program as job describes it, over an input in this process. It fails the test when
// the job fails. Job.Program need not be set, and other inputs may be named.
func RunJob(t testing.TB, p fanfold.Program, job fanfold.Job, input string) Result {
	t.Helper()
	c := Start(t, Config{Programs: []fanfold.Program{p}})
	job.Program = p.Name
	r, err := c.Run(job, input)
	if err != nil {
		t.Fatal(Describe(err))
	}
	return r
}

// Describe is the text of an error with all that is known of the attempt that failed.
func Describe(err error) string {
	var e *fanfold.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	var b strings.Builder
	b.WriteString(err.Error())
	if e.Attempt != (fanfold.AttemptID{}) {
		b.WriteString("\n  attempt " + e.Attempt.String())
	}
	if e.Input != "" {
		b.WriteString("\n  input " + e.Input)
	}
	if e.Log != "" {
		b.WriteString("\n  log:\n" + e.Log)
	}
	return b.String()
}
