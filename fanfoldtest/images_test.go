package fanfoldtest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/fanfoldtest"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/worker"
)

// startSlot starts a coordinator and a worker with one slot that runs any image. stop ends both.
func startSlot(t *testing.T) (cl *client.Client, stop func()) {
	t.Helper()
	server := coordinator.New(coordinator.Config{
		Programs: map[string]protocol.ProgramInfo{"words": protocol.InfoOf(&words)},
		Storage:  &storage.Mux{},
		SpoolDir: t.TempDir(),
	})
	attach := func(c *protocol.Conn, roles ...protocol.Role) error {
		return server.Attach(context.Background(), c, protocol.Identity{Name: "test", Roles: roles})
	}
	agent, err := worker.New(worker.Config{
		Name: "test", Slots: 1, Root: filepath.Join(t.TempDir(), "work"),
		Env:    []string{"GORACE=atexit_sleep_ms=0"},
		Allow:  worker.AllowAny,
		Attach: func(_ fanfold.Slot, c *protocol.Conn) { _ = attach(c, protocol.RoleProcess) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 3)
	connect := func(role protocol.Role) *protocol.Conn {
		ours, theirs := protocol.Pair()
		go func() { ended <- attach(ours, role) }()
		return theirs
	}
	control := connect(protocol.RoleWorker)
	go func() { ended <- agent.Run(ctx, control) }()
	if cl, err = client.New(t.Context(), connect(protocol.RoleClient), client.Config{}); err != nil {
		t.Fatal(err)
	}
	return cl, func() {
		cancel()
		_ = cl.Close()
		for range cap(ended) {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestJobsOfTwoImagesTakeTurnsInWarmProcesses runs jobs of this binary, and of a copy that is
// another image, on one slot.
func TestJobsOfTwoImagesTakeTurnsInWarmProcesses(t *testing.T) {
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	other := append(own, "another version"...)
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, other, 0o700); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(other)
	d := newDirector(t)
	cl, stop := startSlot(t)
	run := func(s client.Submission) (pid int) {
		t.Helper()
		s.Job = wordsJob(d, fanfold.StageMap)
		s.Job.MaxAttempts = 1
		s.Info, s.Stdin = protocol.InfoOf(&words), strings.NewReader(text)
		r, err := cl.Submit(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		var out []byte
		go func() {
			var err error
			out, err = io.ReadAll(r)
			ended <- err
		}()
		select {
		case v := <-d.arrived:
			pid = v.pid
			v.say("go")
			err = <-ended
		case err = <-ended:
		}
		if string(out) != count || err != nil {
			t.Fatalf("process %d: output %q, %v, want %q", pid, out, err, count)
		}
		return pid
	}
	ours, theirs := client.Submission{}, client.Submission{Image: sum[:], Path: path}

	a, b := run(ours), run(theirs)
	if a2, b2 := run(ours), run(theirs); a == b || a2 != a || b2 != b {
		t.Errorf("two jobs of each image ran in processes %d, %d, %d, %d", a, b, a2, b2)
	}
	if err := syscall.Kill(a, syscall.SIGKILL); err != nil { // it is warm
		t.Fatal(err)
	}
	a3, b3 := run(ours), run(theirs)
	if a3 == a || b3 != b {
		t.Errorf("after the death of process %d jobs ran in %d and %d, want another one and %d",
			a, a3, b3, b)
	}
	stop()
	for _, pid := range []int{a3, b} {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
}

// TestImageThatIsNoTaskProcess submits a job with a program that says what it wants, and ends.
func TestImageThatIsNoTaskProcess(t *testing.T) {
	path, err := exec.LookPath("expr")
	if err != nil {
		t.Skip(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(program)
	cl, stop := startSlot(t)
	defer stop()
	for range 2 {
		r, err := cl.Submit(t.Context(), client.Submission{
			Job: fanfold.Job{Program: "words"}, Info: protocol.InfoOf(&words),
			Image: sum[:], Path: path, Stdin: strings.NewReader(text),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Wait()
		var e *fanfold.Error
		if !errors.As(err, &e) || !strings.Contains(e.Log, "missing operand") ||
			!strings.Contains(e.Error(), "exited with status 2, before its handshake") {
			t.Errorf("got %v", fanfoldtest.Describe(err))
		}
	}
}
