package shuffle

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/fanfold/fanfold"
)

// buffer collects records in any order and gives them back as a stream. It holds rows in an arena
// and sorts 16-byte references to them; when its memory is full they become a run on disk.
type buffer struct {
	c      Config
	memory int64 // bytes for arena and refs
	arena  arena
	refs   []rowRef
	runs   *runs
	peak   int64  // most bytes that were held at a time
	text   []byte // scratch
	folds  bool   // see bypass
	state  []byte // scratch
	looks  int64  // of all sorts, at refs: see order

	limit  int    // only the first limit records of the stream are wanted; 0: all
	cutoff []byte // with limit: a key that the limit-th record so far has; nil: not known
}

// rowRef is a row in the arena, or a slot of a table.
type rowRef struct {
	prefix uint64 // of its key
	where  uint64 // partition << arenaBits | ref in the arena: rows that came later are greater
}

const (
	rowRefBytes = 16
	refBytes    = rowRefBytes + scatterBytes
	refsMin     = 256 // that a buffer starts with

	// With a limit, a buffer holds up to this many records beside twice the limit before it drops
	// those that are beyond it: what is kept is sorted once for as many as were taken since.
	trimSlack = 1024

	arenaBits = 40 // 24 are left for the partition
	arenaMask = 1<<arenaBits - 1
)

func newBuffer(c Config, m *meter) *buffer {
	budget := newBudget(c.Memory)
	return &buffer{
		c:      c,
		memory: budget.records,
		arena:  arena{shift: budget.chunkShift},
		runs:   newRuns(c, m),
	}
}

// setLimit makes the buffer keep the first n records of its stream. Half of the memory is set aside
// for moving them when the others are dropped.
func (b *buffer) setLimit(n int) {
	b.limit = n
	b.memory /= 2
}

// Flush collects a batch.
func (b *buffer) Flush(batch *fanfold.Batch) error {
	for i := range batch.Len {
		key := batch.Key(i)
		value, err := b.value(batch, i)
		if err != nil {
			return err
		}
		part := uint32(b.c.partition(key))
		prefix := binary.BigEndian.Uint64(batch.Head[i][:8])
		if err := b.add(part, prefix, key, value); err != nil {
			return err
		}
	}
	return nil
}

// value is that of entry i in its row.
func (b *buffer) value(batch *fanfold.Batch, i int) (value []byte, err error) {
	if b.folds {
		return b.foldValue(batch, i)
	}
	value, b.text = batchValue(batch, i, b.text)
	return value, nil
}

// batchValue is the value of entry i as programs without a fold see it: numbers as decimal text,
// which lies in scratch.
func batchValue(b *fanfold.Batch, i int, scratch []byte) (value, kept []byte) {
	if b.ValLen[i] != fanfold.Number {
		return b.Value(i), scratch
	}
	scratch = strconv.AppendInt(scratch[:0], b.N[i], 10)
	return scratch, scratch
}

// append collects a record.
func (b *buffer) append(part uint32, key, value []byte) error {
	return b.add(part, prefixOf(key), key, value)
}

func (b *buffer) add(part uint32, prefix uint64, key, value []byte) error {
	if b.cutoff != nil && bytes.Compare(key, b.cutoff) >= 0 {
		return nil
	}
	if b.limit > 0 && len(b.refs) >= 2*b.limit+trimSlack {
		b.trim()
	}
	n := rowLen(key, value)
	if need := b.needs(n); need > 0 {
		if len(b.refs) > 0 && b.held()+need > b.memory {
			if err := b.makeRoom(); err != nil {
				return err
			}
		}
		b.peak = max(b.peak, b.held()+b.needs(n))
		b.growRefs()
	}
	ref, room := b.arena.alloc(n)
	appendRow(room[:0], key, value)
	b.refs = append(b.refs, rowRef{prefix, uint64(part)<<arenaBits | ref})
	return nil
}

// held is how many bytes the buffer holds.
func (b *buffer) held() int64 {
	return b.arena.bytes + int64(cap(b.refs))*refBytes
}

// needs is how many more it would hold, for a moment at least, with a further row of n bytes.
func (b *buffer) needs(n int) int64 {
	return b.arena.grows(n) + int64(b.refsGrowth())*refBytes
}

// refsGrowth is the capacity of the next array of refs: 0 when that of now is enough.
func (b *buffer) refsGrowth() int {
	if len(b.refs) < cap(b.refs) {
		return 0
	}
	return max(refsMin, 2*cap(b.refs))
}

func (b *buffer) growRefs() {
	if n := b.refsGrowth(); n > 0 {
		b.refs = append(make([]rowRef, 0, n), b.refs...)
	}
}

// makeRoom drops the records beyond the limit, and writes a run if that is not enough.
func (b *buffer) makeRoom() error {
	if b.trim() {
		return nil
	}
	return b.spill()
}

// trim sorts the records and drops those beyond the limit. It reports whether at least half of the
// records, and of the memory, are free now.
func (b *buffer) trim() bool {
	b.sort()
	n := len(b.refs)
	if b.limit == 0 || n < b.limit {
		return false
	}
	b.refs = b.refs[:b.limit]
	b.cutoff = bytes.Clone(b.keyOf(b.refs[b.limit-1], nil))
	return n/2 >= b.limit && b.compact()
}

// compact moves the rows of b.refs to a new arena, if they are few enough to leave room.
func (b *buffer) compact() bool {
	var size int64
	for _, r := range b.refs {
		size += int64(len(rowAt(&b.arena, r)))
	}
	if size > b.memory/2 {
		return false
	}
	old := b.arena
	b.arena = arena{shift: old.shift}
	for i, r := range b.refs {
		row := rowAt(&old, r)
		ref, room := b.arena.alloc(len(row))
		copy(room, row)
		b.refs[i].where = r.where>>arenaBits<<arenaBits | ref
	}
	b.peak = max(b.peak, old.bytes+b.held())
	return true
}

// spill writes what the buffer holds as a run.
func (b *buffer) spill() error {
	if err := b.runs.add(&bufferRows{b: b}, b.runs.condense.copy); err != nil {
		return err
	}
	b.refs = b.refs[:0]
	b.arena.reset()
	return nil
}

// stream ends the collecting and gives all records in order, and how to copy them so that they are
// combined. The buffer's memory is free if there are runs.
func (b *buffer) stream() (rows, copier, error) {
	b.sort()
	if len(b.runs.list) == 0 {
		return &bufferRows{b: b}, b.runs.condense.copy, nil
	}
	if len(b.refs) > 0 {
		if err := b.spill(); err != nil {
			return nil, nil, err
		}
	}
	b.free()
	src, err := b.runs.merged()
	return src, b.runs.condense.copy, err
}

func (b *buffer) free() { b.refs, b.arena = nil, arena{} }

// close gives memory and disk space back.
func (b *buffer) close() {
	b.runs.close()
	b.free()
}

// sort puts the refs in the order of partition, key and arrival.
func (b *buffer) sort() {
	o := order{rows: b}
	o.sort(b.refs, byPart, 0)
	b.looks += o.looks
}

func (b *buffer) keyOf(r rowRef, _ *[inlineKey]byte) []byte {
	key, _, _ := cut(b.arena.at(r.where&arenaMask), 0)
	return key
}

// rowAt gives the bytes of a row.
func rowAt(a *arena, r rowRef) []byte {
	b := a.at(r.where & arenaMask)
	_, _, rest, _ := parseRow(b)
	return b[:len(b)-len(rest)]
}

// bufferRows is the stream of a sorted buffer.
type bufferRows struct {
	b       *buffer
	i       int
	touched byte // of no use but to make the loads happen
}

const (
	touchAhead     = 16 // rows
	cacheLineBytes = 64
)

// touch loads the beginnings of the next rows, which lie anywhere in the arena: loads that do not
// wait for each other are several times faster than those of one row after the other.
func (s *bufferRows) touch() {
	refs := s.b.refs[s.i:]
	for _, r := range refs[:min(touchAhead, len(refs))] {
		row := s.b.arena.at(r.where & arenaMask)
		s.touched += row[0] + row[min(cacheLineBytes, len(row)-1)]
	}
}

// next gives the next row.
func (s *bufferRows) next(r *row) (bool, error) {
	if s.i == len(s.b.refs) {
		return false, nil
	}
	if s.i%touchAhead == 0 {
		s.touch()
	}
	ref := s.b.refs[s.i]
	s.i++
	key, value, _, _ := parseRow(s.b.arena.at(ref.where & arenaMask))
	*r = row{uint32(ref.where >> arenaBits), ref.prefix, key, value}
	return true, nil
}
