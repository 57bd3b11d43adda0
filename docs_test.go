package fanfold_test

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// document reads a file of the repository.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestShownProgram holds that the program in the documents is the one that is built, and its size.
func TestShownProgram(t *testing.T) {
	program := document(t, "testdata/words/main.go")
	if n := strings.Count(program, "\n"); n > 15 {
		t.Errorf("the program has %d lines, want at most 15", n)
	}
	for _, name := range []string{"README.md", "docs/programs.md"} {
		if !strings.Contains(document(t, name), "```go\n"+program+"```") {
			t.Errorf("%s does not show testdata/words/main.go as it is", name)
		}
	}
}

// TestShownCommands holds the two commands that a fresh clone must take.
func TestShownCommands(t *testing.T) {
	const test = "go test -race -shuffle=on ./..."
	readme := document(t, "README.md")
	for _, command := range []string{"go run ./cmd/fanfold run wordcount README.md docs/*.md", test} {
		if !strings.Contains(readme, "\n"+command+"\n") {
			t.Errorf("README.md does not show: %s", command)
		}
	}
	if !strings.Contains(document(t, ".ci/run"), test) {
		t.Errorf(".ci/run does not run: %s", test)
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)

// TestLinks holds that what the documents point at in the repository is there.
func TestLinks(t *testing.T) {
	for _, s := range read(t).source {
		if !strings.HasSuffix(s.path, ".md") {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(s.text), -1) {
			file, anchor := m[1], m[2]
			if strings.Contains(file, "://") {
				continue
			}
			to := s.path
			if file != "" {
				to = path.Join(filepath.ToSlash(filepath.Dir(s.path)), file)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s points at %s: %v", s.path, to, err)
			} else if anchor != "" && !slices.Contains(anchors(document(t, to)), anchor) {
				t.Errorf("%s points at %s#%s, which has no such heading", s.path, to, anchor)
			}
		}
	}
}

// anchors gives the names of a document's headings, as they stand in links.
func anchors(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			name := strings.ToLower(strings.TrimSpace(heading))
			names = append(names, strings.ReplaceAll(name, " ", "-"))
		}
	}
	return names
}

// TestDecisionsAreNumbered holds the form of the decision records.
func TestDecisionsAreNumbered(t *testing.T) {
	files, err := filepath.Glob("docs/decisions/0*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no decision records: %v", err)
	}
	title := regexp.MustCompile(`^# ([0-9]+)\. `)
	for i, file := range files {
		text := document(t, file)
		number := strings.TrimLeft(filepath.Base(file)[:4], "0")
		if m := title.FindStringSubmatch(text); m == nil || m[1] != number {
			t.Errorf("%s: the title does not begin with its number", file)
		}
		if strings.Count(file, "/") != 2 || i > 0 && files[i-1][:len("docs/decisions/0000")] ==
			file[:len("docs/decisions/0000")] {
			t.Errorf("%s: its number is taken", file)
		}
		for _, part := range []string{
			"**Context.**", "**Decision.**", "**Consequence.**", "**What would change our mind.**",
		} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: no %s", file, part)
			}
		}
	}
}

var (
	reliabilityRow = regexp.MustCompile(`(?m)^\| ([BLXIR][0-9]+) \| .* \| (.*) \| (.*) \|$`)
	rowID          = regexp.MustCompile(`^Test([BLXIR][0-9]+)`)
	testName       = regexp.MustCompile(`\bTest\w+`)
)

// TestReliabilityTable holds that the table of what works says neither more nor less than there are
// tests for.
func TestReliabilityTable(t *testing.T) {
	tests := map[string]bool{}
	for s := range read(t).golang {
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && s.isTest() {
				tests[f.Name.Name] = true
			}
		}
	}
	listed := map[string]bool{}
	rows := map[string]bool{}
	for _, m := range reliabilityRow.FindAllStringSubmatch(document(t, "docs/reliability.md"), -1) {
		row, now, names := m[1], m[2], testName.FindAllString(m[3], -1)
		rows[row] = true
		for _, name := range names {
			listed[name] = true
			if !tests[name] {
				t.Errorf("row %s: there is no test %s", row, name)
			}
		}
		if waits := strings.HasPrefix(now, "not yet"); waits != (len(names) == 0) {
			t.Errorf("row %s: %q, with %d tests", row, now, len(names))
		}
	}
	if len(rows) < 100 {
		t.Errorf("got %d rows of docs/reliability.md: it has more", len(rows))
	}
	for name := range tests {
		if m := rowID.FindStringSubmatch(name); m != nil && !listed[name] {
			t.Errorf("row %s of docs/reliability.md does not name %s", m[1], name)
		}
	}
}
