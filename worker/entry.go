package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/worker/process"
)

// taskVariable is where the agent tells a task process what it is, as JSON of a taskSetup.
const taskVariable = "FANFOLD_TASK"

// taskSetup is what a task process must know before it speaks with anybody.
type taskSetup struct {
	Worker   string       `json:"worker"`
	Slot     fanfold.Slot `json:"slot"`
	Dir      string       `json:"dir"`
	Memory   int64        `json:"memory"`
	TasksMax int          `json:"tasks_max"`
	Allow    Allow        `json:"allow"`
	Image    []byte       `json:"image,omitempty"` // SHA-256; none: the worker's own
}

// gcPercent is how much the heap of a task process may grow between two collections. Most of its
// memory are few large buffers, and the budget limits it anyway.
const gcPercent = 400

// memoryBeside is what the Go runtime may hold beside the buffers that have the budget, in bytes:
// blocks of input and output, the state of decompressors, what user code makes, and what has not
// been collected yet. Above it the collector runs as often as it must.
const memoryBeside = 64 << 20

// Entry is to be called first thing in main, before flags are looked at. When this process was
// started as a task process, or as the shim above one, Entry does that work and isChild is true:
// main must end with the exit code then. Programs are those that the process can run, mux is where
// it reads inputs and writes outputs.
func Entry(programs []fanfold.Program, mux *storage.Mux) (exit int, isChild bool) {
	if os.Getenv(scoutVariable) != "" {
		if err := runAsScout(programs, mux); err != nil {
			fmt.Fprintln(os.Stderr, "fanfold: scout:", err)
			return fanfold.ExitFailed, true
		}
		return fanfold.ExitOK, true
	}
	switch process.Enter() {
	case process.RoleShim:
		return process.RunShim(), true
	case process.RoleTask:
		if err := runTask(programs, mux); err != nil {
			fmt.Fprintln(os.Stderr, "fanfold: task process:", err)
			return fanfold.ExitFailed, true
		}
		return fanfold.ExitOK, true
	}
	return 0, false
}

// runTask is the body of a task process.
func runTask(programs []fanfold.Program, mux *storage.Mux) error {
	var setup taskSetup
	if err := json.Unmarshal([]byte(os.Getenv(taskVariable)), &setup); err != nil {
		return fmt.Errorf("read %s: %w", taskVariable, err)
	}
	_ = os.Unsetenv(taskVariable) // cannot fail for a valid name
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	self, err := process.SelfPath()
	if err != nil {
		return err
	}
	marker := process.NewMarker()
	return Main(context.Background(), process.TaskConn(), programs, MainConfig{
		Name: setup.Worker, Slot: setup.Slot, Dir: setup.Dir, Image: setup.Image,
		Allow: setup.Allow, Storage: mux, Self: self, Memory: setup.Memory,
		TasksMax: setup.TasksMax,
		Log:      os.Stderr,
		Mark: func(id fanfold.AttemptID, begin bool) {
			if begin {
				marker.Begin(id.String())
			} else {
				marker.End(id.String())
			}
		},
		Budget: func(bytes int64) { debug.SetMemoryLimit(bytes + memoryBeside) },
	})
}
