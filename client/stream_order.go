package client

import "slices"

// line puts results into the order of their tags. Those that came before their turn wait in it.
type line struct {
	next uint64 // tag whose turn it is; 0: the first one
	held map[uint64][]Result
	skip map[uint64]bool // tags that get no result here

	bytes int // of data in held
}

// add gives to out what may go, with what waited behind it.
func (l *line) add(r Result, out *results) {
	if l.held == nil {
		l.held, l.next = map[uint64][]Result{}, max(l.next, 1)
	}
	if r.Tag > l.next {
		r.Data = slices.Clone(r.Data)
		l.held[r.Tag] = append(l.held[r.Tag], r)
		l.bytes += len(r.Data)
		return
	}
	out.add(r)
	if !r.Partial && r.Tag == l.next {
		l.next++
		l.release(out)
	}
}

// pass says that a tag gets no result here: a call waits for it, or nobody does.
func (l *line) pass(tag uint64, out *results) {
	if l.skip == nil {
		l.skip = map[uint64]bool{}
	}
	l.skip[tag] = true
	if l.next = max(l.next, 1); l.next == tag {
		l.release(out)
	}
}

// release gives out what waits for the tag whose turn it is, and so on.
func (l *line) release(out *results) {
	for {
		if l.skip[l.next] {
			delete(l.skip, l.next)
			l.next++
			continue
		}
		list := l.held[l.next]
		ended := false
		for _, r := range list {
			out.add(r)
			l.bytes -= len(r.Data)
			ended = ended || !r.Partial
		}
		delete(l.held, l.next)
		if !ended {
			return
		}
		l.next++
	}
}
