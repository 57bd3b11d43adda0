package fanfold_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// The sizes that a reader can hold in mind.
const (
	fileLinesMax = 500
	funcLinesMax = 70
	columnsMax   = 100 // characters; a TAB is one
)

// source is one file of the repository; ast is nil where it is not Go.
type source struct {
	path string
	text []byte
	ast  *ast.File
}

// tree is the repository, read and parsed once for all tests.
type tree struct {
	files  *token.FileSet
	source []source
}

var repository = sync.OnceValues(readTree)

// textFiles are the endings of what people read, besides files without an ending.
var textFiles = regexp.MustCompile(`\.(go|md|ya?ml|sh|py|txt|txtar|mod)$|^[^.]+$|^\.[^.]+$`)

func readTree() (*tree, error) {
	all := &tree{files: token.NewFileSet()}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "corpus" || d.Name() == "fuzz"):
			return fs.SkipDir
		case !d.Type().IsRegular() || !textFiles.MatchString(d.Name()):
			return nil
		}
		s := source{path: path}
		if s.text, err = os.ReadFile(path); err != nil {
			return err
		}
		if strings.HasSuffix(path, ".go") {
			mode := parser.ParseComments | parser.SkipObjectResolution
			if s.ast, err = parser.ParseFile(all.files, path, s.text, mode); err != nil {
				return err
			}
		}
		all.source = append(all.source, s)
		return nil
	})
	return all, err
}

// read gives the repository.
func read(t *testing.T) *tree {
	t.Helper()
	all, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// golang ranges over the Go files.
func (r *tree) golang(yield func(source) bool) {
	for _, s := range r.source {
		if s.ast != nil && !yield(s) {
			return
		}
	}
}

func (s source) isTest() bool {
	return strings.HasSuffix(s.path, "_test.go") || strings.Contains(s.path, "testdata/")
}

func TestSizes(t *testing.T) {
	all := read(t)
	for s := range all.golang {
		lines := bytes.Split(bytes.TrimSuffix(s.text, []byte("\n")), []byte("\n"))
		if len(lines) > fileLinesMax {
			t.Errorf("%s: %d lines, the limit is %d", s.path, len(lines), fileLinesMax)
		}
		for i, line := range lines {
			if n := utf8.RuneCount(line); n > columnsMax {
				t.Errorf("%s:%d: %d columns, the limit is %d", s.path, i+1, n, columnsMax)
			}
		}
		for _, decl := range s.ast.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			first, last := all.files.Position(f.Pos()), all.files.Position(f.End())
			if n := last.Line - first.Line + 1; n > funcLinesMax {
				t.Errorf("%s: %s has %d lines, the limit is %d", first, f.Name, n, funcLinesMax)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	documented := map[string]bool{} // by folder
	for s := range read(t).golang {
		if s.isTest() {
			continue
		}
		folder := filepath.Dir(s.path)
		text := s.ast.Doc.Text()
		want := "Package " + s.ast.Name.Name + " "
		if s.ast.Name.Name == "main" {
			want = "Command " + filepath.Base(folder) + " "
		}
		documented[folder] = documented[folder] || strings.HasPrefix(text, want)
	}
	for folder, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment that begins as go doc wants it", folder)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	all := read(t)
	for s := range all.golang {
		if s.isTest() || s.ast.Name.Name == "main" {
			continue
		}
		for _, decl := range s.ast.Decls {
			for _, name := range undocumented(decl) {
				t.Errorf("%s: %s has no comment", all.files.Position(name.Pos()), name)
			}
		}
	}
}

// undocumented gives the exported names of a declaration that have no comment, nor their group.
func undocumented(decl ast.Decl) []*ast.Ident {
	var bare []*ast.Ident
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || exportedReceiver(d.Recv)) {
			bare = append(bare, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					bare = append(bare, s.Name)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						bare = append(bare, name)
					}
				}
			}
		}
	}
	return bare
}

func exportedReceiver(recv *ast.FieldList) bool {
	exported := false
	ast.Inspect(recv.List[0].Type, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok && name.IsExported() {
			exported = true
		}
		return true
	})
	return exported
}

// TestMutexComments holds that each mutex of a struct says what it guards.
func TestMutexComments(t *testing.T) {
	all := read(t)
	found := 0
	for s := range all.golang {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			st, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range st.Fields.List {
				if !selects(field.Type, "sync", "Mutex", "RWMutex") {
					continue
				}
				found++
				if !strings.Contains(field.Doc.Text()+field.Comment.Text(), "guard") {
					t.Errorf("%s: the mutex does not say what it guards", all.files.Position(field.Pos()))
				}
			}
			return true
		})
	}
	if found == 0 {
		t.Error("no mutex found in the whole tree: this test sees nothing")
	}
}

// selects reports whether an expression is pkg.name for one of the names.
func selects(n ast.Node, pkg string, names ...string) bool {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := sel.X.(*ast.Ident)
	if !ok || from.Name != pkg {
		return false
	}
	for _, name := range names {
		if sel.Sel.Name == name {
			return true
		}
	}
	return false
}

// TestNoSleeps holds that tests wait for events: a test that sleeps is slow, or wrong, or both.
func TestNoSleeps(t *testing.T) {
	all := read(t)
	for s := range all.golang {
		if !strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if selects(n, "time", "Sleep") {
				t.Errorf("%s: a test sleeps", all.files.Position(n.Pos()))
			}
			return true
		})
	}
}

// unwanted is what must not stand in any file. The pattern is tried on lines with one of the words.
var unwanted = []struct {
	words   []string
	pattern *regexp.Regexp
	why     string
}{
	{[]string{"/tm" + "p/", "/work/", "/root/", "/farm/"},
		regexp.MustCompile(`(^|[^\w./])/(tmp|work|root|farm)/`), "has a path of one machine"},
	{[]string{".golang" + ".org"},
		regexp.MustCompile(`\b(proxy|sum)\.golang\.org\b`), "has a host that a reader may not have"},
	{[]string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"},
		regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`), "belongs into an issue"},
	{[]string{"----", "====", "****", "####", "////"},
		regexp.MustCompile(`^\s*(//|#) ?[-=*#/]{4,}`), "is a banner"},
}

// unwantedIn says what is wrong with a line, or "".
func unwantedIn(line []byte) string {
	for _, u := range unwanted {
		for _, word := range u.words {
			if bytes.Contains(line, []byte(word)) && u.pattern.Match(line) {
				return u.why
			}
		}
	}
	return ""
}

func TestUnwantedText(t *testing.T) {
	for _, s := range read(t).source {
		if s.path == "house_test.go" {
			continue
		}
		for i, line := range bytes.Split(s.text, []byte("\n")) {
			if why := unwantedIn(line); why != "" {
				t.Errorf("%s:%d: %q %s", s.path, i+1, bytes.TrimSpace(line), why)
			}
		}
	}
}

func TestUnwantedTextIsFound(t *testing.T) {
	tests := []struct {
		line string
		want bool
	}{
		{`open("/` + `tmp/x")`, true}, {"at /wo" + "rk/x", true}, {"/var/tmp/fanfold", false},
		{"a/work/b", false}, {"// TO" + "DO: later", true}, {"todo", false},
		{"// -------", true}, {"// - a list", false}, {"https://proxy." + "golang.org", true},
	}
	for _, tt := range tests {
		if got := unwantedIn([]byte(tt.line)); (got != "") != tt.want {
			t.Errorf("%q: got %q, want unwanted %v", tt.line, got, tt.want)
		}
	}
}
