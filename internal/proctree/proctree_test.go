//go:build linux

package proctree

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
)

// sleeper starts a process with an environment; the test ends with it.
func sleeper(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command("sleep", "1000")
	c.Env = env
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // its error is a kill
	})
	return c
}

func TestKillMarked(t *testing.T) {
	marked := []*exec.Cmd{sleeper(t, "MARK=a/1"), sleeper(t, "X=1", "MARK=a/1", "Y=2")}
	others := []*exec.Cmd{sleeper(t, "MARK=a/12"), sleeper(t, "X=MARK=a/1"), sleeper(t)}
	if err := KillMarked("MARK=a/1\x00"); err != nil {
		t.Fatal(err)
	}
	for _, c := range marked {
		if Marked(c.Process.Pid, []byte("MARK=a")) { // a dead one has no environment
			t.Errorf("%v: alive, want it killed", c.Env)
		}
	}
	if err := KillMarked("MARK=a"); err != nil {
		t.Fatal(err)
	}
	if Marked(others[0].Process.Pid, []byte("MARK")) {
		t.Errorf("%v: alive, want it killed by a beginning", others[0].Env)
	}
	for _, c := range others[1:] {
		if err := c.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("%v: got %v, want it alive", c.Env, err)
		}
	}
}

func TestDescendants(t *testing.T) {
	before := len(Children(os.Getpid()))
	// The name of the process has what ends the name in its stat.
	shell := t.TempDir() + "/a) R 1 ("
	if err := os.Symlink("/bin/sh", shell); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(shell, "-c", "sleep 1000 & echo $!; wait")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil { // its child runs
		t.Fatal(err)
	}
	found := Descendants(os.Getpid())
	if i := slices.Index(found, c.Process.Pid); i < 0 || i+1 >= len(found) {
		t.Errorf("got %v, want %d and its child", found, c.Process.Pid)
	}
	if got := len(Children(os.Getpid())) - before; got != 1 {
		t.Errorf("got %d more children, want 1", got)
	}
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
	_ = c.Wait() // its error is a kill
}

func TestWords(t *testing.T) {
	tests := map[syscall.WaitStatus]string{
		0:         "exited with status 0",
		3 << 8:    "exited with status 3",
		9:         "killed (signal 9)",
		11 | 0x80: "segmentation fault (signal 11, core dumped)",
	}
	for status, want := range tests {
		if got := Words(status); got != want {
			t.Errorf("%#x: got %q, want %q", int(status), got, want)
		}
	}
}
