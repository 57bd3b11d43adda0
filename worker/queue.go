package worker

// call is an entry of the queue: a Call, an attempt of a closed job, or the state of a shard.
type call struct {
	attempt *attempt // of a closed job; nil: the rest counts
	plan    *plan
	handle  uint64 // of the attempt
	buf     *chunk // where data and key are; nil where both are empty
	data    []byte
	key     []byte
	until   int64  // its deadline, as inbox.now has it; 0: none
	tasks   uint64 // opRestore: Snapshot.Tasks
	task    uint32
	shard   uint32 // counted from 1; 0: none
	number  uint16 // of the attempt
	op      uint8  // protocol.OpHandle, protocol.OpReduce or opRestore
	stopped bool   // by the coordinator, while it ran
}

// opRestore is the op of a Snapshot from the coordinator, which waits in line like the Calls.
const opRestore = 1 << 7

// is reports whether c is the attempt that the coordinator means.
func (c *call) is(handle uint64) bool {
	if c.attempt != nil {
		return c.attempt.handle == handle
	}
	return c.handle == handle && c.op != opRestore
}

// cost is what c counts of inbox.held.
func (c *call) cost() int {
	if c.attempt != nil {
		return c.attempt.cost
	}
	return len(c.data) + len(c.key)
}

// queue is a ring of what has not started, in the order in which it came. The inbox's lock guards
// it.
type queue struct {
	ring  []call // as long as a power of two, or empty
	first int
	n     int
}

// at is entry i, counted from the front; valid until the queue changes.
func (q *queue) at(i int) *call { return &q.ring[(q.first+i)&(len(q.ring)-1)] }

func (q *queue) push(c *call) {
	if q.n == len(q.ring) {
		ring := make([]call, max(64, 2*q.n))
		k := copy(ring, q.ring[q.first:])
		copy(ring[k:], q.ring[:q.first])
		q.ring, q.first = ring, 0
	}
	q.n++
	*q.at(q.n - 1) = *c
}

// take takes entry i out; the order of the others stays.
func (q *queue) take(i int) call {
	c := *q.at(i)
	for ; i > 0; i-- {
		*q.at(i) = *q.at(i - 1)
	}
	*q.at(0) = call{}
	q.first, q.n = (q.first+1)&(len(q.ring)-1), q.n-1
	return c
}

// find is the place of an attempt, or -1.
func (q *queue) find(handle uint64) int {
	for i := range q.n {
		if q.at(i).is(handle) {
			return i
		}
	}
	return -1
}

const (
	chunkLen   = 64 << 10 // bytes of the chunks that calls share
	chunksKept = 16       // of those that are not in use
	largeKept  = 4 << 20  // bytes of another one
)

// chunk is memory for the bytes of calls, which are copied once, as they come.
type chunk struct {
	buf  []byte
	refs int // calls that have bytes here, and one for being filled
}

// arena has the chunks. The inbox's lock guards it.
type arena struct {
	filled *chunk // the one that is being filled; nil at first
	free   []*chunk
	large  *chunk // one of another length that is not in use, or nil
}

// hold moves the bytes of a call from where they came into a chunk.
func (a *arena) hold(c *call) {
	n := len(c.data) + len(c.key)
	if n == 0 || c.buf != nil { // it has nothing, or its own
		return
	}
	b := a.room(n)
	b.refs++
	at, end := len(b.buf), len(b.buf)+len(c.data)
	b.buf = append(append(b.buf, c.data...), c.key...)
	c.data, c.key, c.buf = b.buf[at:end:end], b.buf[end:len(b.buf):len(b.buf)], b
}

// room finds a chunk for n bytes more.
func (a *arena) room(n int) *chunk {
	if n > chunkLen/4 {
		if b := a.large; b != nil && cap(b.buf) >= n {
			a.large = nil
			return b
		}
		return &chunk{buf: make([]byte, 0, n)}
	}
	if b := a.filled; b != nil {
		if n <= cap(b.buf)-len(b.buf) {
			return b
		}
		a.drop(b)
	}
	if last := len(a.free) - 1; last >= 0 {
		a.filled, a.free = a.free[last], a.free[:last]
	} else {
		a.filled = &chunk{buf: make([]byte, 0, chunkLen)}
	}
	a.filled.refs++
	return a.filled
}

// drop is called when a call's bytes are not needed any more; b may be nil.
func (a *arena) drop(b *chunk) {
	if b == nil {
		return
	}
	if b.refs--; b.refs > 0 {
		if b.refs == 1 && b == a.filled {
			b.buf = b.buf[:0] // nobody else has bytes in it
		}
		return
	}
	b.buf = b.buf[:0]
	switch {
	case cap(b.buf) != chunkLen:
		if cap(b.buf) <= largeKept {
			a.large = b
		}
	case len(a.free) < chunksKept:
		a.free = append(a.free, b)
	}
}
