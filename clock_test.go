package fanfold_test

import (
	"go/ast"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wallClock are the methods of a Time that take its reading of the wall clock. Times that keep both
// readings are compared by the monotonic clock, which nobody can set.
var wallClock = []string{"Unix", "UnixNano", "UnixMilli", "UnixMicro"}

// wallReaders are the files that may use them, and why a clock that is set does no harm there.
var wallReaders = map[string]string{
	"cli/identify.go":            "a deadline in the past",
	"cli/stream.go":              "tags that differ from those of an earlier client",
	"client/stream_resume.go":    "tags that differ from those of an earlier client",
	"storage/filestore/place.go": "the identity of a file, which its file system has",
}

// TestR35NobodyReadsTheWallClock holds that leases, deadlines and time-outs cannot depend on the
// wall clock, in any package that serves or runs jobs.
func TestR35NobodyReadsTheWallClock(t *testing.T) {
	all := read(t)
	used := map[string]bool{}
	for s := range all.golang {
		folder, _, _ := strings.Cut(filepath.ToSlash(s.path), "/")
		if s.isTest() || folder == "internal" || folder == "bench" || folder == "jobs" {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains(wallClock, sel.Sel.Name) {
				return true
			}
			used[s.path] = true
			if wallReaders[s.path] == "" {
				t.Errorf("%s: %s reads the wall clock", all.files.Position(call.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
	for path := range wallReaders {
		if !used[path] {
			t.Errorf("%s does not read the wall clock: take it out of the list", path)
		}
	}
}
