package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/proctree"
	"github.com/fanfold/fanfold/mapper"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
)

// A scout is a child of a task process that runs the mapper over a split, and keeps nothing but a
// note of the record that it is at, and of those that the mapper fails at. Where a record kills the
// scout, the task process goes on with another one behind it.

// scoutVariable is in the environment of a scout, which reads a scoutSetup from standard input.
const scoutVariable = "FANFOLD_SCOUT"

// scoutSetup is what a scout must know.
type scoutSetup struct {
	Job   fanfold.Job       `json:"job"`
	ID    fanfold.AttemptID `json:"id"`
	Dir   string            `json:"dir"`
	Split fanfold.Split     `json:"split"`
	From  int64             `json:"from"`
}

// The files of a scout, in its directory.
const (
	scoutAt    = "at"    // eight bytes: the number of the record that the mapper has
	scoutFound = "found" // JSON of a mapper.Bad a line
)

// scoutBeat is how often a task process looks how far its scout is.
const scoutBeat = 500 * time.Millisecond

// scout gives mapper.Spec.Scout of an attempt; nil where this process cannot start another like it.
func (x *executor) scout(
	a *attempt, t *fanfold.Task, b *beat,
) func(from int64, found func(mapper.Bad)) error {
	if x.cfg.Self == "" {
		return nil
	}
	return func(from int64, found func(mapper.Bad)) error {
		dir := filepath.Join(t.Dir, "scout")
		defer os.RemoveAll(dir)
		for range t.Reading.SkipBad + 1 { // with more the job fails anyhow
			setup := scoutSetup{Job: a.plan.job, ID: a.id, Dir: dir, Split: a.split, From: from}
			died, err := x.runScout(t, setup, b)
			if err != nil {
				return err
			}
			if err := readFound(dir, found); err != nil || died == "" {
				return err
			}
			at, err := readAt(dir)
			if err != nil || at < from {
				return nil // no record has killed it: the attempt shows what does
			}
			found(mapper.Bad{Record: at, Reason: "the mapper's process died: " + died})
			from = at + 1
		}
		return nil
	}
}

// runScout runs a scout to its end. It returns how it died, if it did.
func (x *executor) runScout(t *fanfold.Task, setup scoutSetup, b *beat) (died string, err error) {
	if err := errors.Join(os.RemoveAll(setup.Dir), os.Mkdir(setup.Dir, 0o700)); err != nil {
		return "", fanfold.Errorf(fanfold.KindDisk, "make scout directory", "%w", err)
	}
	text, err := json.Marshal(setup)
	if err != nil {
		return "", fanfold.Errorf(fanfold.KindInternal, "start scout", "%w", err)
	}
	cmd := exec.CommandContext(t.Context(), x.cfg.Self)
	cmd.Args[0] = "fanfold-scout"
	cmd.Env = append(os.Environ(), scoutVariable+"=1")
	cmd.Stdin = bytes.NewReader(text)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // the attempt's log
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return "", fanfold.Errorf(fanfold.KindInternal, "start scout", "%w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ticks := time.NewTicker(scoutBeat)
	defer ticks.Stop()
	for last := int64(-1); ; {
		select {
		case <-ticks.C:
			if at, err := readAt(setup.Dir); err == nil && at != last {
				last = at
				b.send()
			}
			continue
		case err = <-ended:
		}
		break
	}
	if stopped := context.Cause(t.Context()); stopped != nil {
		return "", stopped
	}
	if err == nil {
		return "", nil
	}
	died = err.Error()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
		died = proctree.Words(status)
	}
	return died, nil
}

func readAt(dir string) (int64, error) {
	b, err := os.ReadFile(filepath.Join(dir, scoutAt))
	if err != nil || len(b) != 8 {
		return -1, errors.Join(err, io.ErrUnexpectedEOF)
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// readFound tells what a scout has found.
func readFound(dir string, found func(mapper.Bad)) error {
	text, err := os.ReadFile(filepath.Join(dir, scoutFound))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fanfold.Errorf(fanfold.KindDisk, "read what a scout has found", "%w", err)
	}
	for line := range bytes.Lines(text) {
		var bad mapper.Bad
		if json.Unmarshal(line, &bad) != nil {
			break // it died while it wrote
		}
		found(bad)
	}
	return nil
}

// runAsScout is the body of a scout.
func runAsScout(programs []fanfold.Program, mux *storage.Mux) error {
	_ = os.Unsetenv(scoutVariable) // cannot fail for a valid name
	var setup scoutSetup
	if err := json.NewDecoder(bufio.NewReader(os.Stdin)).Decode(&setup); err != nil {
		return fmt.Errorf("read setup: %w", err)
	}
	program := byName(programs)[setup.Job.Program]
	if program == nil {
		return fmt.Errorf("no program %q", setup.Job.Program)
	}
	at, err := os.Create(filepath.Join(setup.Dir, scoutAt))
	if err != nil {
		return err
	}
	defer at.Close()
	list, err := os.Create(filepath.Join(setup.Dir, scoutFound))
	if err != nil {
		return err
	}
	defer list.Close()
	t := fanfold.NewTask(context.Background(), fanfold.Task{
		ID: setup.ID, Program: setup.Job.Program, Params: setup.Job.Params, Dir: setup.Dir,
		Log: os.Stderr, Reading: setup.Job.Reading,
	})
	lines := json.NewEncoder(list)
	var failed error
	err = mapper.Scout(t, mapper.Spec{Program: program, Split: setup.Split, Storage: mux}, setup.From,
		func(n int64) {
			_, err := at.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(n)), 0)
			failed = errors.Join(failed, err)
		},
		func(b mapper.Bad) { failed = errors.Join(failed, lines.Encode(b)) })
	if failed != nil { // not the record's fault
		return errors.Join(failed, os.Remove(at.Name()))
	}
	if fanfold.KindOf(err) != fanfold.KindNone {
		fmt.Fprintln(os.Stderr, "fanfold: scout:", err) // the attempt meets it too
	}
	return nil
}

// wireSample puts the first record that an attempt has skipped into its Done.
func (r *result) wireSample() []protocol.Failure {
	if r.sample == nil {
		return nil
	}
	return []protocol.Failure{protocol.FromError(r.sample)}
}
