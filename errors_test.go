package fanfold_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestKinds holds names, numbers and exit codes: the first two travel, and scripts see the third.
func TestKinds(t *testing.T) {
	tests := []struct {
		kind fanfold.Kind
		name string
		exit int
	}{
		{fanfold.KindNone, "none", 0},
		{fanfold.KindInternal, "internal", 1},
		{fanfold.KindUser, "user", 1},
		{fanfold.KindCrashed, "crashed", 1},
		{fanfold.KindTimeout, "timeout", 1},
		{fanfold.KindInput, "input", 4},
		{fanfold.KindNotFound, "not-found", 4},
		{fanfold.KindUsage, "usage", 2},
		{fanfold.KindUnknown, "unknown-program", 2},
		{fanfold.KindExists, "exists", 1},
		{fanfold.KindOutput, "output", 1},
		{fanfold.KindDisk, "disk", 1},
		{fanfold.KindTooLarge, "too-large", 1},
		{fanfold.KindProtocol, "protocol", 3},
		{fanfold.KindVersion, "version", 3},
		{fanfold.KindDenied, "denied", 3},
		{fanfold.KindUnreachable, "unreachable", 3},
		{fanfold.KindBusy, "busy", 75},
		{fanfold.KindCancelled, "cancelled", 5},
		{fanfold.KindDeadline, "deadline", 124},
		{fanfold.KindLost, "lost", 1},
		{fanfold.KindCorrupt, "corrupt", 1},
		{fanfold.KindChanged, "changed", 1},
		{fanfold.KindJournal, "journal", 74},
		{fanfold.KindUnsupported, "unsupported", 1},
	}
	for i, tt := range tests {
		if int(tt.kind) != i {
			t.Errorf("%s: got number %d, want %d", tt.name, tt.kind, i)
		}
		if got := tt.kind.String(); got != tt.name {
			t.Errorf("Kind(%d): got %s, want %s", i, got, tt.name)
		}
		if got := tt.kind.ExitCode(); got != tt.exit {
			t.Errorf("%s: got exit code %d, want %d", tt.name, got, tt.exit)
		}
	}
	beyond := fanfold.Kind(len(tests))
	if got, want := beyond.String(), fmt.Sprintf("kind-%d", len(tests)); got != want {
		t.Errorf("a kind of a later version: got %s, want %s", got, want)
	}
	if got := beyond.ExitCode(); got != fanfold.ExitFailed {
		t.Errorf("a kind of a later version: got exit code %d, want %d", got, fanfold.ExitFailed)
	}
	if got := declaredKinds(t); got != len(tests) {
		t.Errorf("errors.go declares %d kinds, this test knows %d", got, len(tests))
	}
}

// declaredKinds counts the constants of errors.go whose names begin with Kind.
func declaredKinds(t *testing.T) int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, spec := range gen.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				if strings.HasPrefix(name.Name, "Kind") {
					n++
				}
			}
		}
	}
	return n
}

func TestErrorText(t *testing.T) {
	cause := errors.New("cause")
	tests := []struct {
		err  fanfold.Error
		want string
	}{
		{fanfold.Error{Op: "open input", Err: cause}, "open input: cause"},
		{fanfold.Error{Err: cause}, "cause"},
		{fanfold.Error{Op: "open input", Kind: fanfold.KindBusy}, "open input: busy"},
		{fanfold.Error{Kind: fanfold.KindBusy}, "busy"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestErrorf(t *testing.T) {
	err := fanfold.Errorf(fanfold.KindInput, "open input", "%s: %w", "a.txt", fs.ErrNotExist)
	if got, want := err.Error(), "open input: a.txt: file does not exist"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause cannot be found in the chain")
	}
	if err.Offset != -1 {
		t.Errorf("got offset %d, want -1 for unknown", err.Offset)
	}
}

func TestKindOf(t *testing.T) {
	inner := fanfold.Errorf(fanfold.KindDisk, "", "full")
	tests := []struct {
		err  error
		want fanfold.Kind
	}{
		{nil, fanfold.KindNone},
		{errors.New("plain"), fanfold.KindUser},
		{inner, fanfold.KindDisk},
		{fmt.Errorf("wrapped: %w", inner), fanfold.KindDisk},
		{fanfold.Errorf(fanfold.KindLost, "outer", "%w", inner), fanfold.KindLost},
	}
	for _, tt := range tests {
		if got := fanfold.KindOf(tt.err); got != tt.want {
			t.Errorf("KindOf(%v): got %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestUserErrorKeepsWhatAnErrorSaysOfItself(t *testing.T) {
	inner := &fanfold.Error{Kind: fanfold.KindUsage, Offset: 7, Log: "last line", Hint: "do that"}
	got := fanfold.UserError("run combiner", fmt.Errorf("key a: %w", inner))
	if got.Kind != inner.Kind || got.Offset != 7 || got.Log != inner.Log || got.Hint != inner.Hint {
		t.Errorf("got %+v, want the kind, the offset, the log and the hint of %+v", got, inner)
	}
	if want := "run combiner: key a: usage"; got.Error() != want {
		t.Errorf("got %q, want %q", got, want)
	}
	plain := fanfold.UserError("run mapper", errors.New("no"))
	if plain.Kind != fanfold.KindUser || plain.Offset != -1 {
		t.Errorf("got kind %v at %d, want %v at -1", plain.Kind, plain.Offset, fanfold.KindUser)
	}
}
