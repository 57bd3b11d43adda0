package client

import (
	"slices"

	"github.com/fanfold/fanfold/protocol"
)

// How far a stream whose results come in order may be ahead of the oldest task that has none: see
// deliver. Send waits then.
const (
	aheadMax      = 16 << 10 // tasks
	aheadBytesMax = 64 << 20 // cost of results that wait for their turn or for Recv, or are to come
)

// isAhead reports whether results have to come, or to be received, before further tasks. What is
// still to come is taken to be as large as the largest result so far. s.mu is held.
func (s *Stream) isAhead() bool {
	l := &s.line
	tasks := s.window.upcoming() - max(l.next, 1)
	wait := l.bytes + len(s.filling.data) + len(s.filling.list)*protocol.TaskCost
	if tasks > 0 {
		wait += s.window.open * l.largest
	}
	return tasks >= aheadMax || wait > aheadBytesMax
}

// line puts results into the order of their tags. Those that came before their turn wait in it.
type line struct {
	next    uint64 // tag whose turn it is; 0: the first one
	ring    []turn // ring[head] is that of next; its length is a power of two
	head    int
	bytes   int // cost of the results in it
	largest int // cost of a result so far
}

// turn is what waits for the turn of a tag.
type turn struct {
	ended bool // result is there; or nothing is to be waited for
	skip  bool // no result comes
	one   Result
	data  []byte   // of one, and for the next one
	said  []Result // ahead of one
}

const (
	lineMin  = 64      // length of the first ring
	turnKept = 4 << 10 // bytes of a buffer that a turn keeps
)

// at is the turn of a tag, which is next or a later one.
func (l *line) at(tag uint64) *turn {
	l.next = max(l.next, 1)
	i := int(tag - l.next)
	if i >= len(l.ring) {
		larger := make([]turn, max(lineMin, 2*len(l.ring)))
		for len(larger) <= i {
			larger = make([]turn, 2*len(larger))
		}
		n := copy(larger, l.ring[l.head:])
		copy(larger[n:], l.ring[:l.head])
		l.ring, l.head = larger, 0
	}
	return &l.ring[(l.head+i)&(len(l.ring)-1)]
}

// add gives a result to Recv, and what waited behind it; or it has to wait.
func (l *line) add(r *Result, s *Stream) {
	cost := len(r.Data) + protocol.TaskCost
	l.largest = max(l.largest, cost)
	if r.Tag <= max(l.next, 1) {
		s.filling.add(r)
		if !r.Partial {
			l.pass(r.Tag, s)
		}
		return
	}
	t := l.at(r.Tag)
	l.bytes += cost
	if r.Partial {
		t.said = append(t.said, *r)
		said := &t.said[len(t.said)-1]
		said.Data = slices.Clone(r.Data)
		return
	}
	t.one, t.ended = *r, true
	t.data = append(t.data[:0], r.Data...)
	t.one.Data = t.data
}

// pass says that a tag gets no result here.
func (l *line) pass(tag uint64, s *Stream) {
	if tag < l.next {
		return
	}
	t := l.at(tag)
	t.ended, t.skip = true, true
	l.release(s)
}

// release gives out what waits for the tag whose turn it is, and so on.
func (l *line) release(s *Stream) {
	for len(l.ring) > 0 {
		t := &l.ring[l.head]
		for i := range t.said {
			s.filling.add(&t.said[i])
			l.bytes -= len(t.said[i].Data) + protocol.TaskCost
		}
		t.said = nil
		if !t.ended {
			return
		}
		if !t.skip {
			s.filling.add(&t.one)
			l.bytes -= len(t.data) + protocol.TaskCost
		}
		if *t = (turn{data: t.data[:0]}); cap(t.data) > turnKept {
			t.data = nil
		}
		l.head = (l.head + 1) & (len(l.ring) - 1)
		l.next++
	}
}
