package protocol

import (
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// bodies ranges over the kinds of message.
func bodies(yield func(Kind, reflect.Type) bool) {
	for k := range kinds {
		if b := kinds[k].body; b != nil && !yield(Kind(k), reflect.TypeOf(b).Elem()) {
			return
		}
	}
}

// wireStructs collects the structs that travel, and checks their fields' types.
func wireStructs(t *testing.T) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, typ := range bodies {
		collect(t, typ, all, nil)
	}
	return all
}

func collect(t *testing.T, typ reflect.Type, all map[string]reflect.Type, in []reflect.Type) {
	if slices.Contains(in, typ) {
		t.Fatalf("%s is recursive", typ)
	}
	switch typ.Kind() {
	case reflect.Bool, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Int64,
		reflect.String:
		if typ.PkgPath() != "" {
			t.Errorf("%v: %s is a named type: its methods could change how it is encoded", in, typ)
		}
	case reflect.Slice:
		collect(t, typ.Elem(), all, in)
	case reflect.Struct:
		all[typ.Name()] = typ
		for i := range typ.NumField() {
			if f := typ.Field(i); !f.IsExported() || f.Anonymous || f.Tag != "" {
				t.Errorf("%s.%s is not plain", typ, f.Name)
			}
			collect(t, typ.Field(i).Type, all, append(in, typ))
		}
	default:
		t.Errorf("%v: %s has no place on the wire", in, typ)
	}
}

// TestWireTypes checks that every kind has one type, of fields that the checks can bound.
func TestWireTypes(t *testing.T) {
	seen := map[reflect.Type]Kind{}
	for k, typ := range bodies {
		if other, ok := seen[typ]; ok {
			t.Errorf("%s is the type of %s and of %s", typ, k, other)
		}
		seen[typ] = k
		if got := reflect.New(typ).Interface().(Body).kind(); got != k {
			t.Errorf("%s says that it is a %s, want %s", typ, got, k)
		}
		if n := typ.NumField(); n > fieldsMax {
			t.Errorf("%s has %d fields, more than %d", k, n, fieldsMax)
		}
		if k > 0x7f {
			t.Errorf("%s is no positive fixint", k)
		}
		if kinds[k].from == 0 {
			t.Errorf("nobody may send %s", k)
		}
	}
	if n := len(wireStructs(t)); n < len(seen) {
		t.Errorf("%d structs for %d kinds", n, len(seen))
	}
}

// TestWireTypesValidate checks that every message with a field that types do not bound has rules.
func TestWireTypesValidate(t *testing.T) {
	without := map[string]string{
		"InputEnd": "a number", "Stop": "a number",
		"Kill": "three numbers", "CancelTask": "two numbers",
		"Log": "only as long as its frame",
	}
	for k, typ := range bodies {
		_, has := reflect.New(typ).Interface().(validator)
		if why, ok := without[k.String()]; has == ok {
			t.Errorf("%s: has Validate: %v, listed as needing none: %q", k, has, why)
		}
	}
}

// section is a part of the specification that describes a message or a struct.
type section struct {
	title  string
	fields []string // "position Name type"
}

var (
	titleRule = regexp.MustCompile(`^# (\w+)(: .*)?$`)
	fieldRule = regexp.MustCompile(`^\t(\d+) +([A-Z]\w*) +(\[?\w+\]?)`)
)

// specification reads the package comment, by the names of what it describes.
func specification(t *testing.T) map[string]*section {
	t.Helper()
	all := map[string]*section{}
	files, err := filepath.Glob("doc*.go")
	if err != nil || len(files) < 2 {
		t.Fatalf("got files %v and %v", files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		var s *section
		for line := range strings.Lines(f.Doc.Text()) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "# ") {
				s = &section{title: line}
				if m := titleRule.FindStringSubmatch(line); m != nil {
					all[m[1]] = s
				}
			} else if m := fieldRule.FindStringSubmatch(line); m != nil && s != nil {
				s.fields = append(s.fields, m[1]+" "+m[2]+" "+m[3])
			}
		}
	}
	return all
}

var wireNames = map[reflect.Kind]string{
	reflect.Bool: "bool", reflect.String: "str", reflect.Int64: "i64", reflect.Uint8: "u8",
	reflect.Uint16: "u16", reflect.Uint32: "u32", reflect.Uint64: "u64",
}

// wireName is a type as the specification calls it.
func wireName(typ reflect.Type) string {
	switch {
	case typ.Kind() == reflect.Struct:
		return typ.Name()
	case typ.Kind() != reflect.Slice:
		return wireNames[typ.Kind()]
	case typ.Elem().Kind() == reflect.Uint8:
		return "bin"
	}
	return "[" + wireName(typ.Elem()) + "]"
}

// senders says who may send a message, as the specification does.
func senders(s roles) string {
	if s == byAll {
		return "all"
	}
	var list []string
	for _, r := range []Role{
		RoleClient, RoleProcess, RoleWorker, RoleAdmin, RoleViewer, RoleCoordinator,
	} {
		if s.in(r) {
			list = append(list, r.String())
		}
	}
	return strings.Join(list, " ")
}

// TestSpecification checks that the package comment describes every message and struct, field by
// field, as the code has them.
func TestSpecification(t *testing.T) {
	spec := specification(t)
	classes := [...]string{control: "control", urgent: "control, urgent", bulk: "bulk"}
	messages := map[string]string{}
	for k := range bodies {
		messages[k.String()] = fmt.Sprintf("# %s: %d, %s, from %s",
			k, k, classes[kinds[k].travel], senders(kinds[k].from))
	}
	types := wireStructs(t)
	types["Error"] = types["Failure"]
	delete(types, "Failure")
	for _, name := range slices.Sorted(maps.Keys(types)) {
		s := spec[name]
		if s == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		title, first := messages[name], 1
		if title == "" {
			title, first = "# "+name, 0
		}
		if s.title != title {
			t.Errorf("got %q, want %q", s.title, title)
		}
		var want []string
		for i := range types[name].NumField() {
			f := types[name].Field(i)
			want = append(want, strconv.Itoa(first+i)+" "+f.Name+" "+wireName(f.Type))
		}
		if !slices.Equal(s.fields, want) {
			t.Errorf("%s has fields\n%q, want\n%q", name, s.fields, want)
		}
	}
}

// TestSpecificationErrors checks the table of error kinds.
func TestSpecificationErrors(t *testing.T) {
	text := packageComment(t)
	n := 0
	for k := fanfold.Kind(0); !strings.HasPrefix(k.String(), "kind-"); k++ {
		row := fmt.Sprintf("\n\t%2d %-15s  %d ", k, k, k.ExitCode())
		if !strings.Contains(text, row) {
			t.Errorf("no row %q", row)
		}
		n++
	}
	if n < 20 {
		t.Errorf("only %d kinds", n)
	}
}

// TestSpecificationStates checks the table of states and the list of what is urgent.
func TestSpecificationStates(t *testing.T) {
	text := packageComment(t)
	for s := fanfold.Waiting; s <= fanfold.Lost; s++ {
		if want := fmt.Sprintf("%d %s", s, s); !strings.Contains(text, want) {
			t.Errorf("no state %q", want)
		}
	}
	_, rest, _ := strings.Cut(text, "depend on what they overtake: ")
	list, _, _ := strings.Cut(rest, ".")
	got := strings.FieldsFunc(strings.ReplaceAll(list, " and ", " "), func(r rune) bool {
		return r == ',' || r == ' ' || r == '\n'
	})
	var want []string
	for k := range bodies {
		if kinds[k].travel == urgent {
			want = append(want, k.String())
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("urgent are %q, want %q", got, want)
	}
}

// packageComment is the text of doc.go.
func packageComment(t *testing.T) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return f.Doc.Text()
}
