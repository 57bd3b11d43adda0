//go:build linux

package cli_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/oracle"
)

// stranger is what testdata/client.py, which knows nothing but the specification of the protocol,
// got from a coordinator.
type stranger struct {
	stdout, stderr string
	code           int
}

// python runs the client of another language.
func (co *live) python(h *home, input string, job ...string) stranger {
	co.t.Helper()
	script, err := filepath.Abs(filepath.Join("..", "testdata", "client.py"))
	if err != nil {
		co.t.Fatal(err)
	}
	cmd := exec.Command("python3", append([]string{script, co.tcp, h.path("state/token")}, job...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	_ = cmd.Run() // the exit code says it
	return stranger{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// TestPythonClient checks that the specification is enough to run jobs from another language.
func TestPythonClient(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not here")
	}
	h := newHome(t)
	co := h.coordinator()
	for name, input := range map[string]string{
		"nothing": "", "a line": "to be or not to be\n", "no last newline": "to be\nor not",
		"binary":     "a\x00b \xff\xfe\r\n\xff\xfe c\n",
		"a megabyte": strings.Repeat("the quick brown fox\njumps over the lazy dog\n", 20_000),
	} {
		var want bytes.Buffer
		err := oracle.WordCount(&want, oracle.Input{Name: "-", Content: strings.NewReader(input)})
		if err != nil {
			t.Fatal(err)
		}
		got := co.python(h, input, "wordcount")
		if got.code != 0 || got.stdout != want.String() || got.stderr != "" {
			t.Errorf("%s: got exit code %d, %.80q and %q, want %.80q", name, got.code, got.stdout,
				got.stderr, want.String())
		}
	}
	// A reply that needs further credit.
	if got := co.python(h, manyLines, "sort"); got.code != 0 || got.stdout != manyLines {
		t.Errorf("sort: got exit code %d, %d bytes and %q, want %d bytes", got.code, len(got.stdout),
			got.stderr, len(manyLines))
	}
	for _, tt := range []struct {
		program, input string
		code           int
		words          []string
	}{
		{"nosuch", "x\n", fanfold.ExitUsage, []string{"nosuch"}},
		{"sum", "a\t1\nb\tmany\n", fanfold.ExitFailed, []string{"many", "input -"}},
	} {
		got := co.python(h, tt.input, tt.program)
		if got.code != tt.code || got.stdout != "" {
			t.Errorf("%s: got exit code %d and %q, want %d and nothing; stderr:\n%s", tt.program,
				got.code, got.stdout, tt.code, got.stderr)
		}
		for _, word := range tt.words {
			if !strings.Contains(got.stderr, word) {
				t.Errorf("%s: got %q, want %q in it", tt.program, got.stderr, word)
			}
		}
	}
	co.end()
	h.checkNothingLeft()
}

// TestPythonStream checks that the specification is enough to have tasks worked on, too.
func TestPythonStream(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not here")
	}
	h := newHome(t)
	co := h.coordinator("--slots", "2")
	for name, input := range map[string]string{
		"nothing": "", "a task": "one\n", "binary": "a\x00b \xff\r\n\n\n", "many": manyLines,
	} {
		got := co.python(h, input, "stream", "echo")
		if got.code != 0 || sortedLines(got.stdout) != sortedLines(input) || got.stderr != "" {
			t.Errorf("%s: got exit code %d, %.80q and %q, want %.80q", name, got.code, got.stdout,
				got.stderr, input)
		}
	}
	got := co.python(h, "join red ann 5\nnonsense\n", "stream", "rank")
	if got.code != fanfold.ExitUsage || !strings.Contains(got.stderr, "task 2") ||
		!strings.Contains(got.stderr, "nonsense") {
		t.Errorf("a task that fails: got exit code %d and %q", got.code, got.stderr)
	}
	co.end()
	h.checkNothingLeft()
}

func sortedLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}
