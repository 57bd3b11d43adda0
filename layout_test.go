package fanfold_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/fanfold/fanfold"

// layout says what each package may reach of this module, transitively, and why nothing else. "."
// is the root package, a name that ends in a slash stands for what is below it too, "*" is all of
// the module, and all but the root may reach internal/.
var layout = []struct {
	pkg, reach, why string
}{
	{".", "", "it is the vocabulary: whoever imports it gets nothing but it"},
	{"internal/chaos", ". protocol client", "it knows clusters as their users do, from outside"},
	{"internal/", ".", "what has no domain meaning knows no part of the system"},
	{"protocol", ".", "the wire is below everyone who speaks it"},
	{"storage", ".", "inputs and outputs are files: no job, task or peer stands behind them"},
	{"storage/filestore", ". storage", "a driver knows its interface only"},
	{"storage/memstore", ". storage", "a driver knows its interface only"},
	{"storage/storagetest", ". storage", "a suite for every driver depends on none"},
	{"aggregate", ".", "it is a part of the vocabulary that needs a library"},
	{"jobs", ". aggregate", "a built-in job has what a user's program has"},
	{"coordinator/scheduler", ".", "it decides on values: no wire, no file, no process"},
	{"coordinator/journal", ".", "records are opaque to it"},
	{"coordinator/journal/journaltest", ". coordinator/journal",
		"a suite for every journal depends on none"},
	{"shuffle", ".", "records between stages pass no connection and know no task"},
	{"shuffle/transfer", ". protocol shuffle",
		"segments move between agents: no task, process or coordinator stands behind them"},
	{"format", ".", "how bytes become records depends on nobody who reads them"},
	{"mapper", ". shuffle storage format", "a map task is a function of files"},
	{"reducer", ". shuffle storage", "a reduce task is a function of files"},
	{"client", ". protocol", "a client sees the system through the wire only"},
	{"worker/process", ". protocol", "supervision does not depend on what a process does"},
	{"worker/command", ". format aggregate", "a command is a program like any other"},
	{"coordinator", ". protocol storage format coordinator/scheduler coordinator/journal",
		"the control plane never touches records: it lists, stats and promotes"},
	{"worker", ". protocol storage format shuffle shuffle/transfer mapper reducer " +
		"worker/process worker/command aggregate",
		"a worker knows its coordinator through the wire only"},
	{"fanfoldtest", ". protocol storage storage/filestore format shuffle shuffle/transfer " +
		"mapper reducer client coordinator coordinator/scheduler coordinator/journal " +
		"worker worker/process worker/command aggregate",
		"the test kit is the system without its commands"},
	{"cli", ". protocol storage storage/filestore format shuffle shuffle/transfer " +
		"mapper reducer client coordinator coordinator/scheduler coordinator/journal " +
		"worker worker/process worker/command aggregate", "a user's binary has its own jobs"},
	{"cmd/fanfold", "*", "main ties everything together"},
	{"bench/", "*", "it measures everything"},
}

// outside says which packages may import a module of others that is heavy or dangerous.
var outside = []struct {
	module, by, why string
}{
	{"github.com/vmihailenco/msgpack/v5", "protocol coordinator",
		"five hostile bytes kill it: protocol checks before, the coordinator writes its own events"},
	{"github.com/spf13/cobra", "cli", "a task process is up before the command-line framework is"},
	{"github.com/vbauerster/mpb/v8", "cli", "only the command line draws"},
	{"github.com/goccy/go-yaml", "cli", "only the command line reads configuration files"},
}

// impure is what the scheduler may not import: it has no clock, goroutine, file, socket or luck.
var impure = []string{
	"context", "crypto/rand", "log", "math/rand", "math/rand/v2", "net", "os", "sync", "sync/atomic",
}

// listed is what `go list` says of one package.
type listed struct {
	ImportPath    string
	Imports, Deps []string
}

// list gives the packages of this module, with one call of the go command.
func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var packages []listed
	for d := json.NewDecoder(out); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	return packages
}

// inModule gives the folder of a package of this module.
func inModule(importPath string) (folder string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func TestImports(t *testing.T) {
	packages := list(t)
	if len(packages) < len(layout)/2 {
		t.Fatalf("got %d packages: go list does not see the module", len(packages))
	}
	for _, p := range packages {
		folder, _ := inModule(p.ImportPath)
		checkReach(t, folder, p)
		checkOutside(t, folder, p)
	}
}

func checkReach(t *testing.T, folder string, p listed) {
	t.Helper()
	for _, row := range layout {
		below := strings.HasSuffix(row.pkg, "/") && strings.HasPrefix(folder+"/", row.pkg)
		if row.pkg != folder && !below {
			continue
		}
		allowed := strings.Fields(row.reach)
		for _, dep := range p.Deps {
			to, ours := inModule(dep)
			switch {
			case !ours && folder == "." && strings.Contains(strings.Split(dep, "/")[0], "."):
				t.Errorf("the root package imports %s: a program costs what it uses", dep)
			case !ours, row.reach == "*", to == folder, slices.Contains(allowed, to):
			case strings.HasPrefix(to, "internal/") && folder != ".":
			default:
				t.Errorf("%s reaches %s: %s", folder, to, row.why)
			}
		}
		return
	}
	t.Errorf("%s is no folder of the layout: name it in docs/architecture.md and here", folder)
}

func checkOutside(t *testing.T, folder string, p listed) {
	t.Helper()
	for _, dep := range p.Imports {
		for _, row := range outside {
			imports := dep == row.module || strings.HasPrefix(dep, row.module+"/")
			if imports && !slices.Contains(strings.Fields(row.by), folder) {
				t.Errorf("%s imports %s: %s", folder, dep, row.why)
			}
		}
		if folder == "coordinator/scheduler" && slices.Contains(impure, dep) {
			t.Errorf("%s imports %s: it is a pure function of commands", folder, dep)
		}
	}
}

// TestFolders holds the folders at the top, so that a new one is a decision and no accident.
func TestFolders(t *testing.T) {
	want := []string{
		"aggregate", "bench", "cli", "client", "cmd", "coordinator", "docs", "fanfoldtest", "format",
		"internal", "jobs", "mapper", "protocol", "reducer", "shuffle", "storage", "testdata", "worker",
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(want, e.Name()) {
			t.Errorf("folder %s is not one of %v", e.Name(), want)
		}
	}
}
