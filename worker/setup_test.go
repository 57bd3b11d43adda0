package worker_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/filestore"
	"github.com/fanfold/fanfold/worker"
)

// TestMain is also the main of the task processes that the tests start.
func TestMain(m *testing.M) {
	if exit, isChild := worker.Entry(childPrograms, files()); isChild {
		os.Exit(exit)
	}
	goleak.VerifyTestMain(m)
}

// files reads and writes plain paths.
func files() *storage.Mux {
	mux := &storage.Mux{}
	mux.Handle(storage.FileScheme, filestore.New())
	return mux
}

// childPrograms are those of the task processes.
var childPrograms = []fanfold.Program{echo, answer, mapFunc(obey).program("obey")}

// obey does what the line says, in a process that may die of it.
func obey(t *fanfold.Task, rec fanfold.Record, emit *fanfold.Emitter) error {
	verb, rest, _ := strings.Cut(string(rec.Value), " ")
	switch verb {
	case "print":
		fmt.Println(rest)
	case "log":
		fmt.Fprintln(t.Log, rest)
	case "exit":
		code := 0
		_, err := fmt.Sscan(rest, &code)
		if err != nil {
			return err
		}
		os.Exit(code)
	case "flood":
		n := 0
		if _, err := fmt.Sscan(rest, &n); err != nil {
			return err
		}
		fmt.Print(strings.Repeat("z", n))
	case "hang":
		select {}
	case "env":
		for _, pair := range os.Environ() {
			emit.Emit([]byte(pair), nil)
		}
	default:
		return fmt.Errorf("do not know how to %s", verb)
	}
	return nil
}
