package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// sample is one run of one contestant.
type sample struct {
	Wall time.Duration `json:"wall_ns"`

	// CPU is user and system time of the program and of all its descendants that were waited for
	// by their parents.
	CPU time.Duration `json:"cpu_ns"`

	// Peak is the most resident memory that all of those processes had together when they were
	// looked at, or that a single one had, whichever is more.
	Peak int64 `json:"peak_rss_bytes"`

	// What a program that dispatches tasks has measured itself; CPU is its server's then.
	Tasks int64         `json:"tasks,omitempty"`
	P50   time.Duration `json:"p50_ns,omitempty"`
	P99   time.Duration `json:"p99_ns,omitempty"`

	Longest   time.Duration `json:"longest_ns,omitempty"`
	BytesEach int64         `json:"bytes_each,omitempty"` // memory of the server, by task or client
	BytesLeft int64         `json:"bytes_left,omitempty"` // of these, when all is over
}

// compete lets contestants run in turns: one round that does not count, and then runs rounds. It
// gives the samples of each contestant; a run that fails ends the contest.
func compete(
	ctx context.Context, contestants []contestant, runs int,
	measure func(context.Context, contestant) (sample, error),
) ([][]sample, error) {
	samples := make([][]sample, len(contestants))
	for round := range runs + 1 {
		for i, c := range contestants {
			if c.missing != "" {
				continue
			}
			s, err := measure(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", c.name, round, err)
			}
			if round > 0 {
				samples[i] = append(samples[i], s)
			}
		}
	}
	return samples, nil
}

// spread is the median and the ends of some measure; durations in nanoseconds.
type spread struct {
	Median int64 `json:"median"`
	Min    int64 `json:"min"`
	Max    int64 `json:"max"`
}

// spreadOf needs at least one value. The median of an even number of values is the mean of the two
// in the middle.
func spreadOf(values []int64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{
		Median: (sorted[(n-1)/2] + sorted[n/2]) / 2,
		Min:    sorted[0],
		Max:    sorted[n-1],
	}
}

// spreadBy is the spread of one field of samples.
func spreadBy(samples []sample, field func(sample) int64) spread {
	values := make([]int64, 0, len(samples))
	for _, s := range samples {
		values = append(values, field(s))
	}
	return spreadOf(values)
}
