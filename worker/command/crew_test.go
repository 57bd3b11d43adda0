//go:build linux

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/proctree"
)

// sceneVariable says what a task process of a test does.
const sceneVariable = "FANFOLD_TEST_SCENE"

// reaperMain is the parent of a task process, and gets its orphans, as the shim does.
func reaperMain() int {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), roleVariable+"=task")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		panic(err)
	}
	var status syscall.WaitStatus
	for ended := 0; ended != c.Process.Pid; {
		var err error
		if ended, err = syscall.Wait4(-1, &status, 0, nil); err != nil {
			panic(err)
		}
	}
	for _, pid := range proctree.Descendants(os.Getpid()) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // what a scene that fails has left
	}
	return status.ExitStatus()
}

// Mappers that leave a daemon in a session of its own. The second daemon has a child, and the
// environment of neither says where it comes from. They write their ids, the daemon's last.
const (
	daemon = `setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!; `
	hidden = `setsid env -i PATH="$PATH" sh -c '` +
		`sleep 1000 >/dev/null & echo $! $$; exec >/dev/null; wait' </dev/null 2>/dev/null & `
)

// taskMain plays a scene with mappers that leave daemons: it prints what has become of these while
// this process lives.
func taskMain() int {
	ctx := context.Background()
	scene := os.Getenv(sceneVariable)
	if scene != "stranger" {
		proctree.SetReaper()
	}
	switch scene {
	case "marked":
		printFates(runMapper(ctx, fanfold.Command{Mapper: sh(daemon + "cat >&2")}, "x\n"))
	case "ends", "stranger":
		printFates(runMapper(ctx, fanfold.Command{Mapper: sh(hidden + "cat >&2")}, "x\n"))
	case "is cancelled":
		printFates(runCancelled(ctx, hidden+"sleep 1000"))
	case "another runs":
		other := newRun(ctx, fanfold.StageMap)
		m := &mapper{spec: testSpec("combiner", "cat"), task: other.task, take: takeRecord}
		emit := fanfold.NewEmitter(other)
		other.err = m.MapBlock([]byte("x\n"), 0, emit)
		r := runMapper(ctx, fanfold.Command{Mapper: sh(hidden + "cat >&2")}, "x\n")
		printFates(r)
		other.end(m, emit)
		printFates(r)
	}
	next := runMapper(ctx, fanfold.Command{Mapper: []string{"cat"}}, "next attempt\n")
	fmt.Println(next.text(), next.err)
	return 0
}

// runCancelled runs a mapper that is cancelled when it has written a line.
func runCancelled(ctx context.Context, script string) *run {
	ctx, cancel := context.WithCancelCause(ctx)
	r := newRun(ctx, fanfold.StageMap)
	take := func(line []byte, emit *fanfold.Emitter) error {
		cancel(errors.New("cancelled"))
		return takeRecord(line, emit)
	}
	m := &mapper{spec: testSpec("mapper", sh(script)...), task: r.task, take: take}
	emit := fanfold.NewEmitter(r)
	if r.err = m.MapBlock([]byte("x\n"), 0, emit); r.err == nil {
		r.err = m.Close(emit)
	}
	emit.Flush()
	r.end(m, nil)
	return r
}

// printFates tells of each process whose id was written whether it is there, dead or alive.
func printFates(r *run) {
	for _, id := range strings.Fields(r.text()) {
		pid, err := strconv.Atoi(id)
		if err != nil {
			panic(err)
		}
		fmt.Print(syscall.Kill(pid, 0) == nil, " ")
	}
	fmt.Println(r.err)
}

func TestR10DaemonOfACommand(t *testing.T) {
	tests := []struct {
		scene string
		want  []string // beginnings of lines: for each process, whether it is there
	}{
		{"marked", []string{"false <nil>"}},
		{"ends", []string{"false false <nil>"}},
		{"is cancelled", []string{"false false cancelled"}},
		{"another runs", []string{"true true <nil>", "false false <nil>"}},
		{"stranger", []string{"true true <nil>"}}, // under a parent that is not ours
	}
	for _, test := range tests {
		t.Run(test.scene, func(t *testing.T) {
			c := exec.Command("/proc/self/exe")
			c.Env = append(os.Environ(), roleVariable+"=reaper", sceneVariable+"="+test.scene,
				"GORACE=atexit_sleep_ms=0")
			c.Stderr = os.Stderr
			out, err := c.Output()
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSpace(string(out)), "\n")
			want := append(test.want, "next attempt <nil>")
			if len(got) != len(want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			for i := range want {
				if !strings.HasPrefix(got[i], want[i]) {
					t.Errorf("line %d: got %q, want %q", i+1, got[i], want[i])
				}
			}
		})
	}
}
