package fanfoldtest

import (
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// Call gives tasks to the handler of a program, in this process, and returns the answers in the
// order of the tasks. The program's Route is asked for their keys; tasks of one key run in order.
// It fails the test when a task fails.
func Call(t testing.TB, p fanfold.Program, tasks ...string) []string {
	t.Helper()
	c := Start(t, Config{Programs: []fanfold.Program{p}})
	s, err := c.Open(fanfold.Job{Program: p.Name}, protocol.OpenSpec{})
	if err != nil {
		t.Fatal(Describe(err))
	}
	defer s.Close()
	list := make([]client.Task, len(tasks))
	for i, in := range tasks {
		list[i].Data = []byte(in)
		if p.Route != nil {
			list[i].Key, list[i].All = p.Route(list[i].Data)
		}
	}
	results, err := s.CallAll(t.Context(), list)
	if err != nil {
		t.Fatal(Describe(err))
	}
	answers := make([]string, len(results))
	for i := range results {
		if r := &results[i]; r.State != fanfold.Succeeded {
			t.Fatalf("task %d %s: %s", i, r.State, Describe(r.Err))
		}
		answers[i] = string(results[i].Data)
	}
	return answers
}

// Open starts an open job of one of the cluster's programs. The caller closes the stream. Job may
// describe a command instead.
func (c *Cluster) Open(job fanfold.Job, spec protocol.OpenSpec) (*client.Stream, error) {
	return c.client.Open(c.t.Context(), client.StreamSpec{Job: job, Open: spec})
}
