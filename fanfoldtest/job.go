package fanfoldtest

import (
	"io"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// Job is a job that a Cluster runs.
type Job struct {
	cluster *Cluster
	reply   *client.Reply
	failed  chan struct{} // closed when first is set
	ended   chan struct{} // closed when result and err are set

	first  *fanfold.Error
	result Result
	err    error
}

// Result is what became of a job.
type Result struct {
	client.Summary
	Output   string         // the reply, as far as it came
	Failures int            // attempts that failed or were lost
	First    *fanfold.Error // the first failure, also when the job succeeded in the end; nil: none
}

// Counter is one of the job's counters.
func (r *Result) Counter(group, name string) int64 {
	for _, c := range r.Counters {
		if c.Group == group && c.Name == name {
			return c.N
		}
	}
	return 0
}

// Run runs a job to its end. Input is what it reads besides Job.Inputs. The error is the job's; the
// Result is valid in both cases.
func (c *Cluster) Run(job fanfold.Job, input string) (Result, error) {
	j, err := c.Submit(job, input)
	if err != nil {
		return Result{}, err
	}
	return j.Wait()
}

// Submit starts a job. Input is what it reads besides Job.Inputs.
func (c *Cluster) Submit(job fanfold.Job, input string) (*Job, error) {
	s := client.Submission{Job: job}
	if input != "" || len(job.Inputs) == 0 {
		s.Stdin = strings.NewReader(input)
	}
	reply, err := c.client.Submit(c.t.Context(), s)
	if err != nil {
		return nil, err
	}
	j := &Job{
		cluster: c, reply: reply, failed: make(chan struct{}), ended: make(chan struct{}),
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		j.watch()
	}()
	go func() {
		defer close(j.ended)
		j.finish(watched)
	}()
	return j, nil
}

// ID is the job's id.
func (j *Job) ID() fanfold.JobID { return j.reply.Job() }

// Failed is closed when the job's first failure has been told, which it never is without one.
func (j *Job) Failed() <-chan struct{} { return j.failed }

// Ended is closed when the job has ended.
func (j *Job) Ended() <-chan struct{} { return j.ended }

// Wait waits for the end of the job. The error is the job's; the Result is valid in both cases.
func (j *Job) Wait() (Result, error) {
	<-j.ended
	return j.result, j.err
}

// watch takes the first failure from the job's progress.
func (j *Job) watch() {
	for p := range j.reply.Progress() {
		if p.Failure != nil && j.first == nil {
			j.first = p.Failure
			close(j.failed)
		}
	}
}

// finish takes what there is at the end; watched is closed when watch has returned.
func (j *Job) finish(watched <-chan struct{}) {
	output, err := io.ReadAll(j.reply)
	r := Result{Output: string(output)}
	r.Summary, _ = j.reply.Wait() // its error is that of ReadAll
	<-watched
	r.First = j.first
	info, infoErr := j.cluster.client.Job(j.cluster.t.Context(), j.ID())
	if infoErr == nil {
		for _, stage := range info.Stages {
			r.Failures += int(stage.Failures)
		}
		if r.First == nil && len(info.Failure) > 0 {
			r.First = info.Failure[0].Err()
		}
	} else if err == nil {
		err = infoErr
	}
	j.result, j.err = r, err
}
