package protocol

import (
	"math/bits"
	"sync"
)

// The sizes of buffers that are too large to stay with a connection that does not need them just
// then: powers of two from 2*keepMax on.
const (
	largeMin   = 2 * keepMax
	largeSizes = 4 // up to BulkMax
)

// large has buffers of each of these sizes, for all connections: a queue that fills up and drains
// again and again would make garbage of its length each time.
var large [largeSizes]sync.Pool

// grown gives a buffer with the bytes of b and room for at least more others. The caller has no use
// for b any more.
func grown(b []byte, more int) []byte {
	size := max(len(b)+more, 2*cap(b))
	size = 1 << bits.Len(uint(size-1))
	var wider []byte
	if i := largeIndex(size); i >= 0 {
		if kept, ok := large[i].Get().(*[]byte); ok {
			wider = *kept
		}
	}
	if wider == nil {
		wider = make([]byte, 0, size)
	}
	wider = append(wider, b...)
	recycle(b)
	return wider
}

// recycle keeps a buffer for others if it is a large one. The caller has no use for it any more.
func recycle(b []byte) {
	if i := largeIndex(cap(b)); i >= 0 {
		b = b[:0]
		large[i].Put(&b)
	}
}

// largeIndex is the place of buffers of a size in large; -1: they are not kept there.
func largeIndex(size int) int {
	i := bits.Len(uint(size)) - bits.Len(largeMin)
	if size&(size-1) != 0 || i >= largeSizes {
		return -1
	}
	return max(i, -1)
}
