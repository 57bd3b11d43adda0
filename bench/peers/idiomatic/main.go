// Command idiomatic counts words as most Go programs would: a scanner, a map and a sort. It is a
// peer of the benchmarks, for those who wonder what plain code costs.
//
// Its words are those of bufio.ScanWords, which also ends them at Unicode's white space; in the
// benchmarks' text there is none but ASCII's.
package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "idiomatic:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("want one file, got %d", len(os.Args)-1)
	}
	f, err := os.Open(os.Args[1])
	if err != nil {
		return err
	}
	defer f.Close()
	counts := map[string]int{}
	words := bufio.NewScanner(f)
	words.Buffer(nil, 1<<30) // it would end at a word of 64 KiB
	words.Split(bufio.ScanWords)
	for words.Scan() {
		counts[words.Text()]++
	}
	if err := words.Err(); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "%s\t%d\n", word, counts[word])
	}
	return out.Flush()
}
