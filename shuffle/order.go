package shuffle

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// order sorts refs of rows in place, by partition, key and arrival: it scatters them on the
// highest bits in which they differ, first of the partition and then of the prefix, until few are
// left together. Where many have one prefix, the next bytes of their keys become their prefix for
// as long as they are sorted. So neither common beginnings nor equal keys make it slow.
type order struct {
	rows      keyed
	next, end []uint32 // of each bucket of a scatter: where its next ref goes, and where it ends
	looks     int64    // how often a ref was looked at: what tests bound
	x, y      [inlineKey]byte
}

// keyed has the rows that refs stand for. keyOf may put a short key together in scratch.
type keyed interface {
	keyOf(r rowRef, scratch *[inlineKey]byte) []byte
}

const (
	scatterMin     = 48 // refs; fewer are sorted by comparing
	scatterBitsMax = 16
	// scatterBytes is what a scatter takes for a ref, for a moment: a bucket, which has two numbers
	// of four bytes, for four refs.
	scatterBytes = 2
)

// field is what refs are scattered on.
type field bool

const (
	byPart   field = false
	byPrefix field = true
)

func (f field) of(r rowRef) uint64 {
	if f == byPrefix {
		return r.prefix
	}
	return r.where >> arenaBits
}

// keyOf is the key of a ref, valid until the next call.
func (o *order) keyOf(r rowRef) []byte { return o.rows.keyOf(r, &o.x) }

// sort sorts refs that have all that comes before the field in common. The prefixes are those of
// the keys without their first depth bytes, which are the same.
func (o *order) sort(refs []rowRef, by field, depth int) {
	if len(refs) < scatterMin {
		o.compareAll(refs, depth)
		return
	}
	o.looks += int64(len(refs))
	low, high := ^uint64(0), uint64(0)
	for _, r := range refs {
		v := by.of(r)
		low, high = min(low, v), max(high, v)
	}
	switch {
	case low != high:
	case by == byPart:
		o.sort(refs, byPrefix, depth)
		return
	default:
		o.equal(refs, depth+8)
		return
	}
	width := min(bits.Len(uint(len(refs)))-3, scatterBitsMax)
	shift := max(bits.Len64(low^high)-width, 0)
	o.scatter(refs, by, shift, width)
	for start := 0; start < len(refs); {
		n, digit := start+1, by.of(refs[start])>>shift
		for n < len(refs) && by.of(refs[n])>>shift == digit {
			n++
		}
		o.sort(refs[start:n], by, depth)
		start = n
	}
}

// scatter puts refs in the order of width bits of the field, in place: each ref that is not where
// it belongs goes there, and the one that it finds goes on.
func (o *order) scatter(refs []rowRef, by field, shift, width int) {
	buckets := 1 << width
	if cap(o.next) < buckets {
		o.next, o.end = make([]uint32, buckets), make([]uint32, buckets)
	}
	next, end := o.next[:buckets], o.end[:buckets]
	clear(end)
	mask := uint64(buckets - 1)
	for _, r := range refs {
		end[by.of(r)>>shift&mask]++
	}
	sum := uint32(0)
	for i, n := range end {
		next[i] = sum
		sum += n
		end[i] = sum
	}
	for i := range next {
		for next[i] < end[i] {
			r := refs[next[i]]
			for digit := by.of(r) >> shift & mask; digit != uint64(i); {
				at := next[digit]
				next[digit]++
				r, refs[at] = refs[at], r
				digit = by.of(r) >> shift & mask
			}
			refs[next[i]] = r
			next[i]++
		}
	}
}

// compareAll sorts few refs by comparing what is behind the first depth bytes of their keys.
func (o *order) compareAll(refs []rowRef, depth int) {
	slices.SortFunc(refs, func(x, y rowRef) int {
		o.looks++
		if p, q := x.where>>arenaBits, y.where>>arenaBits; p != q {
			return cmp.Compare(p, q)
		}
		if x.prefix != y.prefix {
			return cmp.Compare(x.prefix, y.prefix)
		}
		if c := bytes.Compare(o.keyOf(x)[depth:], o.rows.keyOf(y, &o.y)[depth:]); c != 0 {
			return c
		}
		return cmp.Compare(x.where, y.where)
	})
}

// equal sorts refs of one partition and prefix whose keys have the first depth bytes in common,
// where keys that are shorter count as filled up with zeros.
func (o *order) equal(refs []rowRef, depth int) {
	o.looks += int64(len(refs))
	prefix := refs[0].prefix
	short := 0
	for i, r := range refs {
		if n := len(o.keyOf(r)); n <= depth {
			r.prefix = uint64(n)
			refs[i], refs[short] = refs[short], r
			short++
		}
	}
	// Of keys that differ only in zeros at their end, the shorter one comes first.
	slices.SortFunc(refs[:short], func(x, y rowRef) int {
		if x.prefix != y.prefix {
			return cmp.Compare(x.prefix, y.prefix)
		}
		return cmp.Compare(x.where, y.where)
	})
	if long := refs[short:]; len(long) > 0 {
		depth += o.common(long, depth)
		for i, r := range long {
			long[i].prefix = prefixOf(o.keyOf(r)[depth:])
		}
		o.sort(long, byPrefix, depth)
	}
	for i := range refs {
		refs[i].prefix = prefix
	}
}

// common is how many bytes the keys of refs have in common behind their first depth bytes.
func (o *order) common(refs []rowRef, depth int) int {
	first := o.keyOf(refs[0])[depth:]
	for _, r := range refs[1:] {
		first = first[:commonLen(first, o.rows.keyOf(r, &o.y)[depth:])]
	}
	return len(first)
}

func commonLen(a, b []byte) int {
	most := min(len(a), len(b))
	n := 0
	for ; n+8 <= most; n += 8 {
		x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:])
		if x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}
