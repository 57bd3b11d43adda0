package shuffle

// arena holds bytes that are freed all at once, in chunks, so that growing copies nothing. A ref is
// a chunk's index << shift | an offset: refs ascend in the order of their allocation.
type arena struct {
	shift  uint // an ordinary chunk has 1 << shift bytes; the first are smaller, to start small
	chunks [][]byte
	free   [][]byte // ordinary chunks
	bytes  int64    // of chunks and free
}

// firstChunkBytes is what an arena starts with: most attempts of short tasks need no more.
const firstChunkBytes = 4 << 10

// alloc gives n bytes, which is not 0, that are not zeroed.
func (a *arena) alloc(n int) (ref uint64, b []byte) {
	if !a.lastHas(n) {
		a.chunks = append(a.chunks, a.chunk(n))
	}
	last := len(a.chunks) - 1
	c := a.chunks[last]
	used := len(c)
	a.chunks[last] = c[:used+n]
	return uint64(last)<<a.shift | uint64(used), c[used : used+n : used+n]
}

// lastHas reports whether the last chunk has room for n bytes.
func (a *arena) lastHas(n int) bool {
	last := len(a.chunks) - 1
	return last >= 0 && cap(a.chunks[last])-len(a.chunks[last]) >= n
}

// chunk gives an empty chunk for at least n bytes.
func (a *arena) chunk(n int) []byte {
	if f := len(a.free) - 1; f >= 0 && n <= 1<<a.shift {
		c := a.free[f]
		a.free = a.free[:f]
		return c[:0]
	}
	size := a.chunkSize(n)
	a.bytes += int64(size)
	return make([]byte, 0, size)
}

func (a *arena) chunkSize(n int) int {
	ordinary := min(firstChunkBytes<<min(2*len(a.chunks), 20), 1<<a.shift)
	return max(n, ordinary)
}

// grows is how many bytes alloc(n) would take from the system.
func (a *arena) grows(n int) int64 {
	if a.lastHas(n) || len(a.free) > 0 && n <= 1<<a.shift {
		return 0
	}
	return int64(a.chunkSize(n))
}

// fits reports whether alloc(n) would give a ref of at most so many bits.
func (a *arena) fits(n int, bits uint) bool {
	return a.lastHas(n) || len(a.chunks) < 1<<(bits-a.shift)
}

// at gives what was allocated at ref and behind it in the same chunk.
func (a *arena) at(ref uint64) []byte {
	return a.chunks[ref>>a.shift][ref&(1<<a.shift-1):]
}

// reset frees everything and keeps the ordinary chunks for what comes.
func (a *arena) reset() {
	for i, c := range a.chunks {
		if cap(c) == 1<<a.shift {
			a.free = append(a.free, c)
		} else {
			a.bytes -= int64(cap(c))
		}
		a.chunks[i] = nil
	}
	a.chunks = a.chunks[:0]
}
