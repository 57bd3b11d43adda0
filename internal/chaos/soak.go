//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What may have grown between the first and the last third of a soak.
const (
	soakBytesMax  = 24 << 20 // of the coordinator's memory
	soakFilesMax  = 8        // descriptors
	soakOthersMax = 64 << 10 // bytes on disk
)

// soakRoom is how much more a file system has room for when replies are kept on it.
const soakRoom = 8

// settle is how long files of a job that has ended may be there.
const settle = 200 * time.Millisecond

// level is what a cluster has when nothing runs.
type level struct {
	memory     int64 // bytes, of coordinator and workers
	files      int64 // descriptors of them
	threads    int64 // of them
	goroutines int64 // of the coordinator
	disk       int64 // bytes below the work and state folders, without replies that are kept
}

// soak has one fault after the other happen on one cluster, in one job after the other, and looks
// at what the cluster has in between.
func (s *site) soak(
	ctx context.Context, o options, faults []fault, jobs []job, out io.Writer,
) (err error) {
	fit := slices.DeleteFunc(slices.Clone(faults), func(f fault) bool {
		return f.cannot() != "" || f.alone
	})
	if len(fit) == 0 {
		return errors.New("none of these faults can be had here")
	}
	c, err := s.newCluster(ctx, soakSettings(fit))
	if err != nil {
		return fmt.Errorf("start cluster: %w", err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	var levels []level
	failed := 0
	begin := time.Now()
	for seed := o.seed; time.Since(begin) < o.last && ctx.Err() == nil; seed++ {
		f := pick(seed, fit)
		large := func(j job) bool { return f.severs && j.name == "sort" } // its reply would be kept
		r := newRun(&f, pick(seed, slices.DeleteFunc(slices.Clone(f.fits(jobs)), large)), seed)
		if err := r.on(ctx, c); err != nil && ctx.Err() == nil {
			failed++
			fmt.Fprintf(out, "%-18s %-10s seed %d  FAILED: %v\n", f.name, r.kind.name, seed, err)
		}
		l, err := c.level(ctx)
		if err != nil {
			return err
		}
		levels = append(levels, l)
		fmt.Fprintf(out, "%6.0f s  %-18s %-10s %5d MiB %4d files %3d threads %4d goroutines"+
			" %5d KiB\n", time.Since(begin).Seconds(), f.name, r.kind.name, l.memory>>20, l.files,
			l.threads, l.goroutines, l.disk>>10)
	}
	if failed > 0 {
		err = fmt.Errorf("%d runs of %d have failed", failed, len(levels))
	}
	return errors.Join(err, flat(levels), context.Cause(ctx))
}

// soakSettings are those of a cluster for all of some faults.
func soakSettings(faults []fault) (all settings) {
	for _, f := range faults {
		all.disk = max(all.disk, soakRoom*f.needs.disk)
	}
	return all
}

// level looks at the cluster's processes and folders.
func (c *cluster) level(ctx context.Context) (l level, err error) {
	if err := rest(ctx, settle); err != nil {
		return l, err
	}
	stats, err := c.stats(ctx)
	l.disk = -stats["fanfold_reply_kept_bytes"]
	if err == nil {
		l.goroutines, err = c.goroutines(ctx)
	}
	for _, p := range c.served() {
		resident, sizeErr := sizeOf(p.pid(), "VmRSS")
		files, filesErr := openFiles(p.pid())
		threads, threadsErr := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.pid()))
		err = errors.Join(err, sizeErr, filesErr, threadsErr)
		l.memory += resident
		l.files += int64(files)
		l.threads += int64(len(threads))
	}
	for _, dir := range c.folders() {
		err = errors.Join(err, filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
				return nil
			}
			info, infoErr := d.Info()
			if infoErr == nil { // or it has just gone
				l.disk += info.Size()
			}
			return err
		}))
	}
	return l, err
}

// goroutines asks the coordinator how many it has.
func (c *cluster) goroutines(ctx context.Context) (n int64, err error) {
	secret, err := os.ReadFile(filepath.Join(c.state(), "admin-token"))
	if err != nil {
		return 0, err
	}
	url := "http://" + c.admin + "/debug/pprof/goroutine?debug=1"
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	ask.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(secret)))
	ask.Close = true
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = fmt.Fscanf(answer.Body, "goroutine profile: total %d\n", &n)
	return n, err
}

// flat compares the medians of the second and the last third: what has grown is a leak. The first
// third is for what is made once.
func flat(levels []level) error {
	third := len(levels) / 3
	if third == 0 {
		return errors.New("I12: the soak was too short to say anything")
	}
	before, after := levels[third:2*third], levels[2*third:]
	var err error
	for _, what := range []struct {
		name string
		of   func(level) int64
		most int64
	}{
		{"bytes of memory", func(l level) int64 { return l.memory }, soakBytesMax},
		{"descriptors", func(l level) int64 { return l.files }, soakFilesMax},
		{"goroutines", func(l level) int64 { return l.goroutines }, soakFilesMax},
		{"threads", func(l level) int64 { return l.threads }, soakFilesMax},
		{"bytes on disk", func(l level) int64 { return l.disk }, soakOthersMax},
	} {
		was, is := median(before, what.of), median(after, what.of)
		if is > was+what.most {
			err = errors.Join(err, fmt.Errorf("I7: %d %s, before %d", is, what.name, was))
		}
	}
	return err
}

func median(levels []level, of func(level) int64) int64 {
	var values []int64
	for _, l := range levels {
		values = append(values, of(l))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
