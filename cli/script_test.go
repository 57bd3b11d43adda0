package cli_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fanfold/fanfold/cli"
	"github.com/fanfold/fanfold/jobs"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/filestore"
	"github.com/fanfold/fanfold/worker"
)

// TestMain makes the test binary a task process where it was started as one, and the command
// fanfold where a script calls it.
func TestMain(m *testing.M) {
	files := &storage.Mux{}
	files.Handle(storage.FileScheme, filestore.New())
	programs := slices.Concat(jobs.All, testPrograms)
	if code, isChild := worker.Entry(programs, files); isChild {
		syscall.Exit(code) // os.Exit lets the race detector sleep for a second
	}
	if os.Getenv(mainVariable) != "" {
		cli.Main(programs...)
	}
	testscript.Main(m, map[string]func(){
		"fanfold": func() { cli.Main(jobs.All...) },
		"tally":   func() { cli.Main(jobs.Count()) }, // a user's own binary
	})
}

// TestScript runs each file of testdata/script: what a user types, and all that comes back.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or every process takes a second to end
			env.Setenv("FANFOLD_WORK_DIR", filepath.Join(env.WorkDir, "spills"))
			env.Setenv("FANFOLD_STATE_DIR", filepath.Join(env.WorkDir, "state"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":        checkCode,
			"coordinator": startCoordinator,
			"end":         endCoordinator,
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
	})
}

// checkCode runs `code N PROGRAM ARGS…` and compares the exit code; stdout and stderr go to files
// of that name, for cmp and grep.
func checkCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARGS")
	}
	stdout, err := os.Create(ts.MkAbs("out"))
	ts.Check(err)
	defer stdout.Close()
	stderr, err := os.Create(ts.MkAbs("err"))
	ts.Check(err)
	defer stderr.Close()
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), stdout, stderr
	cmd.Env = environ(ts)
	code := 0
	if err := cmd.Run(); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s; stderr:\n%s", code, args[0], ts.ReadFile("err"))
	}
}

// environ is what the scripts' processes inherit.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "FANFOLD_WORK_DIR", "FANFOLD_STATE_DIR", "TMPDIR",
		"GORACE"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// server is the coordinator of a script.
type server struct {
	cmd    *exec.Cmd
	stderr chan string // all that it printed, sent when it has ended
}

// startCoordinator runs `coordinator ARGS…`: it starts one in the background and waits until it
// listens. The address of its port is then in $TCP. The script's end ends it.
func startCoordinator(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: coordinator ARGS")
	}
	args = append([]string{"coordinator", "--listen", "127.0.0.1:0"}, args...)
	cmd := exec.Command("fanfold", args...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
	pipe, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	s := &server{cmd: cmd, stderr: make(chan string, 1)}
	lines := bufio.NewReader(pipe)
	for range 2 {
		line, err := lines.ReadString('\n')
		if err != nil {
			ts.Fatalf("coordinator ended early: %s%v", line, err)
		}
		if _, address, ok := strings.Cut(strings.TrimSpace(line), "listening on 127."); ok {
			ts.Setenv("TCP", "127."+address)
		}
	}
	go func() {
		rest, _ := io.ReadAll(lines)
		s.stderr <- string(rest)
	}()
	ts.Setenv("COORDINATOR_PID", fmt.Sprint(cmd.Process.Pid))
	running.Store(ts, s)
	ts.Defer(func() {
		if running.CompareAndDelete(ts, s) {
			_, _ = s.stop(syscall.SIGKILL)
		}
	})
}

// running has the *server of each *testscript.TestScript; scripts run side by side.
var running sync.Map

// endCoordinator runs `end SIGNAL CODE`: it signals the coordinator, waits for it, and compares its
// exit code. Nothing that it printed meanwhile may be left unexpected: it goes to the file log.
func endCoordinator(ts *testscript.TestScript, neg bool, args []string) {
	v, ok := running.LoadAndDelete(ts)
	if neg || !ok || len(args) != 2 {
		ts.Fatalf("usage: end SIGNAL CODE, after coordinator")
	}
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}
	printed, code := v.(*server).stop(signals[args[0]])
	ts.Check(os.WriteFile(ts.MkAbs("log"), []byte(printed), 0o600))
	if fmt.Sprint(code) != args[1] {
		ts.Fatalf("coordinator: exit code %d, want %s; it printed:\n%s", code, args[1], printed)
	}
}

func (s *server) stop(sig syscall.Signal) (printed string, code int) {
	_ = s.cmd.Process.Signal(sig)
	printed = <-s.stderr
	_ = s.cmd.Wait()
	return printed, s.cmd.ProcessState.ExitCode()
}
