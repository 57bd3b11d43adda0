//go:build linux

package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold/internal/proctree"
	"github.com/fanfold/fanfold/protocol"
)

// What the test binary does when it is not the test.
const (
	modeVariable    = "FANFOLD_TEST_MODE"    // of a task process, given by Options.Env
	agentVariable   = "FANFOLD_TEST_AGENT"   // directory of an agent that only starts a process
	isolateVariable = "FANFOLD_TEST_ISOLATE" // not empty: the agent wants a namespace
	forbidVariable  = "FANFOLD_TEST_FORBID"  // file in which the agent forbids namespaces
	mountsVariable  = "FANFOLD_TEST_MOUNTS"  // how mounts of the agent propagate
	forkVariable    = "FANFOLD_TEST_FORK"    // the middle of a double fork
	dieVariable     = "FANFOLD_TEST_DIE"     // file with a byte for each shim that is to die
)

// raceVariable keeps a race-enabled binary from waiting a second before it ends.
const raceVariable = "GORACE=atexit_sleep_ms=0"

// modeEnv makes a task process do what mode says.
func modeEnv(mode string) []string { return []string{modeVariable + "=" + mode, raceVariable} }

func TestMain(m *testing.M) {
	switch Enter() {
	case RoleShim:
		dieYoung(os.Getenv(dieVariable))
		os.Exit(RunShim())
	case RoleTask:
		os.Exit(taskMain(strings.Fields(os.Getenv(modeVariable))))
	}
	if dir := os.Getenv(agentVariable); dir != "" {
		os.Exit(agentMain(dir))
	}
	if os.Getenv(forkVariable) != "" {
		os.Exit(forkMain())
	}
	goleak.VerifyTestMain(m)
}

// dieYoung ends a shim as Ctrl-C does that finds it in the process group of its agent: by the
// signal that the first byte of the file is, which it takes out.
func dieYoung(file string) {
	signals, err := os.ReadFile(file)
	if err != nil || len(signals) == 0 {
		return
	}
	if err := os.WriteFile(file, signals[1:], 0o600); err != nil {
		panic(err)
	}
	_ = syscall.Kill(os.Getpid(), syscall.Signal(signals[0]))
	select {}
}

// taskMain is a task process: it does what mode says and answers on its protocol pipe.
func taskMain(mode []string) int {
	in, out := os.NewFile(fdRead, "in"), os.NewFile(fdWrite, "out")
	switch mode[0] {
	case "wait": // until EOF
		fmt.Fprintln(out, "ready")
		_, _ = io.Copy(io.Discard, in)
	case "exit":
		code, _ := strconv.Atoi(mode[1])
		return code
	case "die": // of a signal, with its default action
		_ = syscall.Exec("/bin/sh", []string{"sh", "-c", "kill -" + mode[1] + " $$"}, nil)
	case "ignore": // SIGTERM
		signal.Ignore(syscall.SIGTERM)
		fmt.Fprintln(out, "ready")
		_, _ = io.Copy(io.Discard, in)
	case "obey": // SIGTERM
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Fprintln(out, "ready")
		<-c
		return 7
	case "daemons": // three, and then end or wait
		daemons(out)
		fmt.Fprintln(out, "ready")
		if mode[1] == "wait" {
			_, _ = io.Copy(io.Discard, in)
		}
	case "orphans": // daemons, of which those are killed that have lost their parent
		daemons(out)
		if err := proctree.KillOrphans(); err != nil {
			panic(err)
		}
		fmt.Fprintln(out, "ready")
		_, _ = io.Copy(io.Discard, in)
	case "strangers": // without a mark, in sessions of their own; and wait
		for _, script := range []string{"exec sleep 1000", "sleep 1000 & wait"} {
			c := exec.Command("sh", "-c", script)
			c.Env, c.SysProcAttr = []string{}, &syscall.SysProcAttr{Setsid: true}
			if err := c.Start(); err != nil {
				panic(err)
			}
		}
		awaitTree(3)
		fmt.Fprintln(out, "ready")
		_, _ = io.Copy(io.Discard, in)
	case "look":
		look(out)
	case "flood": // so many MiB on standard output
		n, _ := strconv.Atoi(mode[1])
		flood(n)
	case "marks":
		printMarks()
	case "describe":
		describe(out)
	case "talk":
		talk()
	}
	return 0
}

// awaitTree waits until so many processes are below this one.
func awaitTree(n int) {
	for len(proctree.Descendants(os.Getpid())) < n {
		runtime.Gosched()
	}
}

// look says who this process is, whom it sees, and what it may.
func look(out *os.File) {
	var seen []string
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			seen = append(seen, e.Name())
		}
	}
	slices.Sort(seen)
	status, _ := os.ReadFile("/proc/self/status")
	_, behind, _ := strings.Cut(string(status), "CapAmb:")
	ambient, _, _ := strings.Cut(strings.TrimSpace(behind), "\n")
	rights, _ := strconv.ParseUint(ambient, 16, 64)
	fmt.Fprintf(out, "id %d self %d sees %s rights %d\n",
		ID(), os.Getpid(), strings.Join(seen, " "), rights)
}

// daemons starts a plain child, one in a session of its own, and a twice forked one in a session of
// its own. All hold the log and the protocol pipe open and ignore SIGTERM. Their ids go to out.
func daemons(out *os.File) {
	const sleeper = `trap '' TERM; while :; do sleep 1000; done`
	plain := exec.Command("sh", "-c", sleeper)
	session := exec.Command("sh", "-c", sleeper)
	session.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	for _, c := range []*exec.Cmd{plain, session} {
		c.Stdout, c.ExtraFiles = os.Stdout, []*os.File{out}
		if err := c.Start(); err != nil {
			panic(err)
		}
		fmt.Fprintln(out, c.Process.Pid)
	}
	middle := exec.Command("/proc/self/exe")
	middle.Env = append(os.Environ(), forkVariable+"=1")
	middle.Stdout, middle.ExtraFiles = os.Stdout, []*os.File{out}
	if err := middle.Run(); err != nil {
		panic(err)
	}
}

// forkMain is the middle of a double fork: it starts a daemon and ends.
func forkMain() int {
	out := os.NewFile(fdRead, "out") // the first extra file
	c := exec.Command("sleep", "1000")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	c.Stdout, c.ExtraFiles = os.Stdout, []*os.File{out}
	if err := c.Start(); err != nil {
		panic(err)
	}
	fmt.Fprintln(out, c.Process.Pid)
	return 0
}

// flood prints so many MiB of bytes that look like everything.
func flood(mib int) {
	garbage := []byte("\x1efanfold:\x00\xff\n\x1b[31m\x1e")
	block := bytes.Repeat(garbage, 1<<20/len(garbage)+1)[:1<<20]
	for range mib {
		_, _ = os.Stdout.Write(block)
	}
}

func printMarks() {
	m := NewMarker()
	fmt.Print("before\n")
	m.Begin("job_1/map-0/1")
	fmt.Print("in the first, no newline")
	m.End("job_1/map-0/1")
	fmt.Print("between\n")
	m.Begin("job_1/map-1/1")
	fmt.Fprint(os.Stderr, "in the second\n")
	fmt.Print("\x1efanfold:", strings.Repeat("0", 32), ":begin:job_1/map-9/1\n")
	m.Begin("job_1/map-2/1")
	m.Begin("job_2/map-0/1")
	fmt.Print("in the last")
}

// describe tells what a task process finds itself with.
func describe(out io.Writer) {
	umask := syscall.Umask(0)
	var core unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	privileges, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	stdin, _ := os.Readlink("/proc/self/fd/0")
	for line := range strings.Lines(status()) {
		if strings.HasPrefix(line, "SigBlk:") {
			fmt.Fprint(out, line)
		}
	}
	fmt.Fprintf(out, "umask %03o\ncore %d %d\nno_new_privs %d\nstdin %s\n",
		umask, core.Cur, core.Max, privileges, stdin)
	_, tty := os.Open("/dev/tty")
	fmt.Fprintf(out, "tty %t\nfds %s\n", tty == nil, openFiles())
	for _, pair := range os.Environ() {
		fmt.Fprintln(out, "env", pair)
	}
}

// status is what the kernel says of this process.
func status() string {
	text, _ := os.ReadFile("/proc/self/status")
	return string(text)
}

// openFiles lists the descriptors of this process that a child would get.
func openFiles() string {
	var kept []string
	for fd := range 100 {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			kept = append(kept, strconv.Itoa(fd))
		}
	}
	return strings.Join(kept, ",")
}

// talk says something over the protocol and waits for the other end to close.
func talk() {
	c := TaskConn()
	if err := c.Send(&protocol.Bye{Reason: "hello"}); err != nil {
		panic(err)
	}
	c.Flush()
	var b protocol.Batch
	for c.Read(&b) == nil {
	}
	_ = c.Close()
}

// agentMain is an agent that starts one process with daemons, passes on their ids and waits.
func agentMain(dir string) int {
	var isolation *Isolation
	if os.Getenv(isolateVariable) != "" {
		isolation = &Isolation{Always: true}
	}
	if mounts, err := strconv.Atoi(os.Getenv(mountsVariable)); err == nil {
		isolation.Always = false
		if err := unix.Mount("", "/", "", uintptr(mounts)|unix.MS_REC, ""); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	if file := os.Getenv(forbidVariable); file != "" {
		if err := os.WriteFile(file, []byte("0"), 0o600); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	p, err := Start(context.Background(), Image{}, Options{
		Dir: dir,
		Env: modeEnv("daemons wait"), Isolation: isolation,
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if isolation != nil {
		fmt.Fprintln(os.Stderr, isolation)
	}
	fmt.Println(p.shim.Pid)
	fmt.Println(p.PID())
	_, _ = io.Copy(os.Stdout, p.pipes.read)
	return 0
}

// start starts a task process that does what mode says. The test ends with it.
func start(t *testing.T, mode string, o Options) *Process {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Env = append(o.Env, modeEnv(mode)...)
	// Where it covers code, it is not to complain in the log.
	o.Env = append(o.Env, "GOCOVERDIR="+o.Dir)
	p, err := Start(t.Context(), Image{}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill(0)
		p.Wait()
		_ = p.Conn().Close() // a test may have closed a part of it
	})
	return p
}

// said reads lines up to "ready" and gives those before it as process descriptors.
func said(t *testing.T, r io.Reader) (ids []int) {
	t.Helper()
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("got %q, %v, want ready", line, err)
		}
		if line == "ready\n" {
			return ids
		}
		id, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("got %q, want a process id", line)
		}
		ids = append(ids, id)
	}
}

// processes opens living processes, to see them end whoever reaps them.
func processes(t *testing.T, ids ...int) (fds []int) {
	t.Helper()
	for _, id := range ids {
		fd, err := unix.PidfdOpen(id, 0)
		if err != nil {
			t.Fatalf("process %d: %v, want it alive", id, err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		fds = append(fds, fd)
	}
	return fds
}

// deathWait bounds how long a test waits for what has to come.
const deathWait = 10 * time.Second

// wantDead checks that processes have ended, or end within a time; 0: that they have by now.
func wantDead(t *testing.T, fds []int, within time.Duration) {
	t.Helper()
	for i, fd := range fds {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, int(within.Milliseconds()))
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Poll(p, int(within.Milliseconds()))
		}
		if err != nil || n != 1 {
			t.Errorf("process %d of %d: alive (%v), want it dead", i+1, len(fds), err)
		}
	}
}
