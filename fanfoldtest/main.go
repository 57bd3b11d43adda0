package fanfoldtest

import (
	"os"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/filestore"
	"github.com/fanfold/fanfold/worker"
)

// Main is for the TestMain of tests with Config.Processes: the task processes are the test's own
// binary, and Main, which must be called first, is where they work and end. Otherwise it runs the
// tests, and the caller exits with what it returns.
//
//	func TestMain(m *testing.M) { os.Exit(fanfoldtest.Main(m, programs...)) }
func Main(m *testing.M, programs ...fanfold.Program) int {
	if exit, isChild := worker.Entry(programs, files()); isChild {
		os.Exit(exit)
	}
	return m.Run()
}

// files reads and writes plain paths.
func files() *storage.Mux {
	mux := &storage.Mux{}
	mux.Handle(storage.FileScheme, filestore.New())
	return mux
}
