//go:build linux

package cli_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold/internal/proctree"
)

// mainVariable makes the test binary the command fanfold, with the programs of the tests.
const mainVariable = "FANFOLD_TEST_MAIN"

// markVariable is in the environment of what tests start below a mapper, where nothing else of the
// system's may be.
const markVariable = "FANFOLD_TEST_MARK"

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// home is the folder that the processes of one test share, with names short enough for sockets.
type home struct {
	t   *testing.T
	dir string
}

// newHome makes a folder for a test that runs beside others. When the test has ended, nothing may
// run that it has started.
func newHome(t *testing.T) *home {
	t.Helper()
	t.Parallel()
	dir, err := os.MkdirTemp("", "fanfold")
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t, dir}
	t.Cleanup(func() {
		for _, pid := range h.processes() {
			t.Errorf("process %d is left: %s", pid, commandLine(pid))
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may be ending
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }

// file writes a file and gives its path.
func (h *home) file(name, content string) string {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return h.path(name)
}

// command is a call of fanfold that is yet to start. It leads a process group, as in a shell.
func (h *home) command(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "fanfold"
	cmd.Dir = h.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "TMPDIR=" + h.dir, mainVariable + "=1",
		"GORACE=atexit_sleep_ms=0",
		"FANFOLD_STATE_DIR=" + h.path("state"), "FANFOLD_WORK_DIR=" + h.path("spills"),
		"FANFOLD_PROGRESS=none", "FANFOLD_SLOTS=1",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// process is a call of fanfold that was started.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout transcript    // unless the command has another
	stderr transcript    // the same
	ended  chan struct{} // closed when it has ended
}

// start runs a command. One that still runs at the end of the test is interrupted.
func (h *home) start(args ...string) *process { return h.begin(h.command(args...)) }

// begin is start for a command that was made by command, and perhaps changed.
func (h *home) begin(cmd *exec.Cmd) *process {
	h.t.Helper()
	p := &process{t: h.t, cmd: cmd, ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.stderr
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the state has the exit code
		close(p.ended)
	}()
	h.t.Cleanup(func() {
		select {
		case <-p.ended:
		default:
			p.signal(syscall.SIGINT)
			p.wait()
		}
	})
	return p
}

// run runs a command to its end.
func (h *home) run(args ...string) *process {
	h.t.Helper()
	p := h.start(args...)
	p.wait()
	return p
}

// signal signals the command's process group, as a terminal does.
func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, sig) }

// wait waits for the end and gives the exit code, or 128 and the signal. A command that does not
// end fails the test, and shows what it is doing.
func (p *process) wait() int {
	p.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-p.ended:
	case <-timeout.C:
		p.signal(syscall.SIGQUIT)
		<-p.ended
		p.t.Errorf("%q does not end:\n%s", p.cmd.Args[1:], p.stderr.String())
	}
	if w := p.cmd.ProcessState.Sys().(syscall.WaitStatus); w.Signaled() {
		return 128 + int(w.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// want waits for the end and checks the exit code. The standard error must have each of the words,
// and be empty where there are none.
func (p *process) want(code int, words ...string) {
	p.t.Helper()
	if got := p.wait(); got != code {
		p.t.Errorf("%q: got exit code %d, want %d; stderr:\n%s", p.cmd.Args[1:], got, code,
			p.stderr.String())
		return
	}
	got := p.stderr.String()
	if len(words) == 0 && got != "" {
		p.t.Errorf("%q: got stderr %q, want none", p.cmd.Args[1:], got)
	}
	for _, word := range words {
		if !strings.Contains(got, word) {
			p.t.Errorf("%q: got stderr %q, want %q in it", p.cmd.Args[1:], got, word)
		}
	}
}

// transcript is what a process has printed so far.
type transcript struct {
	mu      sync.Mutex // guards what follows
	text    bytes.Buffer
	changed chan struct{} // closed by the next Write; nil while nobody waits
}

func (s *transcript) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	return s.text.Write(b)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the process has printed n lines with some text in them, and gives the last.
func (p *process) await(s *transcript, text string, n int) string {
	p.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed, lines := s.changed, strings.SplitAfter(s.text.String(), "\n")
		s.mu.Unlock()
		found := 0
		for _, line := range lines {
			if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
				if found++; found == n {
					return line
				}
			}
		}
		select {
		case <-changed:
		case <-p.ended:
			p.t.Fatalf("%q ended without %q; stderr:\n%s", p.cmd.Args[1:], text, p.stderr.String())
		case <-timeout.C:
			p.t.Fatalf("%q does not print %q; stderr:\n%s", p.cmd.Args[1:], text, p.stderr.String())
		}
	}
}

// fifo is a named pipe whose two ends this process holds, so that nobody waits for the other side.
type fifo struct {
	t    *testing.T
	path string
	file *os.File
}

func (h *home) fifo(name string) *fifo {
	h.t.Helper()
	f := &fifo{t: h.t, path: h.path(name)}
	err := unix.Mkfifo(f.path, 0o600)
	if err == nil {
		f.file, err = os.OpenFile(f.path, os.O_RDWR|unix.O_NONBLOCK, 0)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { f.file.Close() })
	return f
}

// line waits for somebody to write a line.
func (f *fifo) line() string {
	f.t.Helper()
	_ = f.file.SetReadDeadline(time.Now().Add(patience)) // a fifo has deadlines
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := f.file.Read(b); err != nil {
			f.t.Fatalf("nobody wrote to %s: %v", filepath.Base(f.path), err)
		}
		if b[0] == '\n' {
			return string(line)
		}
		line = append(line, b[0])
	}
}

// onceRead calls write, and returns when somebody has read what it wrote.
func (f *fifo) onceRead(write func()) {
	f.t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		f.t.Fatal(err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	if _, err := unix.InotifyAddWatch(fd, f.path, unix.IN_ACCESS); err != nil {
		f.t.Fatal(err)
	}
	write()
	_ = events.SetReadDeadline(time.Now().Add(patience)) // inotify has deadlines
	if _, err := events.Read(make([]byte, unix.SizeofInotifyEvent+unix.PathMax)); err != nil {
		f.t.Fatalf("nobody read %s: %v", filepath.Base(f.path), err)
	}
}

func (f *fifo) write(text string) {
	f.t.Helper()
	if _, err := f.file.WriteString(text); err != nil {
		f.t.Fatal(err)
	}
}

// processes are those that an agent of this home has started, or that carry the mark of the home;
// with words, only those whose command line has one of them.
func (h *home) processes(words ...string) []int {
	agents := []byte("FANFOLD_WORK=" + h.path("spills") + "/")
	own := []byte(markVariable + "=" + h.dir + "\x00")
	paths, _ := filepath.Glob("/proc/[0-9]*") // a fixed pattern has no error
	var found []int
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil || !proctree.Marked(pid, agents) && !proctree.Marked(pid, own) {
			continue
		}
		text := commandLine(pid)
		isOne := func(word string) bool { return strings.Contains(text, word) }
		if len(words) == 0 || slices.ContainsFunc(words, isOne) {
			found = append(found, pid)
		}
	}
	return found
}

func commandLine(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may have gone
	return strings.ReplaceAll(strings.TrimRight(string(text), "\x00"), "\x00", " ")
}

// awaitNone waits until none of the processes is left that somebody else is to kill.
func (h *home) awaitNone(words ...string) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for pids := h.processes(words...); len(pids) > 0; pids = h.processes(words...) {
		for _, pid := range pids {
			if err := awaitExit(pid, deadline); err != nil {
				h.t.Fatalf("%s: %v", commandLine(pid), err)
			}
		}
	}
}

// awaitExit waits for the end of a process that is no child of this one.
func awaitExit(pid int, deadline time.Time) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil // it has gone
	}
	defer unix.Close(fd)
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, int(max(0, time.Until(deadline).Milliseconds())))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil && n == 0:
			err = errors.New("it does not end")
		}
		return err
	}
}

// checkNothingLeft checks that no process is left, no file of an agent, no socket and no token.
func (h *home) checkNothingLeft() {
	h.t.Helper()
	for _, pid := range h.processes() {
		h.t.Errorf("process %d is left: %s", pid, commandLine(pid))
	}
	h.checkFolder("spills")
	h.checkFolder("state")
}

// checkFolder checks that a folder has nothing but its lock.
func (h *home) checkFolder(name string) {
	h.t.Helper()
	entries, err := os.ReadDir(h.path(name))
	if err != nil && !os.IsNotExist(err) {
		h.t.Error(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			h.t.Errorf("%s is left in %s", e.Name(), name)
		}
	}
}

// live is a coordinator that serves.
type live struct {
	*process
	tcp string // address of its port
}

// coordinator starts a coordinator and waits until it serves.
func (h *home) coordinator(args ...string) *live {
	h.t.Helper()
	args = append([]string{"coordinator", "--listen", "127.0.0.1:0"}, args...)
	co := &live{process: h.start(args...)}
	line := co.await(&co.stderr, "listening on", 2)
	_, co.tcp, _ = strings.Cut(strings.TrimSpace(line), "listening on ")
	return co
}

// end interrupts the coordinator and waits for its end. Without one it does nothing.
func (co *live) end() {
	if co == nil {
		return
	}
	co.t.Helper()
	co.signal(syscall.SIGINT)
	if got := co.wait(); got != 128+int(syscall.SIGINT) {
		co.t.Errorf("coordinator: got exit code %d, want 130; stderr:\n%s", got, co.stderr.String())
	}
	if text := co.stderr.String(); strings.Contains(text, "DATA RACE") {
		co.t.Error(text)
	}
}

// token is that of the coordinator that serves.
func (h *home) token() []byte {
	h.t.Helper()
	text, err := os.ReadFile(h.path("state/token"))
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}
