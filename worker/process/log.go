package process

// The limits of the log of an attempt. What is printed between its head and its tail is dropped.
const (
	LogHeadMax = 1 << 20 // bytes
	LogTailMax = 1 << 20 // bytes
)

// log is what is kept of an output without end. It has no lock: its owner has.
//
// Invariant: dropped > 0 only when head and ring are full.
type log struct {
	head    []byte
	ring    []byte // the last bytes, the oldest at next
	next    int    // 0 until ring is full
	dropped int64  // bytes
}

// write appends p, which it does not keep, and returns by how many bytes the log grew.
func (l *log) write(p []byte) (grown int) {
	n := min(len(p), LogHeadMax-len(l.head))
	l.head = append(l.head, p[:n]...)
	p = p[n:]
	more := min(len(p), LogTailMax-len(l.ring))
	l.ring = append(l.ring, p[:more]...)
	p = p[more:]
	l.dropped += int64(len(p))
	if len(p) > LogTailMax {
		p = p[len(p)-LogTailMax:]
	}
	for len(p) > 0 {
		c := copy(l.ring[l.next:], p)
		l.next = (l.next + c) % LogTailMax
		p = p[c:]
	}
	return n + more
}

// size is the number of bytes that are kept.
func (l *log) size() int { return len(l.head) + len(l.ring) }

// tail is at most the last n bytes, copied.
func (l *log) tail(n int) []byte {
	skip := max(l.size()-max(n, 0), 0)
	out := make([]byte, 0, l.size()-skip)
	for _, part := range [][]byte{l.head, l.ring[l.next:], l.ring[:l.next]} {
		s := min(skip, len(part))
		skip -= s
		out = append(out, part[s:]...)
	}
	return out
}
