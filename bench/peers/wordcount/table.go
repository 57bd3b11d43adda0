package main

import "unsafe"

// entry is a word and its count: 32 bytes, two to a cache line, without a pointer.
type entry struct {
	k0, k1 uint64 // the first 16 bytes
	count  uint64
	size   uint32 // bytes of the word; 0: the entry is free
	long   uint32 // of a word of more than 16 bytes: its index in long
}

// table maps words to counts by open addressing.
type table struct {
	entries []entry // their number is a power of two
	used    int
	long    []string
}

const entriesMin = 1 << 16

func newTable() *table { return &table{entries: newEntries(entriesMin)} }

// prefetch has what words hash to loaded.
func (t *table) prefetch(words []pending) {
	prefetch(unsafe.Pointer(&t.entries[0]), uint64(len(t.entries)-1), words)
}

// add counts a batch of words, which are in buf.
func (t *table) add(words []pending, buf []byte) {
	if 2*(t.used+len(words)) > len(t.entries) {
		t.grow()
	}
	entries, mask := t.entries, uint64(len(t.entries)-1)
	for i := range words {
		p := &words[i]
		e := &entries[p.hash&mask]
		size := p.end - p.start
		if e.k0 == p.k0 && e.k1 == p.k1 && e.size == size && size <= 16 {
			e.count++
			continue
		}
		t.find(p, buf).count++
	}
}

// find finds the entry of a word, or makes it.
func (t *table) find(p *pending, buf []byte) *entry {
	mask := uint64(len(t.entries) - 1)
	size := p.end - p.start
	for i := p.hash & mask; ; i = (i + 1) & mask {
		e := &t.entries[i]
		if e.size == 0 {
			*e = entry{k0: p.k0, k1: p.k1, size: size}
			if size > 16 {
				e.long = uint32(len(t.long))
				t.long = append(t.long, string(buf[p.start:p.end]))
			}
			t.used++
			return e
		}
		if e.k0 == p.k0 && e.k1 == p.k1 && e.size == size &&
			(size <= 16 || t.long[e.long] == string(buf[p.start:p.end])) {
			return e
		}
	}
}

// grow doubles the table.
func (t *table) grow() {
	old := t.entries
	t.entries = newEntries(2 * len(old))
	mask := uint64(len(t.entries) - 1)
	for i := range old {
		e := &old[i]
		if e.size == 0 {
			continue
		}
		h := mix(e.k0, e.k1^uint64(e.size))
		if e.size > 16 {
			h = hashLong([]byte(t.long[e.long]))
		}
		j := h & mask
		for t.entries[j].size != 0 {
			j = (j + 1) & mask
		}
		t.entries[j] = *e
	}
	freeEntries(old)
}
