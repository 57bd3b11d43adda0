// Command bench measures Fanfold against other programs: `go run ./bench ROW [flags]`. Whoever
// states a figure in docs/performance.md makes it with this.
//
// The one idea needed to read it: a row is a contest. Its contestants run in turns, A B C A B C …,
// after one round to warm up, so that a mood of the machine meets all of them; each output is
// compared byte for byte with what it must be; and what is compared in the end are the medians of
// one contest, never figures of two.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == launchArg {
		os.Exit(launch(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments; it gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var r *row
	if len(args) > 0 {
		r = findRow(args[0])
	}
	if r == nil {
		usage(stderr, args)
		return 2
	}
	fs := flag.NewFlagSet("bench "+r.name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	runs := fs.Int("runs", r.runs, "measured `rounds`, after one to warm up")
	cache := fs.String("cache", defaultCache(), "`folder` in which inputs are kept from run to run")
	only := fs.String("only", "", "only they compete whose names contain one of these `words`")
	asJSON := fs.Bool("json", false, "print every sample as JSON")
	asMarkdown := fs.Bool("markdown", false, "print a table for docs/performance.md")
	prepare := r.flags(fs)
	switch err := fs.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case fs.NArg() > 0 || *runs < 1:
		fmt.Fprintf(stderr, "bench %s: want flags only, and at least one round\n", r.name)
		return 2
	}
	form := writeText
	switch {
	case *asJSON:
		form = writeJSON
	case *asMarkdown:
		form = writeMarkdown
	}
	prepare = prepare.only(*only)
	if err := measureRow(ctx, prepare, *runs, *cache, stderr, func(rep report) error {
		rep.Command = commandLine(args)
		return form(stdout, rep)
	}); err != nil {
		fmt.Fprintf(stderr, "bench %s: %v\n", r.name, err)
		return 1
	}
	return 0
}

// measureRow runs the contests that prepare makes and hands over their reports.
func measureRow(
	ctx context.Context, prepare preparer, runs int, cache string, log io.Writer,
	done func(report) error,
) error {
	temp, err := os.MkdirTemp("", "fanfold-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return err
	}
	b := &workshop{temp: temp, cache: cache, log: log}
	contests, err := prepare(ctx, b)
	if err != nil {
		return err
	}
	for _, c := range contests {
		runs := runs
		if c.rounds > 0 {
			runs = min(runs, c.rounds)
		}
		results, err := compete(ctx, c.contestants, runs, b.measure)
		if err != nil {
			return err
		}
		versions := b.versions(ctx, c.contestants)
		if err := done(newReport(c, runs, results, thisMachine(), versions)); err != nil {
			return err
		}
	}
	return nil
}

func usage(w io.Writer, args []string) {
	if len(args) > 0 && args[0] != "-h" && args[0] != "-help" && args[0] != "--help" {
		fmt.Fprintf(w, "bench: no row %q\n", args[0])
	}
	fmt.Fprintln(w, "usage: go run ./bench ROW [flags]; the flags of a row: go run ./bench ROW -h")
	for _, r := range rows() {
		fmt.Fprintf(w, "  %-10s %s\n", r.name, r.doc)
	}
}

// defaultCache is a folder of the user's own.
func defaultCache() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("fanfold-bench-cache-%d", os.Getuid()))
}
