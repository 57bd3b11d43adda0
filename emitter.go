package fanfold

import (
	"encoding/binary"
	"math/bits"
)

// BatchLen is the depth of an Emitter's queue: a Sink sees that many records in one call, so that
// it can overlap the cache misses of its look-ups.
const BatchLen = 32

// RecordMax bounds a record, in bytes: a line that is read, a key or a value that is emitted. What
// is longer is an error of KindTooLarge.
const RecordMax = 256 << 20

// batchBytesMax is when a queue is flushed although it is not full: it bounds what waits in it.
const batchBytesMax = 256 << 10

// batchBytesKept is how much a queue holds on to after records that were larger than it.
const batchBytesKept = 4 * batchBytesMax

// Batch is the queue between user code and a Sink: structure of arrays, Len entries. A key of up to
// HeadLen bytes is in Head alone.
type Batch struct {
	Len    int
	Head   [BatchLen][HeadLen]byte // the key's first bytes, and zeros behind a shorter one
	Hash   [BatchLen]uint64        // of the key: for tables, not for partitions
	N      [BatchLen]int64         // the number given to Add
	Off    [BatchLen]uint32        // in Bytes: a key longer than Head, and behind it the value
	KeyLen [BatchLen]uint32
	ValLen [BatchLen]uint32 // or Number, or NoValue
	Bytes  []byte
}

// HeadLen is how many bytes of a key are in Batch.Head.
const HeadLen = 16

// What Batch.ValLen says of an entry that has no value bytes.
const (
	Number  = ^uint32(0)     // the entry came from Add: N is its number
	NoValue = ^uint32(0) - 1 // the entry came from Emit with a nil value, which is not an empty one
)

// Key is the key of entry i. Like Value, it is valid until the Sink returns.
func (b *Batch) Key(i int) []byte {
	n := b.KeyLen[i]
	if n <= HeadLen {
		return b.Head[i][:n:n]
	}
	return b.Bytes[b.Off[i]:][:n:n]
}

// HeadWords is the head of a key as two little-endian words.
func (b *Batch) HeadWords(i int) (k0, k1 uint64) {
	h := &b.Head[i]
	return binary.LittleEndian.Uint64(h[:8]), binary.LittleEndian.Uint64(h[8:])
}

// Value is the value of entry i, which came from Emit: nil where there is none.
func (b *Batch) Value(i int) []byte {
	switch {
	case b.ValLen[i] >= NoValue:
		return nil
	case b.ValLen[i] == 0: // not nil, although Bytes may be
		return []byte{}
	}
	off := b.Off[i]
	if b.KeyLen[i] > HeadLen {
		off += b.KeyLen[i]
	}
	return b.Bytes[off : off+b.ValLen[i]]
}

// Sink takes what user code emits. It must not keep the Batch or a part of it.
type Sink interface {
	Flush(*Batch) error
}

// Prefetcher is a Sink that is shown each full Batch ahead of its turn, so that it can have loaded
// into the caches what it will need for it. It is flushed when the next one is full, or earlier.
type Prefetcher interface {
	Sink
	Prefetch(*Batch)
}

// Emitter is how user code hands over records. It is not safe for concurrent use. Add and Emit
// return nothing: the sink's first error is kept, what follows is dropped, and the attempt ends.
type Emitter struct {
	b     *Batch // being filled
	ahead *Batch // that the sink was shown, or an empty one; nil: the sink is no Prefetcher
	sink  Sink
	show  Prefetcher // the sink, or nil
	err   error
}

// NewEmitter is for the system and for tests of programs.
func NewEmitter(s Sink) *Emitter {
	e := &Emitter{b: new(Batch), sink: s}
	if p, ok := s.(Prefetcher); ok {
		e.show, e.ahead = p, new(Batch)
	}
	return e
}

// Add emits a key with a number, for a Fold of Sum, Count, Min or Max. Programs without a Fold see
// the number as decimal text. The key may be reused after the call.
func (e *Emitter) Add(key []byte, n int64) {
	if len(key) > RecordMax {
		e.tooLarge(key, nil)
		return
	}
	i := e.put(key)
	e.b.N[i], e.b.ValLen[i] = n, Number
	e.next()
}

// Emit emits a key with a value. A nil value is none: such a record is printed as its key alone,
// while an empty value leaves the TAB behind the key. Both slices may be reused after the call.
func (e *Emitter) Emit(key, value []byte) {
	if len(key) > RecordMax || len(value) > RecordMax {
		e.tooLarge(key, value)
		return
	}
	i := e.put(key)
	e.b.ValLen[i] = uint32(len(value))
	if value == nil {
		e.b.ValLen[i] = NoValue
	}
	e.b.Bytes = append(e.b.Bytes, value...)
	e.next()
}

// Flush hands what is queued to the sink. The system calls it at the end of each attempt.
func (e *Emitter) Flush() {
	if e.ahead != nil {
		e.flush(e.ahead)
	}
	e.flush(e.b)
}

func (e *Emitter) flush(b *Batch) {
	if e.err == nil && b.Len > 0 {
		e.err = e.sink.Flush(b)
	}
	b.Len, b.Bytes = 0, b.Bytes[:0]
	if cap(b.Bytes) > batchBytesKept {
		b.Bytes = nil
	}
}

// Err is the sink's first error. User code that works long between records may look at it.
func (e *Emitter) Err() error { return e.err }

// put queues a key and returns its entry.
func (e *Emitter) put(key []byte) int {
	k0, k1 := keyWords(key)
	i := e.putShort(k0, k1, len(key))
	if len(key) > HeadLen {
		e.b.Hash[i] = HashKey(k0, k1, key)
		e.b.Bytes = append(e.b.Bytes, key...)
	}
	return i
}

// putShort is put of a key that k0 and k1 hold.
func (e *Emitter) putShort(k0, k1 uint64, size int) int {
	b := e.b
	i := b.Len
	h := &b.Head[i]
	binary.LittleEndian.PutUint64(h[:8], k0)
	binary.LittleEndian.PutUint64(h[8:], k1)
	b.Hash[i] = mix(k0, k1^uint64(size))
	b.Off[i], b.KeyLen[i] = uint32(len(b.Bytes)), uint32(size)
	return i
}

func (e *Emitter) next() {
	if e.b.Len++; e.b.Len == BatchLen || len(e.b.Bytes) >= batchBytesMax {
		e.full()
	}
}

// full shows the sink the batch that was filled, and has it take the one before. Large records do
// not wait for that.
func (e *Emitter) full() {
	if e.show == nil || len(e.b.Bytes) >= batchBytesMax {
		e.Flush()
		return
	}
	e.show.Prefetch(e.b)
	e.b, e.ahead = e.ahead, e.b
	e.flush(e.b)
}

func (e *Emitter) tooLarge(key, value []byte) {
	if e.err == nil {
		e.err = Errorf(KindTooLarge, "emit", "a key of %d and a value of %d bytes; the limit is %d each",
			len(key), len(value), RecordMax)
	}
}

// HashKey is Batch.Hash of a key whose HeadWords are k0 and k1: a table that grows needs it again.
func HashKey(k0, k1 uint64, key []byte) uint64 {
	h := mix(k0, k1^uint64(len(key)))
	if len(key) <= HeadLen {
		return h
	}
	return hashRest(h, key)
}

// hashRest goes on with the hash of a key of more than 16 bytes behind those.
func hashRest(h uint64, key []byte) uint64 {
	for i := 16; i+8 <= len(key); i += 8 {
		h = mix(h, binary.LittleEndian.Uint64(key[i:]))
	}
	return mix(h, binary.LittleEndian.Uint64(key[len(key)-8:]))
}

// mix multiplies to 128 bits and folds, so that every bit of a and b reaches the low bits: tables
// look at those. The constants are odd and without a pattern.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9E3779B97F4A7C15, b^0xD6E8FEB86659FD93)
	return hi ^ lo
}

// keyWords loads the first 16 bytes of a key, zero-padded, without reading past its end.
func keyWords(k []byte) (a, b uint64) {
	switch n := uint(len(k)); {
	case n >= 16:
		return binary.LittleEndian.Uint64(k), binary.LittleEndian.Uint64(k[8:])
	case n > 8:
		return binary.LittleEndian.Uint64(k), binary.LittleEndian.Uint64(k[n-8:]) >> (8 * (16 - n))
	case n == 8:
		return binary.LittleEndian.Uint64(k), 0
	case n >= 4:
		lo := uint64(binary.LittleEndian.Uint32(k))
		hi := uint64(binary.LittleEndian.Uint32(k[n-4:]))
		return lo | hi<<(8*(n-4)), 0
	}
	if n := uint(len(k)); n > 0 {
		a = uint64(k[0]) | uint64(k[n/2])<<(8*(n/2)) | uint64(k[n-1])<<(8*(n-1))
	}
	return a, 0
}
