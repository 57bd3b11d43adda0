//go:build linux

package cli_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// TestB31SocketAndPort submits the same job through the coordinator's socket, which proves who we
// are, and through its port, which wants the token.
func TestB31SocketAndPort(t *testing.T) {
	h := newHome(t)
	h.file("in", inputLines)
	co := h.coordinator()
	socket := h.path("state/coordinator.sock")
	for _, address := range []string{socket, "unix:" + socket, co.tcp} {
		p := h.run("submit", "--coordinator", address, "wordcount", "in")
		p.want(0)
		if got := p.stdout.String(); got != inputCounts {
			t.Errorf("%s: got %q, want %q", address, got, inputCounts)
		}
	}
	co.end()
	h.checkNothingLeft()
}

// parts reads the parts of an output folder, and whether it says that they are all.
func parts(t *testing.T, folder string) (content map[string]string, all bool) {
	t.Helper()
	_, err := os.Stat(filepath.Join(folder, "_SUCCESS")) // before the parts: it comes last
	names, globErr := filepath.Glob(filepath.Join(folder, "part-*"))
	if globErr != nil {
		t.Error(globErr)
	}
	content = map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		content[filepath.Base(name)] = string(text)
	}
	return content, err == nil
}

// watch gives what becomes of the files of a folder from now on, as the kernel saw it, when the
// function that it returns is called: words such as "create part-00000".
func watch(t *testing.T, folder string) func() []string {
	t.Helper()
	words := map[uint32]string{unix.IN_CREATE: "create", unix.IN_MODIFY: "modify",
		unix.IN_MOVED_TO: "appear", unix.IN_MOVED_FROM: "vanish", unix.IN_DELETE: "delete"}
	mask := uint32(0)
	for bit := range words {
		mask |= bit
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		t.Cleanup(func() { unix.Close(fd) })
		_, err = unix.InotifyAddWatch(fd, folder, mask)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() (seen []string) {
		t.Helper()
		events := make([]byte, 64<<10) // more than there are
		n, err := unix.Read(fd, events)
		if err != nil {
			t.Fatal(err)
		}
		for events = events[:n]; len(events) > 0; {
			bits := binary.NativeEndian.Uint32(events[4:])
			end := unix.SizeofInotifyEvent + binary.NativeEndian.Uint32(events[12:])
			name := strings.TrimRight(string(events[unix.SizeofInotifyEvent:end]), "\x00")
			seen = append(seen, words[bits&mask]+" "+name)
			events = events[end:]
		}
		return seen
	}
}

// TestI6NoPartialOutput watches an output folder while a job writes it: a part appears once, when
// it is whole, and _SUCCESS when all parts are there.
func TestI6NoPartialOutput(t *testing.T) {
	c := newCluster(t, 2)
	file := write(t, text{"in", words(t, 71, 256<<10)})[0]
	out := t.TempDir()
	seen := watch(t, out)
	c.succeeds(nil, "-o", out, "--reducers", "8", "--split-size", "32KiB", "wordcount", file.name)
	var want []string
	for i := range 8 {
		want = append(want, fmt.Sprintf("appear part-%05d", i))
	}
	want = append(want, "appear _SUCCESS")
	got := seen()
	got = slices.DeleteFunc(got, func(event string) bool {
		_, name, _ := strings.Cut(event, " ")
		return strings.HasPrefix(name, ".") // no reader looks at it
	})
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestL6I1OutputIsFinal checks that the output that is there when a client is told of success is
// that of a sequential run, and stays so.
func TestL6I1OutputIsFinal(t *testing.T) {
	h := newHome(t)
	in := text{h.path("in"), words(t, 72, 1<<20)}
	h.file("in", in.content)
	co := h.coordinator("--slots", "2")
	want := wordCount.want(t, in)
	reply := h.run("submit", "--split-size", "128KiB", "wordcount", "in")
	submit := h.run("submit", "--split-size", "128KiB", "--reducers", "8", "-o", "out",
		"wordcount", "in")
	then, all := parts(t, h.path("out"))
	reply.want(0)
	submit.want(0)
	equal(t, "reply", reply.stdout.String(), want)
	if !all {
		t.Error("there was no _SUCCESS at the reply")
	}
	var lines []string
	for _, content := range then {
		lines = slices.AppendSeq(lines, strings.Lines(content))
	}
	slices.Sort(lines)
	equal(t, "output", strings.Join(lines, ""), want)
	co.end()
	h.checkNothingLeft()
	if later, all := parts(t, h.path("out")); !all || !maps.Equal(then, later) {
		t.Error("the output has changed since the reply")
	}
}

// TestI7NothingIsLeft runs jobs that succeed, fail and are cancelled, and looks for what is left:
// open files, goroutines, processes, temporary files.
func TestI7NothingIsLeft(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Run("first", runAllEndings) // what is made once is there then
	files, before := openFiles(t), goleak.IgnoreCurrent()
	t.Run("again", runAllEndings)
	goleak.VerifyNone(t, before)
	if now := openFiles(t); !slices.Equal(now, files) {
		t.Errorf("got open files %q, want %q", now, files)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("got process %d, %v, want no child, dead or alive", pid, err)
	}
	if entries, err := os.ReadDir(temporary); err != nil || len(entries) > 0 {
		t.Errorf("got temporary files %v (%v), want none", entries, err)
	}
}

// runAllEndings starts and ends a coordinator, which has jobs meanwhile. newCluster looks for its
// files and processes.
func runAllEndings(t *testing.T) {
	c := newCluster(t, 2)
	file := write(t, text{"in", inputLines})[0]
	if got := c.succeeds(nil, "wordcount", file.name); got != inputCounts {
		t.Errorf("got %q, want %q", got, inputCounts)
	}
	o := c.submitted(nil, "--max-attempts", "1", "--mapper", "false", file.name)
	if o.code != fanfold.ExitFailed {
		t.Errorf("got exit code %d, want %d", o.code, fanfold.ExitFailed)
	}
	g := newGate(t)
	ctx, cancel := context.WithCancel(t.Context())
	job := fanfold.Job{Program: fanfold.CommandProgram, Inputs: []string{file.name}}
	job.Command = &fanfold.Command{Mapper: shell(fmt.Sprintf("echo up >%q; sleep 1000", g.Name()))}
	ended := make(chan error, 1)
	go func() {
		_, _, err := submitTo(ctx, c.client, job, nil)
		ended <- err
	}()
	if _, err := g.Read(make([]byte, len("up\n"))); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; fanfold.KindOf(err) != fanfold.KindCancelled {
		t.Errorf("got %v, want an error of kind %s", err, fanfold.KindCancelled)
	}
}

// openFiles is what this process has open.
func openFiles(t *testing.T) (list []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Error(err)
	}
	for _, path := range paths {
		if to, err := os.Readlink(path); err == nil { // not that of the listing
			list = append(list, to)
		}
	}
	slices.Sort(list)
	return list
}

// shell is a command that prints something before it does what script says.
func shell(script string) []string { return []string{"sh", "-c", "echo last words >&2; " + script} }

// failures are jobs that fail in a way of their own.
var failures = []struct {
	cmd   fanfold.Command
	limit time.Duration
	stage fanfold.Stage
	kind  fanfold.Kind
	how   string
}{
	{fanfold.Command{Mapper: shell("exit 3")}, 0,
		fanfold.StageMap, fanfold.KindUser, "exited with status 3"},
	{fanfold.Command{Mapper: shell("kill -9 $$")}, 0,
		fanfold.StageMap, fanfold.KindUser, "killed (signal 9)"},
	{fanfold.Command{Mapper: []string{"cat"}, Reducer: shell("exit 4")}, 0,
		fanfold.StageReduce, fanfold.KindUser, "exited with status 4"},
	{fanfold.Command{Mapper: shell("sleep 1000")}, time.Second,
		fanfold.StageMap, fanfold.KindTimeout, "1s"},
}

// TestI11FailureSaysAll checks that a job's error says what failed, where and how, of which class
// that is, and what was printed last.
func TestI11FailureSaysAll(t *testing.T) {
	c := newCluster(t, 2)
	file := write(t, text{"in", inputLines})[0]
	for _, tt := range failures {
		job := fanfold.Job{Program: fanfold.CommandProgram, Command: &tt.cmd, MaxAttempts: 2,
			Reducers: 1, TaskTimeout: tt.limit, Inputs: []string{file.name}}
		r, err := c.client.Submit(t.Context(), client.Submission{Job: job})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Wait()
		var e *fanfold.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an *Error", tt.how, err)
			continue
		}
		if want := (fanfold.AttemptID{Job: r.Job(), Stage: tt.stage, Attempt: 2}); e.Attempt != want {
			t.Errorf("%s: got attempt %s, want %s", tt.how, e.Attempt, want)
		}
		if e.Worker != "local" || e.Kind != tt.kind || !strings.Contains(e.Error(), tt.how) {
			t.Errorf("got %q of kind %s on %q, want %q, %s, local", e, e.Kind, e.Worker, tt.how, tt.kind)
		}
		if !strings.Contains(e.Log, "last words") {
			t.Errorf("%s: got log %q, want the last words", tt.how, e.Log)
		}
		if tt.stage == fanfold.StageMap && e.Input != file.name {
			t.Errorf("%s: got input %q, want %q", tt.how, e.Input, file.name)
		}
	}
}
