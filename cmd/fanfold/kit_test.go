package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// built is the program as its users have it: without the race detector, which takes memory.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "fanfold-test-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "fanfold")
	text, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	os.Stderr.Write(text)
	return program, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if program, err := built(); err == nil {
		os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(code)
}

// host is a coordinator in a process of its own, with one task process.
type host struct {
	t      *testing.T
	work   string
	client *client.Client
}

func newHost(t *testing.T) *host {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	state, h := filepath.Join(t.TempDir(), "s"), &host{t: t, work: filepath.Join(t.TempDir(), "w")}
	server := exec.Command(program, "coordinator", "--listen", "127.0.0.1:0", "--slots", "1",
		"--state-dir", state, "--work-dir", h.work)
	out, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for range 2 { // it says that it listens on the socket and on the port
		if line, err := lines.ReadString('\n'); err != nil {
			t.Errorf("the coordinator said %q, %v", line, err)
			break
		}
	}
	to := client.Config{Address: filepath.Join(state, "coordinator.sock")}
	if h.client, err = client.Dial(t.Context(), to); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() {
		if h.client != nil {
			h.client.Close()
		}
		_ = server.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, lines)
		if err := server.Wait(); server.ProcessState.ExitCode() != fanfold.ExitTerminated {
			t.Errorf("the coordinator: %v", err)
		}
		if left, _ := filepath.Glob(filepath.Join(h.work, "[^l]*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return h
}

// run runs a job to its end.
func (h *host) run(job fanfold.Job) ([]byte, client.Summary) {
	h.t.Helper()
	r, err := h.client.Submit(h.t.Context(), client.Submission{Job: job})
	if err != nil {
		h.t.Fatal(err)
	}
	reply, _ := io.ReadAll(r) // Wait has the error
	summary, err := r.Wait()
	if err != nil {
		h.t.Fatal(err)
	}
	return reply, summary
}

// peak is the most memory that any process of the worker has had resident so far, in bytes: what
// the kernel calls VmHWM. The task processes of a host stay when their job has ended.
func (h *host) peak() (most int64) {
	h.t.Helper()
	mark := []byte("FANFOLD_WORK=" + h.work)
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		env, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if !bytes.Contains(env, mark) {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(dir, "status"))
		_, text, _ := strings.Cut(string(status), "VmHWM:")
		number, _, _ := strings.Cut(strings.TrimSpace(text), " ")
		kib, _ := strconv.ParseInt(number, 10, 64)
		most = max(most, kib<<10)
	}
	if most == 0 {
		h.t.Fatal("no task process was found")
	}
	return most
}

// spills is how often the tasks of a job wrote their buffers to disk.
func spills(s client.Summary) (n int64) {
	for _, c := range s.Counters {
		if c.Group == "fanfold" && strings.HasSuffix(c.Name, "_spills") {
			n += c.N
		}
	}
	return n
}
