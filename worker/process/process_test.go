//go:build linux

package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold/internal/proctree"
	"github.com/fanfold/fanfold/protocol"
)

func TestExitWords(t *testing.T) {
	tests := []struct {
		mode string
		want Exit
	}{
		{"exit 0", Exit{0, 0, "exited with status 0"}},
		{"exit 3", Exit{3, 0, "exited with status 3"}},
		{"die KILL", Exit{-1, 9, "killed (signal 9)"}},
		{"die TERM", Exit{-1, 15, "terminated (signal 15)"}},
		{"die HUP", Exit{-1, 1, "hangup (signal 1)"}},
	}
	for _, test := range tests {
		t.Run(test.mode, func(t *testing.T) {
			p := start(t, test.mode, Options{})
			if got := p.Wait(); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestR01KilledTaskProcess(t *testing.T) {
	p := start(t, "wait", Options{})
	said(t, p.pipes.read)
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if n, err := p.pipes.read.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("protocol pipe: got %d, %v, want EOF", n, err)
	}
	if got, want := p.Wait().Words, "killed (signal 9)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestR01TaskProcessEndsWithItsInput(t *testing.T) {
	p := start(t, "wait", Options{})
	said(t, p.pipes.read)
	if err := p.pipes.write.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Wait().Words, "exited with status 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConn(t *testing.T) {
	p := start(t, "talk", Options{})
	var b protocol.Batch
	if err := p.Conn().Read(&b); err != nil {
		t.Fatal(err)
	}
	var said protocol.Bye
	for m := range b.All() {
		if err := protocol.Decode(m, &said); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := said.Reason, "hello"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := p.Conn().Close(); err != nil {
		t.Error(err)
	}
	if got, want := p.Wait().Words, "exited with status 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestKill(t *testing.T) {
	tests := []struct {
		name, mode string
		grace      []time.Duration
		want       string
	}{
		{"at once", "obey", []time.Duration{0}, "killed (signal 9)"},
		{"obeys", "obey", []time.Duration{time.Hour}, "exited with status 7"},
		{"default action", "wait", []time.Duration{time.Hour}, "terminated (signal 15)"},
		{"ignores", "ignore", []time.Duration{time.Millisecond}, "killed (signal 9)"},
		{"shortened", "ignore", []time.Duration{time.Hour, 2 * time.Hour, 0}, "killed (signal 9)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, test.mode, Options{})
			said(t, p.pipes.read)
			for _, grace := range test.grace {
				p.Kill(grace)
			}
			if got := p.Wait().Words; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			p.Kill(time.Hour) // of what has ended does nothing
		})
	}
}

func TestKillStoppedTaskProcess(t *testing.T) {
	p := start(t, "wait", Options{})
	said(t, p.pipes.read)
	if err := syscall.Kill(p.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.Kill(time.Millisecond)
	if got, want := p.Wait().Signal, 9; got != want {
		t.Errorf("got signal %d, want %d", got, want)
	}
}

func TestKillStuckShim(t *testing.T) {
	p := start(t, "daemons wait", Options{})
	tree := processes(t, append(said(t, p.pipes.read), p.PID())...)
	if err := p.shim.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.Kill(0)
	if got := p.Wait(); got != abandoned {
		t.Errorf("got %+v, want %+v", got, abandoned)
	}
	wantDead(t, tree, deathWait)
}

func TestR10DaemonsDieWithTheTaskProcess(t *testing.T) {
	p := start(t, "daemons exit", Options{})
	ids := said(t, p.pipes.read)
	if len(ids) != 3 {
		t.Fatalf("got %d daemons, want 3", len(ids))
	}
	if got, want := p.Wait().Words, "exited with status 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, id := range ids {
		if err := syscall.Kill(id, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("daemon %d: got %v, want %v", id, err, syscall.ESRCH)
		}
	}
}

func TestR10OrphansDieBeforeTheTaskProcess(t *testing.T) {
	p := start(t, "orphans", Options{})
	ids := said(t, p.pipes.read)
	if len(ids) != 3 {
		t.Fatalf("got %d daemons, want 3", len(ids))
	}
	for i, id := range append(ids, p.PID()) {
		var want error
		if i == 2 { // the one whose parent has ended
			want = syscall.ESRCH
		}
		if err := syscall.Kill(id, 0); err != want {
			t.Errorf("process %d of 4: got %v, want %v", i+1, err, want)
		}
	}
}

func TestR10DaemonsDieByKill(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Millisecond} {
		p := start(t, "daemons wait", Options{})
		tree := processes(t, append(said(t, p.pipes.read), p.PID())...)
		p.Kill(grace)
		p.Wait()
		wantDead(t, tree, 0)
	}
}

func TestR10DaemonsDieWithTheAgent(t *testing.T) {
	agent := exec.Command("/proc/self/exe")
	agent.Env = append(os.Environ(), agentVariable+"="+t.TempDir())
	agent.Stderr = os.Stderr
	out, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	ids := said(t, out)
	if len(ids) != 5 {
		t.Errorf("got %d processes, want the shim, the task process and 3 daemons", len(ids))
	}
	tree := processes(t, ids...)
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait() // its error is the kill
	wantDead(t, tree, deathWait)
}

func TestR10ShimKilled(t *testing.T) {
	p := start(t, "daemons wait", Options{})
	tree := processes(t, append(said(t, p.pipes.read), p.PID())...)
	if err := p.shim.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := p.Wait(); got != abandoned {
		t.Errorf("got %+v, want %+v", got, abandoned)
	}
	wantDead(t, tree, deathWait)
}

func TestSweep(t *testing.T) {
	dead, living := t.TempDir(), t.TempDir()
	var ids []int
	for _, dir := range []string{dead, dead, living} {
		c := exec.Command("sleep", "1000")
		c.Env = []string{"A=1", workVariable + "=" + dir + ":1"}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = c.Process.Kill()
			_ = c.Wait() // its error is a kill
		})
		ids = append(ids, c.Process.Pid)
	}
	fds := processes(t, ids...)
	if err := Sweep(dead); err != nil {
		t.Fatal(err)
	}
	wantDead(t, fds[:2], 0)
	if !proctree.Marked(ids[2], []byte(workVariable)) {
		t.Error("swept the process of a living agent")
	}
}

func TestSurroundings(t *testing.T) {
	t.Setenv("SECRET", "x")
	t.Setenv("LC_NUMERIC", "C")
	t.Setenv("HOME", "/home/of")
	dir := t.TempDir()
	p := start(t, "describe", Options{Dir: dir, Env: []string{"ADDED=yes", "USER=no", "USER=x"}})
	text, err := io.ReadAll(p.pipes.read)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, want := range []string{
		"umask 077", "core 0 0", "no_new_privs 1", "stdin /dev/null", "tty false", "fds 0,1,2",
		"env LC_NUMERIC=C", "env HOME=/home/of", "env ADDED=yes", "env USER=x", "env TMPDIR=" + dir,
		"env PATH=" + os.Getenv("PATH"), "env " + p.mark, "SigBlk:\t0000000000000000",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("got %s\nwithout a line %q", text, want)
		}
	}
	for _, line := range lines {
		for _, no := range []string{"env USER=no", "env SECRET", "env " + roleVariable} {
			if strings.HasPrefix(line, no) {
				t.Errorf("got line %q, want none", line)
			}
		}
	}
}

func TestStartFails(t *testing.T) {
	notBinary := t.TempDir() + "/text"
	if err := os.WriteFile(notBinary, []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(notBinary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = Start(t.Context(), Image{File: f}, Options{Dir: t.TempDir()})
	if !errors.Is(err, syscall.ENOEXEC) {
		t.Errorf("got %v, want %v", err, syscall.ENOEXEC)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	o := Options{Dir: t.TempDir(), Env: modeEnv("wait")}
	p, err := Start(ctx, Image{}, o)
	if p != nil { // it was faster
		p.Kill(0)
		p.Wait()
		err = errors.Join(stop, p.Conn().Close())
	}
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
}

// TestSignalsAreBlockedAtAStart looks at the mask that a new process inherits.
func TestSignalsAreBlockedAtAStart(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	attr := &os.ProcAttr{Files: []*os.File{nil, w, os.Stderr}}
	p, err := startShim("/bin/grep", []string{"grep", "SigBlk", "/proc/self/status"}, attr)
	_ = w.Close() // nothing was written
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if got, want := string(text), "SigBlk:\t0000000000004003\n"; got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// TestStartMeetsASignal ends shims as Ctrl-C does in the moment after their fork.
func TestStartMeetsASignal(t *testing.T) {
	const interrupt, hangUp, kill = byte(syscall.SIGINT), byte(syscall.SIGHUP), byte(syscall.SIGKILL)
	tests := []struct {
		name    string
		signals []byte // for one shim each
		want    string // error; "": none
		left    int    // signals that met no shim
	}{
		{"once", []byte{interrupt}, "", 0},
		{"twice", []byte{interrupt, hangUp}, "", 0},
		{"always", []byte{interrupt, interrupt, interrupt, interrupt}, errSignal.Error(), 1},
		{"another", []byte{kill, interrupt}, "watch over it died", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			file := dir + "/signals"
			if err := os.WriteFile(file, test.signals, 0o600); err != nil {
				t.Fatal(err)
			}
			o := Options{Dir: dir, Env: append(modeEnv("wait"), dieVariable+"="+file)}
			p, err := Start(t.Context(), Image{}, o)
			if p != nil {
				p.Kill(0)
				p.Wait()
				err = errors.Join(err, p.Conn().Close())
			}
			if (err == nil) != (test.want == "") ||
				(err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if left, err := os.ReadFile(file); err != nil || len(left) != test.left {
				t.Errorf("got %v, %v, want %d left", left, err, test.left)
			}
		})
	}
}

func TestNothingIsLeft(t *testing.T) {
	before := openCount(t)
	for i := range 3 {
		o := Options{Dir: t.TempDir(), Env: modeEnv("daemons exit")}
		p, err := Start(t.Context(), Image{}, o)
		if err != nil {
			t.Fatal(err)
		}
		said(t, p.pipes.read)
		p.Wait()
		if err := p.Conn().Close(); err != nil {
			t.Fatal(err)
		}
		if after := openCount(t); after != before && i > 0 {
			t.Errorf("got %d open files, want %d", after, before)
		} else {
			before = after // the first start opens the runtime's poller
		}
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("got %d, %v, want no child", pid, err)
	}
}

func openCount(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// BenchmarkStart measures from the start of a process to its first byte, shim included.
func BenchmarkStart(b *testing.B) {
	o := Options{Dir: b.TempDir(), Env: modeEnv("wait")}
	var up, ended time.Duration
	for b.Loop() {
		from := time.Now()
		p, err := Start(b.Context(), Image{}, o)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.pipes.read.Read(make([]byte, 16)); err != nil {
			b.Fatal(err)
		}
		up += time.Since(from)
		from = time.Now()
		p.Kill(0)
		p.Wait()
		ended += time.Since(from)
		_ = p.Conn().Close()
	}
	b.ReportMetric(float64(up.Microseconds())/float64(b.N), "µs-ready")
	b.ReportMetric(float64(ended.Microseconds())/float64(b.N), "µs-killed")
}
