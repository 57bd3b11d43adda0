package process

import (
	"bytes"
	"strings"
)

// output sorts what one process prints by attempt, at the marks of its Marker.
type output struct {
	book   *LogBook
	prefix []byte // of a mark: markStart and the nonce
	held   []byte // the begin of what may be a mark; only write and end look at it

	own     log    // what is printed outside attempts; guarded by book.mu
	current *entry // the attempt in hand; nil: none; guarded by book.mu
}

// newOutput makes an output that files in book, which may be nil.
func newOutput(book *LogBook, nonce string) *output {
	if book == nil {
		book = NewLogBook()
	}
	return &output{book: book, prefix: []byte(markStart + nonce)}
}

// write takes what was read; it is not kept.
func (o *output) write(p []byte) {
	if len(o.held) > 0 {
		p = append(o.held, p...)
	}
	o.held = nil
	for len(p) > 0 {
		i := bytes.Index(p, o.prefix)
		if i < 0 {
			i = len(p) - overlap(p, o.prefix)
			o.keep(p[:i])
			o.held = bytes.Clone(p[i:])
			return
		}
		o.keep(p[:i])
		p = p[i:]
		end := bytes.IndexByte(p[:min(len(p), markMax)], '\n')
		switch {
		case end < 0 && len(p) < markMax:
			o.held = bytes.Clone(p)
			return
		case end < 0 || !o.mark(string(p[len(o.prefix):end])):
			o.keep(p[:len(o.prefix)])
			p = p[len(o.prefix):]
		default:
			p = p[end+1:]
		}
	}
}

// mark obeys a mark, given without its prefix and LF; false when it is none.
func (o *output) mark(text string) bool {
	o.book.mu.Lock()
	defer o.book.mu.Unlock()
	if attempt, ok := strings.CutPrefix(text, markBegin); ok {
		o.leave()
		o.current = o.book.begin(attempt)
		return true
	}
	attempt, ok := strings.CutPrefix(text, markEnd)
	if ok && o.current != nil && o.current.attempt == attempt {
		o.leave()
	}
	return ok
}

// leave ends the attempt in hand; book.mu is held.
func (o *output) leave() {
	if o.current != nil {
		o.book.end(o.current)
		o.current = nil
	}
}

// keep files bytes that are no mark.
func (o *output) keep(p []byte) {
	if len(p) == 0 {
		return
	}
	o.book.mu.Lock()
	defer o.book.mu.Unlock()
	if o.current != nil {
		o.book.write(o.current, p)
		return
	}
	o.own.write(p)
}

// end says that nothing more comes: an attempt in hand has ended too. It stays the one that tail
// shows.
func (o *output) end() {
	o.keep(o.held)
	o.held = nil
	o.book.mu.Lock()
	defer o.book.mu.Unlock()
	if o.current != nil {
		o.book.end(o.current)
	}
}

// tail is at most the last n bytes of the attempt in hand, or of what was printed outside attempts.
func (o *output) tail(n int) []byte {
	o.book.mu.Lock()
	defer o.book.mu.Unlock()
	if o.current != nil {
		return o.current.log.tail(n)
	}
	return o.own.tail(n)
}

// overlap is the length of the longest end of p that is a proper beginning of prefix.
func overlap(p, prefix []byte) int {
	for n := min(len(p), len(prefix)-1); n > 0; n-- {
		if bytes.HasPrefix(prefix, p[len(p)-n:]) {
			return n
		}
	}
	return 0
}
