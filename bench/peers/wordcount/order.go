package main

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"math/bits"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// rangeEntries is how many entries a thread sorts and prints at a time, about.
const rangeEntries = 8 << 10

// sorter has the entries of all tables by their first two bytes, with their words in big-endian
// order, so that they compare as numbers.
type sorter struct {
	entries []entry
	long    []string // of all tables
	cuts    []int    // in entries: what is between two is sorted on its own
}

// write prints the words of all tables.
func write(out *bufio.Writer, tables []*table) error {
	s := scatter(tables)
	texts := make([][]byte, len(s.cuts)-1)
	var taken atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for {
				i := int(taken.Add(1)) - 1
				if i >= len(texts) {
					return
				}
				texts[i] = s.text(s.entries[s.cuts[i]:s.cuts[i+1]])
			}
		})
	}
	group.Wait()
	for _, text := range texts {
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// scatter brings entries with the same first two bytes together, in the order of those.
func scatter(tables []*table) *sorter {
	starts := make([]int, 1<<16+1)
	for _, t := range tables {
		for i := range t.entries {
			if e := &t.entries[i]; e.size > 0 {
				starts[bucket(e)+1]++
			}
		}
	}
	s := &sorter{cuts: []int{0}}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
		if starts[i]-s.cuts[len(s.cuts)-1] >= rangeEntries {
			s.cuts = append(s.cuts, starts[i])
		}
	}
	total := starts[len(starts)-1]
	s.cuts = append(s.cuts, total)
	s.entries = newEntries(total)
	for _, t := range tables {
		for i := range t.entries {
			e := t.entries[i]
			if e.size == 0 {
				continue
			}
			at := &starts[bucket(&e)]
			e.k0, e.k1 = bits.ReverseBytes64(e.k0), bits.ReverseBytes64(e.k1)
			e.long += uint32(len(s.long))
			s.entries[*at] = e
			*at++
		}
		s.long = append(s.long, t.long...)
	}
	return s
}

// bucket is the first two bytes of a word as a number.
func bucket(e *entry) int { return int(bits.ReverseBytes16(uint16(e.k0))) }

// text sorts entries and prints them; those of the same word, from several tables, as one.
func (s *sorter) text(entries []entry) []byte {
	slices.SortFunc(entries, s.compare)
	var text []byte
	for i := 0; i < len(entries); {
		e, n := &entries[i], uint64(0)
		for ; i < len(entries) && s.compare(*e, entries[i]) == 0; i++ {
			n += entries[i].count
		}
		text = s.appendWord(text, e)
		text = append(text, '\t')
		text = strconv.AppendUint(text, n, 10)
		text = append(text, '\n')
	}
	return text
}

// compare has the order of the words' bytes: a word is padded with zeros, so where one is the start
// of another, their sizes decide.
func (s *sorter) compare(a, b entry) int {
	switch {
	case a.k0 != b.k0:
		return cmp.Compare(a.k0, b.k0)
	case a.k1 != b.k1:
		return cmp.Compare(a.k1, b.k1)
	case a.size > 16 && b.size > 16:
		return cmp.Compare(s.long[a.long], s.long[b.long])
	}
	return cmp.Compare(a.size, b.size)
}

func (s *sorter) appendWord(dst []byte, e *entry) []byte {
	if e.size > 16 {
		return append(dst, s.long[e.long]...)
	}
	var word [16]byte
	binary.BigEndian.PutUint64(word[:], e.k0)
	binary.BigEndian.PutUint64(word[8:], e.k1)
	return append(dst, word[:e.size]...)
}
