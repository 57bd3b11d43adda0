package main

import (
	"context"
	"flag"
)

// startupRow counts the words of 1 KiB: what is left is the time to start and to end.
func startupRow() row {
	return row{
		name: "startup", doc: "count the words of 1 KiB, from exec to exit", runs: 20,
		flags: func(*flag.FlagSet) preparer { return one(prepareStartup) },
	}
}

// startupBytes is the size of the input.
const startupBytes = 1 << 10

func prepareStartup(ctx context.Context, b *workshop) (contest, error) {
	c := contest{
		title:     "Start-up: word count of 1 KiB, from exec to exit",
		reference: "empty Go program",
	}
	fanfold, err := b.build(ctx, "cmd/fanfold")
	if err != nil {
		return c, err
	}
	empty, err := b.build(ctx, "bench/peers/empty")
	if err != nil {
		return c, err
	}
	t, err := newText(b, startupBytes)
	if err != nil {
		return c, err
	}
	c.contestants = []contestant{
		{name: "empty Go program", args: []string{empty}},
		{name: "true", args: []string{"true"}},
		{
			name: "fanfold run wordcount", want: t.want,
			args:    []string{fanfold, "run", "--progress", "none", "wordcount", t.file},
			version: []string{fanfold, "version"},
		},
	}
	return c, nil
}
