//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold"
)

const (
	smallDisk  = 64 << 20 // bytes, for intermediate data
	smallNodes = 256      // files
)

// patient lets tasks fail as long as the fault lasts.
func patient(j *fanfold.Job) { j.MaxAttempts = 100 }

// hostFaults befall the host on which the coordinator and its tasks run.
var hostFaults = []fault{
	{
		name: "disk-full", rows: "R45", what: "no room for intermediate data, for a while",
		jobs: []string{"wordcount", "sort"}, root: true, early: true,
		needs: settings{disk: smallDisk}, adapt: patient,
		strike: func(ctx context.Context, r *run) error {
			return r.exhaustDisk(ctx, r.cluster.work(), fillBytes, fanfold.KindDisk)
		},
	},
	{
		name: "inodes-out", rows: "R45", what: "no further file for intermediate data, for a while",
		jobs: []string{"wordcount", "sort"}, root: true, early: true,
		needs: settings{disk: smallDisk}, adapt: patient,
		strike: func(ctx context.Context, r *run) error {
			return r.exhaustDisk(ctx, r.cluster.work(), fillNodes, fanfold.KindDisk)
		},
	},
	{
		name: "output-full", rows: "R45", what: "no room for the output, for a while",
		jobs: []string{"command", "dice"}, root: true, early: true,
		adapt: patient, before: smallOutput,
		strike: func(ctx context.Context, r *run) error {
			dir := filepath.Dir(r.work.(*closedJob).spec.Output)
			return r.exhaustDisk(ctx, dir, fillBytes, fanfold.KindDisk)
		},
	},
	{
		name: "few-descriptors", rows: "R36", what: "the coordinator can open no file for a while",
		jobs: []string{"wordcount", "stream"}, adapt: patient,
		strike: func(ctx context.Context, r *run) error { return r.exhaustFiles(ctx) },
	},
}

// fill takes what is left below a folder, and returns unix.ENOSPC when there is nothing more.
type fill func(dir string) error

func fillBytes(dir string) error {
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for err == nil {
		_, err = f.Write(block)
	}
	return errors.Join(err, f.Close())
}

func fillNodes(dir string) error {
	for i := 0; ; i++ {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint("ballast", i)))
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
}

// smallOutput has the job's output on a file system of its own.
func smallOutput(r *run) (after func(), err error) {
	dir := filepath.Join(r.dir, fmt.Sprintf("small-%x", r.seed))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := mountSmall(dir, smallDisk); err != nil {
		return nil, err
	}
	j := r.work.(*closedJob)
	j.spec.Output = filepath.Join(dir, "out")
	return func() { _ = unmount(dir) }, nil // the cluster's end tries again, and tells
}

// exhaustDisk fills the file system of a folder until a task has failed of it.
func (r *run) exhaustDisk(
	ctx context.Context, dir string, fill fill, kind fanfold.Kind,
) (err error) {
	if err := fill(dir); !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("fill %s: %w", dir, err)
	}
	defer func() {
		paths, _ := filepath.Glob(filepath.Join(dir, "ballast*")) // a fixed pattern has no error
		for _, path := range paths {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	return r.awaitFailure(ctx, kind)
}

// awaitFailure waits until an attempt of the job has failed in a way.
func (r *run) awaitFailure(ctx context.Context, kind fanfold.Kind) error {
	return await(ctx, func() (bool, error) {
		info, err := r.client.Job(ctx, r.work.id())
		if err != nil || len(info.Failure) == 0 {
			return r.over(), err
		}
		if got := fanfold.Kind(info.Failure[0].Kind); got != kind {
			return false, fmt.Errorf("I11: an attempt has failed of %s, want %s: %s",
				got, kind, info.Failure[0].Message)
		}
		r.saw("%s: %s", kind, info.Failure[0].Message)
		return true, nil
	})
}

// exhaustFiles has the coordinator open nothing for a while, and sees that a client is kept waiting
// or refused.
func (r *run) exhaustFiles(ctx context.Context) (err error) {
	pid := r.coordinator.pid()
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		return fmt.Errorf("read limit: %w", err)
	}
	none := unix.Rlimit{Cur: 1, Max: before.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &none, nil); err != nil {
		return fmt.Errorf("set limit: %w", err)
	}
	defer func() {
		err = errors.Join(err, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil))
	}()
	brief, cancel := context.WithTimeout(ctx, time.Duration(200+r.rng.IntN(800))*time.Millisecond)
	defer cancel()
	conn, err := r.dial(brief, r.tcp)
	if err == nil {
		return conn.Close() // it was not so; nobody has seen the fault
	}
	r.saw("nobody gets in: %v", err)
	return r.killTask(ctx)
}
