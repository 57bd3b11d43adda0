package worker_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// version is the Start of this test binary with something behind its end: another image that does
// the same.
func version(t *testing.T, name string) *protocol.Start {
	t.Helper()
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	other := append(own, name...)
	if err := os.WriteFile(path, other, 0o700); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(other)
	return &protocol.Start{Image: sum[:], Path: path}
}

// startImages starts an agent with one slot that may run any image, and its first process.
func startImages(t *testing.T) (*host, *fake) {
	t.Helper()
	h := startAgent(t, worker.Config{Slots: 1, Allow: worker.AllowAny})
	return h, h.process()
}

// processOf has the agent start a process of an image.
func (h *host) processOf(m *protocol.Start) *fake {
	h.t.Helper()
	h.send(m)
	p := h.process()
	if !bytes.Equal(p.hello.Image, m.Image) {
		h.t.Fatalf("the new process names image %x, want %x", p.hello.Image, m.Image)
	}
	return p
}

// serve has a process run an attempt of map stage.
func (f *fake) serve(handle uint64) {
	f.t.Helper()
	f.brief("echo")
	f.assign("x\n", handle)
	f.done(handle, protocol.StatusSucceeded)
}

// exits waits for the end of a process, which must be the next that ends.
func (h *host) exits(p *fake) {
	h.t.Helper()
	var exited protocol.Exited
	h.next(protocol.KindExited, &exited)
	if exited.PID != p.hello.PID || exited.Failed != "" {
		h.t.Fatalf("the agent reports %+v, want the end of process %d", exited, p.hello.PID)
	}
	close(p.closed)
}

// uses waits until the agent says that a process is the one that its slot uses.
func (h *host) uses(p *fake) {
	h.t.Helper()
	for beat := (protocol.Heartbeat{}); len(beat.PIDs) != 1 || beat.PIDs[0] != p.hello.PID; {
		h.next(protocol.KindHeartbeat, &beat)
	}
}

func TestAgentReportsAnImageThatCannotRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	text := []byte("this is no program\n")
	if err := os.WriteFile(path, text, 0o700); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	tests := []struct {
		name  string
		start protocol.Start
		why   string
	}{
		{"not allowed", protocol.Start{Image: sum[:], Path: "/bin/sh"}, "does not run /bin/sh"},
		{"another file", protocol.Start{Image: make([]byte, sha256.Size), Path: path}, "not the file"},
		{"no program", protocol.Start{Image: sum[:], Path: path}, "exec format error"},
	}
	h := startAgent(t, worker.Config{Slots: 1, Allow: worker.Allow{Paths: []string{path}}})
	first := h.process()
	for i, tt := range tests {
		h.send(&tt.start)
		var exited protocol.Exited
		h.next(protocol.KindExited, &exited)
		if !strings.Contains(exited.Failed, tt.why) || !bytes.Equal(exited.Image, tt.start.Image) {
			t.Errorf("%s: the agent reports %+v, want %q", tt.name, exited, tt.why)
		}
		first.serve(uint64(i + 1)) // it is still there
	}
}

func TestSlotKeepsProcessesOfOtherImages(t *testing.T) {
	h, first := startImages(t)
	if h.hello.Offer.Processes != worker.DefaultProcessesMax {
		t.Errorf("the agent says that a slot may keep %d processes, want %d",
			h.hello.Offer.Processes, worker.DefaultProcessesMax)
	}
	b := version(t, "b")
	second := h.processOf(b)
	h.uses(second)
	second.serve(1)
	h.send(&protocol.Start{})
	h.uses(first)
	first.serve(2)
	h.send(b)
	h.uses(second)
	second.serve(3)
	// Had another process been started, it would come first.
	h.send(&protocol.Kill{})
	h.exits(second)
	if p := h.process(); !bytes.Equal(p.hello.Image, b.Image) {
		t.Errorf("the process that replaces one of image %x has %x", b.Image, p.hello.Image)
	}
	h.send(&protocol.Start{})
	h.uses(first)
	first.serve(4)
}

func TestWarmProcessDiesQuietly(t *testing.T) {
	h, first := startImages(t)
	b := version(t, "b")
	second := h.processOf(b)
	if err := syscall.Kill(int(first.hello.PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.exits(first)
	second.serve(1)
	// It is not replaced before it is wanted: the next that comes is another one.
	h.send(&protocol.Kill{PID: second.hello.PID, GraceMillis: 60_000})
	h.exits(second)
	if p := h.process(); !bytes.Equal(p.hello.Image, b.Image) {
		t.Errorf("process of image %x, want %x", p.hello.Image, b.Image)
	}
	if p := h.processOf(&protocol.Start{}); p.hello.PID == first.hello.PID {
		t.Error("the same process again")
	}
}

func TestKillNamesAWarmProcess(t *testing.T) {
	h, first := startImages(t)
	second := h.processOf(version(t, "b"))
	second.brief("obey")
	second.assign("hang\n", 1)
	h.send(&protocol.Kill{PID: first.hello.PID, GraceMillis: 60_000})
	h.exits(first)
	h.uses(second)
	h.send(&protocol.Kill{PID: first.hello.PID}) // it is there no more
	h.processOf(&protocol.Start{})
}

func TestLogIsThatOfItsAttemptWhateverProcessPrints(t *testing.T) {
	h, first := startImages(t)
	second := h.processOf(version(t, "b"))
	first.brief("obey")
	second.brief("obey")
	first.assign("log first\n", 1)
	second.assign("log second\n", 2)
	first.done(1, protocol.StatusSucceeded)
	second.done(2, protocol.StatusSucceeded)
	second.assign("log last words\nexit 3\n", 3)
	if _, err := second.next(); !errors.Is(err, io.EOF) {
		t.Fatalf("its connection ended with %v", err)
	}
	close(second.closed)
	var exited protocol.Exited
	h.next(protocol.KindExited, &exited)
	if exited.PID != second.hello.PID || exited.Log != "last words\n" {
		t.Errorf("the agent reports %+v", exited)
	}
	got := map[string]string{}
	h.send(&protocol.LogQuery{Stream: 1, Job: testJob[:]})
	for last := false; !last; {
		var log protocol.Log
		h.next(protocol.KindLog, &log)
		for _, part := range log.Parts {
			_, attempt, _ := strings.Cut(part.Attempt, "/")
			got[attempt] += string(part.Data)
		}
		last = log.Last
	}
	want := map[string]string{
		"map-1/1": "first\n", "map-2/1": "second\n", "map-3/1": "last words\n",
	}
	if !maps.Equal(got, want) {
		t.Errorf("logs: %q, want %q", got, want)
	}
}

func TestAgentEndsItsWarmProcesses(t *testing.T) {
	h, first := startImages(t)
	processes := []*fake{
		first, h.processOf(version(t, "b")), h.processOf(version(t, "c")),
	}
	first.brief("obey")
	first.assign("hang\n", 1)
	h.stop()
	if err := h.result(); err != nil {
		t.Error(err)
	}
	for _, p := range processes {
		if err := syscall.Kill(int(p.hello.PID), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", p.hello.PID, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(h.root, "*-*")); err != nil || len(left) > 0 {
		t.Errorf("what is left: %v, %v", left, err)
	}
}
