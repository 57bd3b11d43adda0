//go:build linux

package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold/internal/proctree"
)

// startApart starts a task process in a PID namespace, and gives all of its tree but the shim. The
// test is left out where the kernel does not permit that.
func startApart(t *testing.T, mode string) (p *Process, tree []int) {
	t.Helper()
	o := Options{Isolation: &Isolation{Always: true}}
	p = start(t, mode, o)
	if !o.Isolation.Active() {
		t.Skip("PID namespaces are not permitted here")
	}
	said(t, p.pipes.read)
	tree = proctree.Descendants(p.shim.Pid)
	if !slices.Contains(tree, p.PID()) {
		t.Errorf("process %d is not among %d", p.PID(), tree)
	}
	return p, tree
}

// TestR10NamespaceEndsAsAWhole ends the shim, the task process, or both by order. Nothing of a tree
// with daemons lives on, those without a mark included.
func TestR10NamespaceEndsAsAWhole(t *testing.T) {
	ends := map[string]func(p *Process){
		"order":        func(p *Process) { p.Kill(0) },
		"shim":         func(p *Process) { _ = p.shim.Kill() },
		"task process": func(p *Process) { _ = syscall.Kill(p.PID(), syscall.SIGKILL) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			p, tree := startApart(t, "strangers")
			if len(tree) != 4 {
				t.Errorf("got %d processes, want the task process, two shells and a sleep", len(tree))
			}
			fds := processes(t, tree...)
			end(p)
			p.Wait()
			wantDead(t, fds, deathWait)
		})
	}
}

// TestR10NamespaceEndsWithTheAgent kills an agent.
func TestR10NamespaceEndsWithTheAgent(t *testing.T) {
	agent, out := agentApart(t, t.TempDir(), &syscall.SysProcAttr{})
	ids := said(t, out) // of the daemons as they see themselves, too
	tree := append(proctree.Descendants(ids[0]), ids[0])
	if !slices.Contains(tree, ids[1]) || len(tree) < 5 {
		t.Errorf("got processes %d, want shim %d, task process %d and daemons", tree, ids[0], ids[1])
	}
	fds := processes(t, tree...)
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait() // its error is the kill
	wantDead(t, fds, deathWait)
}

// TestR10OrphansOfANamespace has a task process kill what has lost its parent.
func TestR10OrphansOfANamespace(t *testing.T) {
	p, tree := startApart(t, "orphans")
	if len(tree) != 3 && len(tree) != 5 { // each shell may have its sleep by now
		t.Errorf("got processes %d, want the task process and two shells", tree)
	}
	p.Kill(0)
	if got, want := p.Wait().Signal, 9; got != want {
		t.Errorf("got signal %d, want %d", got, want)
	}
}

// TestIsolationSeesItself has a task process tell what it sees.
func TestIsolationSeesItself(t *testing.T) {
	o := Options{Isolation: &Isolation{Always: true}}
	p := start(t, "look", o)
	text, err := io.ReadAll(p.pipes.read)
	if err != nil {
		t.Fatal(err)
	}
	if !o.Isolation.Active() {
		t.Skip("PID namespaces are not permitted here")
	}
	var id, self, rights int
	var seen [2]int
	_, err = fmt.Sscanf(string(text), "id %d self %d sees %d %d rights %d\n",
		&id, &self, &seen[0], &seen[1], &rights)
	if err != nil || id != p.PID() || self == id || seen != [2]int{1, self} || rights != 0 {
		t.Errorf("got %q (%v), want id %d", text, err, p.PID())
	}
}

// TestIsolationOfOthers starts an agent as another user, who needs a user namespace; one where
// namespaces are forbidden, which does without; and where later mounts reach its processes, or not.
func TestIsolationOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be others")
	}
	const nobody = 65534
	own, err := os.MkdirTemp("", "fanfold-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(own) })
	if err := os.Chown(own, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	mapped := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	tests := []struct {
		name, dir, forbid, mounts string
		attr                      syscall.SysProcAttr
		want                      string
	}{
		{"other user", own, "", "", syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
		}, "pid-namespace"},
		{"forbidden", t.TempDir(), "/proc/sys/user/max_pid_namespaces", "", syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: mapped, GidMappings: mapped,
		}, "sub-reaper"},
		{"shared mounts", t.TempDir(), "", fmt.Sprint(syscall.MS_SHARED), syscall.SysProcAttr{
			Unshareflags: syscall.CLONE_NEWNS,
		}, "pid-namespace"},
		{"private mounts", t.TempDir(), "", fmt.Sprint(syscall.MS_PRIVATE), syscall.SysProcAttr{
			Unshareflags: syscall.CLONE_NEWNS,
		}, "sub-reaper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(forbidVariable, tt.forbid)
			t.Setenv(mountsVariable, tt.mounts)
			agent, out := agentApart(t, tt.dir, &tt.attr)
			ids := said(t, out)
			fds := processes(t, append(proctree.Descendants(ids[0]), ids[0])...)
			if err := agent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = agent.Wait() // its error is the kill
			wantDead(t, fds, deathWait)
			if got := strings.TrimSpace(agent.Stderr.(*strings.Builder).String()); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// agentApart starts an agent, which starts a task process with daemons.
func agentApart(
	t *testing.T, dir string, attr *syscall.SysProcAttr,
) (agent *exec.Cmd, out io.Reader) {
	t.Helper()
	agent = exec.Command("/proc/self/exe")
	agent.Env = append(os.Environ(), agentVariable+"="+dir, isolateVariable+"=1")
	agent.Stderr, agent.SysProcAttr = &strings.Builder{}, attr
	out, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	return agent, out
}
