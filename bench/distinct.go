package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// distinctRow counts more different words than fit into the memory.
func distinctRow() row {
	return row{
		name: "distinct", doc: "count words that are nearly all different, in little memory", runs: 3,
		flags: func(fs *flag.FlagSet) preparer {
			d := &distinctContest{memory: 256 << 20}
			fs.IntVar(&d.words, "words", 20_000_000, "`number` of different words")
			fs.Var(&d.memory, "memory", "`size` of the memory of all slots together")
			fs.IntVar(&d.slots, "slots", 2, "`number` of processes or threads")
			return one(d.prepare)
		},
	}
}

// distinctContest is what the user chooses.
type distinctContest struct {
	words  int
	memory size
	slots  int
}

// distinctEach is how often each word comes.
const distinctEach = 6

func (d *distinctContest) prepare(ctx context.Context, b *workshop) (contest, error) {
	c := contest{
		title: fmt.Sprintf("Distinct: %d different words, %d times each, in %s of memory",
			d.words, distinctEach, sizeText(int64(d.memory))),
		reference: "hand-written Go, memory without bounds",
	}
	if d.words < 1 || d.slots < 1 {
		return c, fmt.Errorf("want at least one word and one slot")
	}
	fanfold, err := b.build(ctx, "cmd/fanfold")
	if err != nil {
		return c, err
	}
	hand, err := b.build(ctx, "bench/peers/wordcount")
	if err != nil {
		return c, err
	}
	name := fmt.Sprintf("distinct-%d", d.words)
	t := text{bytes: distinctBytes(d.words)}
	if t.file, err = b.cached(name+".txt", func(w io.Writer) error {
		return writeDistinct(w, d.words)
	}); err != nil {
		return c, err
	}
	if t.want, err = b.cached(name+".wordcount", func(w io.Writer) error {
		return countDistinct(w, d.words)
	}); err != nil {
		return c, err
	}
	slots := strconv.Itoa(d.slots)
	c.contestants = []contestant{
		t.contestant(c.reference, "env", "GOMAXPROCS="+slots, hand, t.file),
		t.contestant("fanfold run wordcount", fanfold, "run", "--slots", slots, "--progress", "none",
			"--memory", fmt.Sprintf("%dB", int64(d.memory)/int64(d.slots)), "wordcount", t.file),
	}
	c.contestants[1].version = []string{fanfold, "version"}
	return c, nil
}

// wordBytes is the length of each word; eight words are a line.
const (
	wordBytes    = 13
	wordsOfALine = 8
)

func distinctBytes(words int) int64 { return distinctEach * int64(words) * (wordBytes + 1) }

// appendDistinct appends word i: 13 digits that look random, and differ for different i.
func appendDistinct(dst []byte, i int) []byte {
	const digits = "0123456789abcdefghijklmnopqrstuv"
	n := uint64(i) * 0x9e3779b97f4a7c15 // an odd factor: no two are the same
	for range wordBytes {
		dst = append(dst, digits[n&31])
		n >>= 5
	}
	return dst
}

// writeDistinct writes all words, and all again, each time in another order.
func writeDistinct(w io.Writer, words int) error {
	var line []byte
	for n := range distinctEach * words {
		round, i := n/words, n%words
		if round%2 == 1 {
			i = words - 1 - i
		}
		line = append(appendDistinct(line, (i+round*7919)%words), ' ')
		if n%wordsOfALine == wordsOfALine-1 || n == distinctEach*words-1 {
			line[len(line)-1] = '\n'
			if _, err := w.Write(line); err != nil {
				return err
			}
			line = line[:0]
		}
	}
	return nil
}

// countDistinct writes each word and how often writeDistinct writes it.
func countDistinct(w io.Writer, words int) error {
	type word [wordBytes]byte
	all := make([]word, words)
	for i := range all {
		appendDistinct(all[i][:0], i)
	}
	slices.SortFunc(all, func(a, b word) int { return slices.Compare(a[:], b[:]) })
	for i := range all {
		if _, err := fmt.Fprintf(w, "%s\t%d\n", all[i][:], distinctEach); err != nil {
			return err
		}
	}
	return nil
}
