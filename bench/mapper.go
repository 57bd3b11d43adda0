package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
)

// mapperRow runs what users write with the SDK: mappers of their own, and a reducer.
func mapperRow() row {
	return row{
		name: "mapper", doc: "mappers and a reducer of users, against hand-written Go", runs: 5,
		flags: func(fs *flag.FlagSet) preparer {
			m := &mapperContests{size: 512 << 20, grouped: 128 << 20}
			fs.Var(&m.size, "size", "`size` of the text whose words are counted")
			fs.Var(&m.grouped, "grouped", "`size` of the text whose words go through a reducer")
			fs.IntVar(&m.slots, "slots", 2, "`number` of processes or threads")
			return m.prepare
		},
	}
}

// mapperContests is what the user chooses.
type mapperContests struct {
	size, grouped size
	slots         int
}

func (m *mapperContests) prepare(ctx context.Context, b *workshop) ([]contest, error) {
	mappers, err := b.build(ctx, "bench/peers/mappers")
	if err != nil {
		return nil, err
	}
	hand, err := b.build(ctx, "bench/peers/wordcount")
	if err != nil {
		return nil, err
	}
	all, err := newText(b, int64(m.size))
	if err != nil {
		return nil, err
	}
	slots := strconv.Itoa(m.slots)
	program := func(t text, name, doc string) contestant {
		return t.contestant(doc, mappers, "run", "--slots", slots, "--progress", "none", name, t.file)
	}
	count := contest{
		title:     fmt.Sprintf("Mappers of users: the words of %s of text", sizeText(int64(m.size))),
		reference: "hand-written Go",
		contestants: []contestant{
			all.contestant("hand-written Go", "env", "GOMAXPROCS="+slots, hand, all.file),
			program(all, "loop", "Map, a loop over the bytes of a line"),
			program(all, "fields", "Map, bytes.FieldsSeq of a line"),
			program(all, "block", "MapBlock, NextWord"),
		},
	}
	grouped, err := newGrouped(b, int64(m.grouped))
	if err != nil {
		return nil, err
	}
	reduce := contest{
		title: fmt.Sprintf("A reducer of a user: the words of %s of text as values",
			sizeText(int64(m.grouped))),
		reference: "mawk | sort",
		contestants: []contestant{
			grouped.shell("mawk | sort", `mawk '{for(i=1;i<=NF;i++)n[substr($i,1,2)]+=length($i)}`+
				`END{for(k in n)print k"\t"n[k]}' "$1" | sort`, "mawk", "sort"),
			program(grouped, "lengths", "Reduce, a loop over the values of a key"),
		},
	}
	return []contest{count, reduce}, nil
}

// newGrouped is a text and, for the first two bytes of its words, the sums of their lengths.
func newGrouped(b *workshop, size int64) (text, error) {
	t, err := newText(b, size)
	if err != nil {
		return t, err
	}
	t.want, err = b.cached(fmt.Sprintf("grouped-%d-%d", wordCountSeed, size),
		func(w io.Writer) error { return sumLengths(w, t.file) })
	return t, err
}

// sumLengths does in the most obvious way what the program lengths of bench/peers/mappers does.
func sumLengths(w io.Writer, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	sums := map[string]int{}
	for word := range bytes.FieldsSeq(text) {
		sums[string(word[:min(len(word), 2)])] += len(word)
	}
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		if _, err := fmt.Fprintf(w, "%s\t%d\n", key, sums[key]); err != nil {
			return err
		}
	}
	return nil
}
