// Command wordcount is the reference that Fanfold's word count is measured against: the best
// program for this one purpose that we know how to write in Go, with one instruction that Go lacks,
// on as many threads as GOMAXPROCS says. It shares no code with Fanfold and has none of its
// features.
//
// The one idea needed to read it: each thread counts blocks of the input into a table of its own,
// and the tables meet only when their entries are sorted, where equal words become neighbours.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "wordcount:", err)
		os.Exit(1)
	}
}

// run writes each word of a file, a TAB and how often it occurs, by the bytes of the words.
func run(args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want one file, got %d", len(args))
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	tables, err := count(&reader{src: f}, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(stdout, 1<<20)
	if err := write(out, tables); err != nil {
		return err
	}
	return out.Flush()
}

// count fills one table per thread.
func count(r *reader, threads int) ([]*table, error) {
	tables, errs := make([]*table, threads), make([]error, threads)
	var group sync.WaitGroup
	for i := range threads {
		group.Go(func() {
			tables[i] = newTable()
			c := counter{table: tables[i]}
			buf := make([]byte, blockBytes+padBytes)
			for {
				var n int
				if buf, n, errs[i] = r.next(buf); n == 0 {
					return
				}
				c.count(buf, n)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return tables, nil
}
