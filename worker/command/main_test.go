//go:build linux

package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold"
)

// roleVariable makes the test binary the parent of a task process that gets its orphans, as the
// shim is, or such a task process.
const roleVariable = "FANFOLD_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "reaper":
		os.Exit(reaperMain())
	case "task":
		os.Exit(taskMain())
	}
	goleak.VerifyTestMain(m)
}

// run is one attempt of a test: what it emitted and did.
type run struct {
	records []string // as printed, without LF
	task    *fanfold.Task
	log     bytes.Buffer
	status  []string
	err     error
}

func newRun(ctx context.Context, stage fanfold.Stage) *run {
	r := &run{}
	dir, err := os.MkdirTemp("", "command")
	if err != nil {
		panic(err)
	}
	r.task = fanfold.NewTask(ctx, fanfold.Task{
		ID:     fanfold.AttemptID{Stage: stage, Task: 3, Attempt: 2},
		Log:    &r.log,
		Dir:    dir,
		Notify: func(s string) { r.status = append(r.status, s) },
	})
	return r
}

func (r *run) text() string { return strings.Join(r.records, "\n") }

// Flush keeps what is emitted.
func (r *run) Flush(b *fanfold.Batch) error {
	for i := range b.Len {
		text := string(b.Key(i))
		switch {
		case b.ValLen[i] == fanfold.Number:
			text += fmt.Sprintf("\t+%d", b.N[i])
		case b.Value(i) != nil:
			text += "\t" + string(b.Value(i))
		}
		r.records = append(r.records, text)
	}
	return nil
}

// end closes a mapper or reducer as the system does.
func (r *run) end(closer any, emit *fanfold.Emitter) {
	defer os.RemoveAll(r.task.Dir)
	c, ok := closer.(fanfold.Closer)
	switch {
	case ok && r.err == nil:
		r.err = c.Close(emit)
	case ok && c.Close(nil) != nil:
		panic("an early Close returned an error")
	}
	if emit != nil {
		emit.Flush()
	}
}

// runMapper runs the mapper of c over blocks of one input.
func runMapper(ctx context.Context, c fanfold.Command, blocks ...string) *run {
	r := newRun(ctx, fanfold.StageMap)
	p, err := Program(c)
	if err != nil {
		r.err = err
		return r
	}
	m, err := p.Map(r.task)
	if err != nil {
		r.err = err
		return r
	}
	emit := fanfold.NewEmitter(r)
	r.task.SetInput("/data/in.txt")
	offset := int64(100)
	for _, block := range blocks {
		if r.err == nil {
			r.err = mapBlock(m, []byte(block), offset, emit)
		}
		offset += int64(len(block))
	}
	r.end(m, emit)
	return r
}

func mapBlock(m fanfold.Mapper, block []byte, offset int64, emit *fanfold.Emitter) error {
	if b, ok := m.(fanfold.BlockMapper); ok {
		return b.MapBlock(block, offset, emit)
	}
	for line := range bytes.Lines(block) {
		rec := fanfold.Record{Value: bytes.TrimSuffix(line, lf), Offset: offset}
		if err := m.Map(rec, emit); err != nil {
			return err
		}
	}
	return nil
}

// group is a key and its values; "-" stands for none.
type group struct {
	key    string
	values []string
}

// runReducer runs a reducer, or combiner, over groups.
func runReducer(
	ctx context.Context, factory func(*fanfold.Task) (fanfold.Reducer, error), groups ...group,
) *run {
	r := newRun(ctx, fanfold.StageReduce)
	reducer, err := factory(r.task)
	if err != nil {
		r.err = err
		return r
	}
	emit := fanfold.NewEmitter(r)
	for _, g := range groups {
		rest := g.values
		values := fanfold.NewValues(func() ([]byte, bool) {
			if len(rest) == 0 {
				return nil, false
			}
			value := rest[0]
			rest = rest[1:]
			if value == "-" {
				return nil, true
			}
			return []byte(value), true
		})
		if r.err = reducer.Reduce([]byte(g.key), values, emit); r.err != nil {
			break
		}
	}
	r.end(reducer, emit)
	return r
}

// program makes a program that must be right.
func program(t *testing.T, c fanfold.Command) fanfold.Program {
	t.Helper()
	p, err := Program(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// testSpec is a command that is waited for a tenth as long.
func testSpec(role string, argv ...string) *spec {
	return &spec{role: role, argv: argv, command: &fanfold.Command{}, tick: tick / 10}
}

// sh is a command line for sh.
func sh(script string) []string { return []string{"sh", "-c", script} }

// wantNoChild checks that no process that this one started is left.
func wantNoChild(t *testing.T) {
	t.Helper()
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("got %d, %v, want no child", pid, err)
	}
}

// wantDead checks that a process has ended, be it that nobody has reaped it, or that the kernel is
// yet to take it down.
func wantDead(t *testing.T, pid string) {
	t.Helper()
	id, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(id, 0)
	if err != nil {
		return // reaped
	}
	defer unix.Close(fd)
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, deathMillis)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Poll(p, deathMillis)
	}
	if n != 1 {
		t.Errorf("process %s is alive (%v)", pid, err)
	}
}

// deathMillis bounds how long a test waits for the kernel.
const deathMillis = 10_000
