package worker_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

func TestAgentRunsAProcessPerSlot(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 3})
	if h.hello.Name != "w1" || len(h.hello.Slots) != 3 || int(h.hello.PID) != os.Getpid() ||
		filepath.Dir(h.hello.Dir) != h.root || len(h.hello.Image) != sha256.Size {
		t.Errorf("the agent's hello is %+v", h.hello)
	}
	var pids []uint32
	for range 3 {
		p := h.process()
		p.brief("echo")
		p.assign("x\n", 1)
		p.done(1, protocol.StatusSucceeded)
		pids = append(pids, p.hello.PID)
		if len(p.hello.Image) > 0 {
			t.Errorf("a process of the worker's own program names image %x", p.hello.Image)
		}
	}
	for beat := (protocol.Heartbeat{}); !sameSet(beat.PIDs, pids); {
		h.next(protocol.KindHeartbeat, &beat)
		if len(beat.PIDs) != 3 || beat.Running > 3 {
			t.Fatalf("the agent's heartbeat is %+v", beat)
		}
	}
	slices.Sort(pids)
	if len(slices.Compact(pids)) != 3 || slices.Contains(pids, h.hello.PID) {
		t.Errorf("processes %v", pids)
	}
}

func sameSet(a, b []uint32) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestB19AgentLeavesNothing(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 2})
	a, b := h.process(), h.process()
	a.brief("obey")
	a.assign("hang\n", 1)
	h.stop()
	if err := h.result(); err != nil {
		t.Error(err)
	}
	for _, p := range []*fake{a, b} {
		if err := syscall.Kill(int(p.hello.PID), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", p.hello.PID, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(h.root, "*-*")); err != nil || len(left) > 0 {
		t.Errorf("what is left: %v, %v", left, err)
	}
	if kinds := h.rest(); !slices.Contains(kinds, protocol.KindBye) {
		t.Errorf("no good-bye among %v", kinds)
	}
}

func TestB6AgentReplacesAKilledProcess(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 1})
	first := h.process()
	if err := syscall.Kill(int(first.hello.PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := first.next(); !errors.Is(err, io.EOF) {
		t.Errorf("its connection ended with %v", err)
	}
	close(first.closed)
	var exited protocol.Exited
	h.next(protocol.KindExited, &exited)
	if exited.PID != first.hello.PID || exited.Signal != 9 || exited.Words != "killed (signal 9)" {
		t.Errorf("the agent reports %+v", exited)
	}
	if second := h.process(); second.hello.PID == first.hello.PID {
		t.Error("the same process again")
	}
}

func TestR05AgentReportsHowAProcessEnded(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 1})
	p := h.process()
	p.brief("obey")
	p.assign("print in despair\nlog so long\nexit 3\n", 1)
	if _, err := p.next(); !errors.Is(err, io.EOF) {
		t.Errorf("its connection ended with %v", err)
	}
	close(p.closed)
	var exited protocol.Exited
	h.next(protocol.KindExited, &exited)
	if exited.Code != 3 || exited.Signal != 0 || exited.Words != "exited with status 3" ||
		exited.Log != "in despair\nso long\n" {
		t.Errorf("the agent reports %+v", exited)
	}
}

func TestAgentKills(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 1})
	p := h.process()
	p.brief("obey")
	p.assign("hang\n", 1)
	h.send(&protocol.Kill{Slot: 0, GraceMillis: 60_000})
	var exited protocol.Exited
	h.next(protocol.KindExited, &exited)
	if exited.PID != p.hello.PID || exited.Signal != uint32(syscall.SIGTERM) {
		t.Errorf("the agent reports %+v", exited)
	}
	close(p.closed)
	h.process()
}

func TestAgentGivesAnEnvironmentFromNothing(t *testing.T) {
	t.Setenv("FANFOLD_TEST_SECRET", "do not pass on")
	h := startAgent(t, worker.Config{Slots: 1, Env: []string{"GIVEN=yes"}})
	p := h.process()
	p.brief("obey")
	p.assign("env\n", 1)
	env := string(bytes.Join(p.done(1, protocol.StatusSucceeded).Inline, nil))
	if !strings.Contains(env, "GIVEN=yes\n") || !strings.Contains(env, "TMPDIR="+h.hello.Dir) {
		t.Errorf("the environment lacks what it was given:\n%s", env)
	}
	for _, unwanted := range []string{"SECRET", "FANFOLD_TASK", "FANFOLD_PROCESS", "FANFOLD_NONCE"} {
		if strings.Contains(env, unwanted) {
			t.Errorf("the environment has %s:\n%s", unwanted, env)
		}
	}
}

func TestAgentRecyclesProcesses(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 1, TasksMax: 1})
	pids := map[uint32]bool{}
	for range 3 {
		p := h.process()
		pids[p.hello.PID] = true
		p.brief("echo")
		p.assign("x\n", 1)
		p.done(1, protocol.StatusSucceeded)
		if m, err := p.next(); err != nil || m.Kind != protocol.KindBye {
			t.Fatalf("message of kind %s, error %v; want Bye", m.Kind, err)
		}
		close(p.closed)
		var exited protocol.Exited
		h.next(protocol.KindExited, &exited)
		if exited.Words != "exited with status 0" {
			t.Errorf("the agent reports %+v", exited)
		}
	}
	if len(pids) != 3 {
		t.Errorf("%d processes, want 3", len(pids))
	}
}

func TestAgentForgetsAJob(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 1})
	h.process()
	job := filepath.Join(h.hello.Dir, testJob.String())
	for _, attempt := range []string{"map-1-1.0", "reduce-1-1.0"} {
		if err := os.MkdirAll(filepath.Join(job, attempt), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.send(&protocol.Forget{ID: testJob[:], Before: uint32(fanfold.StageReduce)})
	for { // until the map task's directory has gone; the agent removes beside its other work
		left, err := os.ReadDir(job)
		if err != nil || len(left) == 0 {
			t.Fatalf("got %v (%v), want the reduce task's directory", left, err)
		}
		if len(left) == 1 && left[0].Name() == "reduce-1-1.0" {
			break
		}
		runtime.Gosched()
	}
	h.send(&protocol.Forget{ID: testJob[:]})
	h.stop()
	if err := h.result(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(job); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the job's directory: %v", err)
	}
}

func TestAgentHasLimits(t *testing.T) {
	attach := func(fanfold.Slot, *protocol.Conn) {}
	tests := []struct {
		name string
		cfg  worker.Config
		why  string
	}{
		{"name", worker.Config{Slots: 1, Attach: attach}, "without a name"},
		{"slots", worker.Config{Name: "w", Attach: attach}, "0 slots"},
		{"many slots", worker.Config{Name: "w", Slots: 5000, Attach: attach}, "5000 slots"},
		{"attach", worker.Config{Name: "w", Slots: 1}, "without Attach"},
		{"memory", worker.Config{Name: "w", Slots: 1, Attach: attach, Memory: -1}, "negative"},
		{"processes", worker.Config{Name: "w", Slots: 1, Attach: attach, ProcessesMax: -1}, "negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := worker.New(tt.cfg)
			if fanfold.KindOf(err) != fanfold.KindUsage || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("got %v, want %q", err, tt.why)
			}
		})
	}
}
