//go:build linux

// Command chaos runs jobs on clusters of real processes, breaks things meanwhile, and checks that
// nobody could tell: the output is that of a sequential run, and nothing is left behind.
//
// The one idea: a run is a fault, a job and a seed. The seed decides when the fault strikes and
// what it hits; the run is worth nothing, and fails, unless the fault is seen to have happened.
//
//	go run ./internal/chaos                      each fault once
//	go run ./internal/chaos -list                what there is
//	go run ./internal/chaos -fault kill -runs 50 -seed 7
//	go run ./internal/chaos -for 10m             one cluster, faults at random; watches what grows
//
// As root, hosts are network namespaces and file systems can be full; otherwise the faults that
// need them are named and left out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	seed  uint64
	runs  int
	last  time.Duration
	fault string
	job   string
	list  bool
	// binary is a fanfold that is there; "": it is built.
	binary string
}

func main() { os.Exit(chaos(os.Args[1:], os.Stdout, os.Stderr)) }

// chaos gives the exit code: 0, 1 if an invariant did not hold, 2 for wrong flags.
func chaos(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Uint64Var(&o.seed, "seed", 0, "`number` that decides everything; 0: by the clock")
	flags.IntVar(&o.runs, "runs", 1, "how often each fault strikes")
	flags.DurationVar(&o.last, "for", 0, "soak one cluster for a `time`")
	flags.StringVar(&o.fault, "fault", "", "only faults whose names match a `pattern`")
	flags.StringVar(&o.job, "job", "", "only jobs whose names match a `pattern`")
	flags.StringVar(&o.binary, "binary", "", "a `file` that is fanfold (default: build it)")
	flags.BoolVar(&o.list, "list", false, "list faults and jobs")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	faults, jobs, err := o.choose()
	switch {
	case err != nil || flags.NArg() > 0:
		fmt.Fprintln(stderr, "chaos: no such fault or job; see -list")
		return 2
	case o.list:
		for _, f := range faults {
			fmt.Fprintf(stdout, "%-18s %-12s %s\n", f.name, f.rows, f.what)
		}
		return 0
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := strikeAll(ctx, o, faults, jobs, stdout); err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
		return 1
	}
	return 0
}

// choose gives the faults and jobs that the flags name.
func (o options) choose() (chosen []fault, from []job, err error) {
	byName, err := regexp.Compile(o.fault)
	if err != nil {
		return nil, nil, err
	}
	byJob, err := regexp.Compile(o.job)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range faults {
		if byName.MatchString(f.name) {
			chosen = append(chosen, f)
		}
	}
	for _, j := range jobs {
		if byJob.MatchString(j.name) {
			from = append(from, j)
		}
	}
	if len(chosen) == 0 || len(from) == 0 {
		return nil, nil, errors.New("nothing chosen")
	}
	return chosen, from, nil
}

// strikeAll makes a site and does what the flags say on it.
func strikeAll(
	ctx context.Context, o options, faults []fault, jobs []job, out io.Writer,
) (err error) {
	s, err := newSite(o.binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if o.last > 0 {
		return s.soak(ctx, o, faults, jobs, out)
	}
	failed := 0
	answers := map[string][]time.Duration{} // by fault: the slowest of each run
	for i := range o.runs * len(faults) {
		f, seed := &faults[i%len(faults)], o.seed+uint64(i)
		if why := f.cannot(); why != "" {
			fmt.Fprintf(out, "%-18s left out: %s\n", f.name, why)
			continue
		}
		r := newRun(f, pick(seed, f.fits(jobs)), seed)
		begin := time.Now()
		err := s.perform(ctx, r)
		fmt.Fprintf(out, "%-18s %-10s seed %-20d %6.2f s  %s\n",
			f.name, r.kind.name, seed, time.Since(begin).Seconds(), r.told())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && r.work.slowest() > 0 {
			answers[f.name] = append(answers[f.name], r.work.slowest())
		}
		if err != nil {
			failed++
			fmt.Fprintf(out, "  FAILED: %v\n  again: go run ./internal/chaos -fault '^%s$' -job '^%s$'"+
				" -seed %d\n", err, f.name, r.kind.name, seed)
		}
	}
	tellAnswers(out, answers)
	if failed > 0 {
		return fmt.Errorf("%d runs have failed", failed)
	}
	return nil
}

// answersMin is of how many runs something is told of the slowest answers.
const answersMin = 5

// tellAnswers says, by fault, how long a task took at most that was hit.
func tellAnswers(out io.Writer, answers map[string][]time.Duration) {
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		of := answers[name]
		slices.Sort(of)
		if n := len(of); n >= answersMin {
			fmt.Fprintf(out, "slowest answer, %-18s p50 %8s  p99 %8s  of %d runs\n", name,
				of[n/2].Round(time.Millisecond), of[n*99/100].Round(time.Millisecond), n)
		}
	}
}

// pick chooses by the seed alone.
func pick[T any](seed uint64, from []T) T {
	return from[rand.New(rand.NewPCG(seed, 0)).IntN(len(from))]
}
