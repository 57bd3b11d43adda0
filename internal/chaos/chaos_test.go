//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

// theSite is that of all tests.
var theSite *site

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) (code int) {
	var err error
	if theSite, err = newSite(""); err != nil {
		fmt.Fprintln(os.Stderr, "make site:", err)
		return 1
	}
	code = m.Run()
	if err := errors.Join(theSite.close(), goleak.Find()); err != nil {
		fmt.Fprintln(os.Stderr, "left behind:", err)
		return 1
	}
	return code
}

// survives has a fault strike once, in one of the jobs that it is for, or in the one named.
func survives(t *testing.T, name string, only ...string) {
	t.Helper()
	i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
	if i < 0 {
		t.Fatalf("there is no fault %s", name)
	}
	f, seed := &faults[i], uint64(len(name)) // any
	kinds := f.fits(jobs)
	if len(only) > 0 {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(j job) bool { return j.name != only[0] })
	}
	if why := f.cannot(); why != "" {
		t.Skipf("%s: %s", name, why)
	}
	r := newRun(f, pick(seed, kinds), seed)
	if err := theSite.perform(t.Context(), r); err != nil {
		t.Errorf("%s in %s, seed %d: %v", name, r.kind.name, seed, err)
	}
	t.Log(r.told())
}

func TestR02KillTask(t *testing.T)        { survives(t, "kill-task") }
func TestR01KillAllTasks(t *testing.T)    { survives(t, "kill-all-tasks") }
func TestR10KillShim(t *testing.T)        { survives(t, "kill-shim") }
func TestR06StopTask(t *testing.T)        { survives(t, "stop-task") }
func TestR15StopCoordinator(t *testing.T) { survives(t, "stop-coordinator") }
func TestR36FewDescriptors(t *testing.T)  { survives(t, "few-descriptors") }
func TestR37ClientCut(t *testing.T)       { survives(t, "client-cut") }
func TestR37ClientReset(t *testing.T)     { survives(t, "client-reset") }
func TestR19ClientFlip(t *testing.T)      { survives(t, "client-flip") }
func TestR25ClientRepeat(t *testing.T)    { survives(t, "client-repeat") }
func TestR23ClientDrop(t *testing.T)      { survives(t, "client-drop") }
func TestR40ClientStall(t *testing.T)     { survives(t, "client-stall") }
func TestR26ClientSlow(t *testing.T)      { survives(t, "client-slow") }
func TestR45DiskFull(t *testing.T)        { survives(t, "disk-full") }
func TestR45OutputFull(t *testing.T)      { survives(t, "output-full", "command") }
func TestR51NoMixOfAttempts(t *testing.T) { survives(t, "kill-all-tasks", "dice") }
func TestR45InodesOut(t *testing.T)       { survives(t, "inodes-out") }

func TestR13KillWorker(t *testing.T)     { survives(t, "kill-worker") }
func TestR16KillOneOfEight(t *testing.T) { survives(t, "kill-one-of-eight") }
func TestR16KillHalf(t *testing.T)       { survives(t, "kill-half") }
func TestX14LateWorker(t *testing.T)     { survives(t, "late-worker") }
func TestR21DrainWorker(t *testing.T)    { survives(t, "drain-worker") }
func TestR22WorkerReset(t *testing.T)    { survives(t, "worker-reset") }
func TestR22WorkerCut(t *testing.T)      { survives(t, "worker-cut") }
func TestR19WorkerFlip(t *testing.T)     { survives(t, "worker-flip") }
func TestR25WorkerRepeat(t *testing.T)   { survives(t, "worker-repeat") }
func TestR20WorkerStall(t *testing.T)    { survives(t, "worker-stall") }
func TestR26WorkerSlow(t *testing.T)     { survives(t, "worker-slow") }
func TestR26SlowNetwork(t *testing.T)    { survives(t, "slow-network") }

// TestR22Leases has workers fall silent for longer than their lease, in all ways at once.
func TestR22Leases(t *testing.T) {
	for _, name := range []string{"partition", "mute", "deaf", "power-off", "stop-worker"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			survives(t, name)
		})
	}
}

// TestI12VacuousRunFails holds that a run in which nothing happens fails.
func TestI12VacuousRunFails(t *testing.T) {
	nothing := &fault{name: "nothing", strike: func(context.Context, *run) error { return nil }}
	r := newRun(nothing, jobs[len(jobs)-1], 1)
	if err := theSite.perform(t.Context(), r); err == nil {
		t.Errorf("a run without a fault has passed: %s", r.told())
	}
}
