package shuffle

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/fanfold/fanfold"
)

// table collects records and folds those of equal keys at once. It is open addressing with linear
// probing over 32-byte slots, which hold the first 16 bytes of the key inline: only longer keys,
// and the values of First, are in the arena. When the memory is full, the groups become a run on
// disk.
type table struct {
	c      Config
	fold   fanfold.Fold
	memory int64 // bytes for slots, order and arena
	slots  []slot
	mask   uint64
	used   int // slots with a group
	full   int // Invariant: used <= full < len(slots)
	arena  arena
	order  []rowRef // of slots; used while a stream is read
	runs   *runs
	taken  int64  // records since the last spill
	poor   bool   // when it was spilled last, it had folded too few of them to be worth it
	peak   int64  // most bytes that were held at a time
	warm   uint32 // see touch
	text   []byte // scratch

	scratch   []byte // a new state
	oversized oversized
}

// slot is one group. Its key is as in fanfold.Batch.
type slot struct {
	k0, k1 uint64
	n      int64  // the number; First: the length of the value + 1, or 0 where there is none
	ref    uint32 // in the arena: the key if it is longer than 16 bytes, then the value of First
	size   uint32 // length of the key + 1; 0: the slot is free; see retired
}

// retired marks a slot that takes no more: its sum would overflow. Its key gets another slot.
const retired = 1 << 31

const (
	slotBytes = 32
	slotsMin  = 128
	inlineKey = fanfold.HeadLen // bytes of a key in its slot

	// tableArenaBits is the size of a slot's ref: the arena of a table has 4 GiB at most.
	tableArenaBits = 32
)

func newTable(c Config, m *meter) *table {
	b := newBudget(c.Memory)
	t := &table{
		c:      c,
		fold:   c.Program.Fold,
		memory: b.records,
		arena:  arena{shift: b.chunkShift},
		runs:   newRuns(c, m),
	}
	t.setSlots(slotsMin)
	return t
}

func (t *table) setSlots(n int) {
	t.slots, t.mask, t.full = newSlots(n), uint64(n-1), n/2
}

// Flush folds in a batch.
func (t *table) Flush(b *fanfold.Batch) error {
	t.taken += int64(b.Len)
	if t.c.Aggregator != nil {
		return t.flushStates(b)
	}
	if numeric(t.fold) && t.fold != fanfold.Count {
		if err := allNumbers(b); err != nil {
			return err
		}
	}
	for i := range min(b.Len, fanfold.BatchLen) {
		// Most records are of short keys in the cache line that they hash to.
		j := b.Hash[i] & t.mask
		s := &t.slots[j]
		if !s.has(b, i) {
			if s = &t.slots[j^1]; !s.has(b, i) {
				s = t.lookup(b, i)
			}
		}
		if s != nil && t.take(s, b.N[i]) {
			continue
		}
		if err := t.insert(b, i); err != nil {
			return err
		}
	}
	return nil
}

func allNumbers(b *fanfold.Batch) error {
	for i := range b.Len {
		if b.ValLen[i] != fanfold.Number {
			return noNumber(b.Key(i))
		}
	}
	return nil
}

func noNumber(key []byte) error {
	return fanfold.Errorf(fanfold.KindUser, "fold",
		"%s came from Emit: this fold needs numbers, from Add", quote(key))
}

// has reports whether a slot is that of entry i, whose key is short.
func (s *slot) has(b *fanfold.Batch, i int) bool {
	k0, k1 := b.HeadWords(i)
	size := b.KeyLen[i] + 1
	return s.k0 == k0 && s.k1 == k1 && s.size == size && size <= inlineKey+1
}

// lookup gives the slot of entry i, or nil.
func (t *table) lookup(b *fanfold.Batch, i int) *slot {
	k0, k1 := b.HeadWords(i)
	size := b.KeyLen[i] + 1
	for j := b.Hash[i] & t.mask; ; j = t.after(j, b.Hash[i]) {
		s := &t.slots[j]
		if s.size == size && s.k0 == k0 && s.k1 == k1 &&
			(size <= inlineKey+1 || bytes.Equal(t.longKey(s), b.Key(i))) {
			return s
		}
		if s.size == 0 {
			return nil
		}
	}
}

// take folds a number into a slot. Where the sum would overflow it retires the slot instead.
func (t *table) take(s *slot, n int64) bool {
	switch t.fold {
	case fanfold.Sum:
		sum := s.n + n
		if (s.n^sum)&(n^sum) < 0 {
			s.size |= retired
			return false
		}
		s.n = sum
	case fanfold.Count:
		s.n++
	case fanfold.Min:
		s.n = min(s.n, n)
	case fanfold.Max:
		s.n = max(s.n, n)
	}
	return true
}

// insert starts a group with entry i.
func (t *table) insert(b *fanfold.Batch, i int) error {
	var long, value []byte // what goes into the arena
	if b.KeyLen[i] > inlineKey {
		long = b.Key(i)
	}
	n := b.N[i]
	switch t.fold {
	case fanfold.Count:
		n = 1
	case fanfold.Distinct:
		n = 0
	case fanfold.First:
		value, t.text = batchValue(b, i, t.text)
		if n = 0; value != nil {
			n = int64(len(value)) + 1
		}
	}
	need := len(long) + len(value)
	if err := t.makeRoom(need); err != nil {
		return err
	}
	s := t.freeSlot(b.Hash[i])
	k0, k1 := b.HeadWords(i)
	*s = slot{k0: k0, k1: k1, n: n, size: b.KeyLen[i] + 1}
	t.used++
	if need > 0 {
		ref, room := t.arena.alloc(need)
		copy(room[copy(room, long):], value)
		s.ref = uint32(ref)
	}
	return nil
}

// makeRoom sees to it that one more slot and n bytes of the arena can be had.
func (t *table) makeRoom(n int) error {
	for t.used > 0 && !(t.used < t.full && t.arenaFits(n)) {
		if t.used == t.full && t.grow() {
			continue
		}
		if err := t.spill(); err != nil {
			return err
		}
	}
	t.peak = max(t.peak, t.held()+t.arena.grows(n))
	return nil
}

func (t *table) arenaFits(n int) bool {
	if n == 0 {
		return true
	}
	grows := t.arena.grows(n)
	return (grows == 0 || t.held()+grows <= t.memory) && t.arena.fits(n, tableArenaBits)
}

// held is how many bytes the table holds or will need to give its stream.
func (t *table) held() int64 {
	order := max(cap(t.order), t.full)
	return int64(len(t.slots))*slotBytes + int64(order)*refBytes + t.arena.bytes
}

// grow doubles the slots, or fills those of now a little more: false when neither can be.
func (t *table) grow() bool {
	n := len(t.slots)
	both := int64(3*n)*slotBytes + t.arena.bytes + int64(cap(t.order))*refBytes
	after := int64(2*n)*slotBytes + t.arena.bytes + int64(n)*refBytes
	if max(both, after) > t.memory {
		return t.fillUp()
	}
	t.peak = max(t.peak, both)
	old := t.slots
	t.setSlots(2 * n)
	var scratch [inlineKey]byte
	for i := range old {
		if s := &old[i]; s.size != 0 {
			h := fanfold.HashKey(s.k0, s.k1, t.key(s, &scratch))
			*t.freeSlot(h) = *s
		}
	}
	return true
}

// fillUp lets the last array of slots become three quarters full.
func (t *table) fillUp() bool {
	full := len(t.slots) * 3 / 4
	more := int64(max(full, cap(t.order))-max(t.full, cap(t.order))) * refBytes
	if t.full == full || t.held()+more > t.memory {
		return false
	}
	t.full = full
	return true
}

// freeSlot is where a group with this hash goes.
func (t *table) freeSlot(h uint64) *slot {
	j := h & t.mask
	for t.slots[j].size != 0 {
		j = t.after(j, h)
	}
	return &t.slots[j]
}

// after is where a group with hash h goes when slot j is taken: first the other slot of each cache
// line, then the next line.
func (t *table) after(j, h uint64) uint64 {
	other := j ^ 1
	if (j^h)&1 == 0 {
		return other
	}
	return (other + 2) & t.mask
}

// spill writes what the table holds as a run.
func (t *table) spill() error {
	if err := t.runs.add(t.sorted(), copyRows); err != nil {
		return err
	}
	t.poor = 2*t.taken < 3*int64(t.used)
	clear(t.slots)
	t.used, t.taken = 0, 0
	t.arena.reset()
	return nil
}

// stream ends the collecting and gives all groups in order, and how to copy them so that those of
// several runs are folded. The table's memory is free if there are runs.
func (t *table) stream() (rows, copier, error) {
	if len(t.runs.list) == 0 {
		return t.sorted(), copyRows, nil
	}
	if t.used > 0 {
		if err := t.spill(); err != nil {
			return nil, nil, err
		}
	}
	t.free()
	src, err := t.runs.merged()
	return src, t.runs.condense.copy, err
}

func (t *table) free() { t.slots, t.order, t.arena = nil, nil, arena{} }

// close gives memory and disk space back.
func (t *table) close() {
	t.runs.close()
	t.free()
}

// sorted gives the groups of the table in order.
func (t *table) sorted() rows {
	if cap(t.order) < t.used {
		t.order = make([]rowRef, 0, t.full)
	}
	t.order = t.order[:0]
	var scratch [inlineKey]byte
	for i := range t.slots {
		if s := &t.slots[i]; s.size != 0 {
			part := Partition(t.key(s, &scratch), t.c.Partitions)
			t.order = append(t.order,
				rowRef{bits.ReverseBytes64(s.k0), uint64(part)<<arenaBits | uint64(i)})
		}
	}
	o := order{rows: t}
	o.sort(t.order, byPart, 0)
	return &tableRows{t: t}
}

func (t *table) slotAt(r rowRef) *slot { return &t.slots[r.where&arenaMask] }

func (t *table) keyOf(r rowRef, scratch *[inlineKey]byte) []byte {
	return t.key(t.slotAt(r), scratch)
}

func (s *slot) keyLen() int { return int(s.size&^retired) - 1 }

// longKey is the key of a slot whose key is in the arena.
func (t *table) longKey(s *slot) []byte { return t.arena.at(uint64(s.ref))[:s.keyLen()] }

// key is the key of a slot; a short one is put together in scratch.
func (t *table) key(s *slot, scratch *[inlineKey]byte) []byte {
	n := s.keyLen()
	if n > inlineKey {
		return t.longKey(s)
	}
	binary.LittleEndian.PutUint64(scratch[:8], s.k0)
	binary.LittleEndian.PutUint64(scratch[8:], s.k1)
	return scratch[:n]
}

// tableRows is the stream of a sorted table.
type tableRows struct {
	t       *table
	i       int
	scratch [inlineKey]byte
	text    []byte
}

// rowsAhead is how many slots are touched before the first of them is read.
const rowsAhead = 32

// touch loads slots, so that their cache misses overlap.
func (t *table) touch(refs []rowRef) {
	var warm uint32
	for i := range refs {
		warm += t.slotAt(refs[i]).size
	}
	t.warm = warm
}

// next gives the next group.
func (r *tableRows) next(out *row) (bool, error) {
	t := r.t
	if r.i == len(t.order) {
		return false, nil
	}
	if r.i%rowsAhead == 0 {
		t.touch(t.order[r.i:min(r.i+rowsAhead, len(t.order))])
	}
	ref := t.order[r.i]
	r.i++
	s := t.slotAt(ref)
	*out = row{uint32(ref.where >> arenaBits), ref.prefix, t.key(s, &r.scratch), nil}
	switch {
	case t.c.Aggregator != nil:
		out.value = t.stateOf(s)
	case numeric(t.fold):
		r.text = numberOf(s.n).appendTo(r.text[:0])
		out.value = r.text
	case t.fold == fanfold.First && s.n > 0:
		out.value = t.firstValue(s)
	}
	return true, nil
}

// firstValue is the value that First kept.
func (t *table) firstValue(s *slot) []byte {
	n := int(s.n - 1)
	if n == 0 {
		return []byte{}
	}
	b := t.arena.at(uint64(s.ref))
	if s.keyLen() > inlineKey {
		b = b[s.keyLen():]
	}
	return b[:n:n]
}
