package coordinator

import "github.com/fanfold/fanfold/coordinator/scheduler"

// arena keeps what the tasks of open jobs carry, and the results that wait for their client, in
// chunks. A chunk is free when nothing in it is used any more: so a million small tasks cost no
// allocation each, and their memory is given back when they are done.
type arena struct {
	chunks []chunk
	now    int   // number of the chunk that is being filled, counted from 1; 0: none is
	spare  []int // chunks that nothing uses, with memory; at most spareMax
	empty  []int // those without
}

type chunk struct {
	b    []byte
	live int // uses of pieces in it
}

const (
	chunkBytes = 256 << 10
	aloneBytes = 64 << 10 // a piece of so many bytes has a chunk of its own
	spareMax   = 16

	// A Ref is the chunk's number, the offset in it, and the length.
	lengthBits = 23
	offsetBits = 18
)

// put copies a piece that consists of parts, and names it; 0 is the name of one without bytes.
func (a *arena) put(parts ...[]byte) scheduler.Ref {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n == 0 {
		return 0
	}
	number := a.room(n)
	c := &a.chunks[number-1]
	at := len(c.b)
	for _, p := range parts {
		c.b = append(c.b, p...)
	}
	c.live++
	return scheduler.Ref(number)<<(lengthBits+offsetBits) | scheduler.Ref(at)<<lengthBits |
		scheduler.Ref(n)
}

// room is the number of a chunk with room for n bytes.
func (a *arena) room(n int) int {
	if n >= aloneBytes {
		return a.vacant(n)
	}
	if a.now != 0 {
		if c := &a.chunks[a.now-1]; len(c.b)+n <= cap(c.b) {
			return a.now
		}
		full := a.now
		a.now = 0
		a.free(full)
	}
	if k := len(a.spare); k > 0 {
		a.now, a.spare = a.spare[k-1], a.spare[:k-1]
	} else {
		a.now = a.vacant(chunkBytes)
	}
	return a.now
}

// vacant is the number of a new chunk.
func (a *arena) vacant(size int) int {
	if k := len(a.empty); k > 0 {
		number := a.empty[k-1]
		a.empty = a.empty[:k-1]
		a.chunks[number-1].b = make([]byte, 0, size)
		return number
	}
	a.chunks = append(a.chunks, chunk{b: make([]byte, 0, size)})
	return len(a.chunks)
}

// get is the piece with a name, valid until it is dropped. It must not be changed.
func (a *arena) get(r scheduler.Ref) []byte {
	if r == 0 {
		return nil
	}
	at, n := int(r>>lengthBits&(1<<offsetBits-1)), size(r)
	return a.chunks[r>>(lengthBits+offsetBits)-1].b[at : at+n : at+n]
}

// size is the length of a piece.
func size(r scheduler.Ref) int { return int(r & (1<<lengthBits - 1)) }

// share has a piece stay until it is dropped once more; 0 is none.
func (a *arena) share(r scheduler.Ref) scheduler.Ref {
	if r != 0 {
		a.chunks[r>>(lengthBits+offsetBits)-1].live++
	}
	return r
}

// drop gives a piece back; 0 is none.
func (a *arena) drop(r scheduler.Ref) {
	if r == 0 {
		return
	}
	number := int(r >> (lengthBits + offsetBits))
	c := &a.chunks[number-1]
	switch c.live--; {
	case c.live > 0:
	case number == a.now:
		c.b = c.b[:0]
	default:
		a.free(number)
	}
}

// free makes a chunk that nothing uses one that can be filled again.
func (a *arena) free(number int) {
	c := &a.chunks[number-1]
	switch {
	case c.live > 0:
	case cap(c.b) == chunkBytes && len(a.spare) < spareMax:
		c.b = c.b[:0]
		a.spare = append(a.spare, number)
	default:
		c.b = nil
		a.empty = append(a.empty, number)
	}
}

// bytes is the memory of all chunks.
func (a *arena) bytes() (n int64) {
	for i := range a.chunks {
		n += int64(cap(a.chunks[i].b))
	}
	return n
}
