//go:build linux

package cli_test

import (
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestR07MemoryOfATask has a command take far more memory than its task may have, beside a job that
// does not.
func TestR07MemoryOfATask(t *testing.T) {
	overCeiling(t, "head -c 600m /dev/zero | tail", "of memory, the limit is 200",
		"--task-memory-max", "200MiB")
}

// TestR11ProcessesOfATask has a command start far more processes than its task may have.
func TestR11ProcessesOfATask(t *testing.T) {
	overCeiling(t, "for i in $(seq 100); do sleep 1000 & done; wait", "processes, the limit is 20",
		"--task-processes-max", "20")
}

// TestR11DescriptorsOfATask has a command open more files than any process may.
func TestR11DescriptorsOfATask(t *testing.T) {
	overCeiling(t, "ulimit -n 64; exec bash -c 'while exec {fd}</dev/null; do :; done; exit 7'",
		"exited with status 7")
}

// overCeiling runs a greedy mapper, which must fail as words say, while another job goes on.
func overCeiling(t *testing.T, mapper, words string, flags ...string) {
	t.Helper()
	h := newHome(t)
	h.file("in", inputLines)
	co := h.coordinator(append([]string{"--slots", "2"}, flags...)...)
	greedy := h.start("submit", "--max-attempts", "1", "--mapper", "sh -c '"+
		strings.ReplaceAll(mapper, "'", `'\''`)+"'", "in")
	modest := h.run("submit", "wordcount", "in")
	modest.want(0)
	if got := modest.stdout.String(); got != inputCounts {
		t.Errorf("got %q, want %q", got, inputCounts)
	}
	greedy.want(fanfold.ExitFailed, "attempt: ")
	// The words are in the failure, too, unless the end of the tree takes longer than a failure waits.
	if told := &greedy.stderr; !strings.Contains(told.String(), words) {
		co.await(&co.stderr, words, 1)
	}
	co.end()
	h.checkNothingLeft()
}
