package protocol

import "sync/atomic"

// names has the names that came last, so that one which comes again is not allocated again: that of
// a worker comes with every Reply. It is a cache by a few bytes of the name, and of no meaning.
var names [64]atomic.Pointer[string]

// name is string for a text that comes again and again; before is what was read the last time.
func (c *cursor) name(before string) string {
	if c.left == 0 {
		return ""
	}
	t := c.next()
	if t.form != isStr {
		c.fail(errType)
		return ""
	}
	text := c.take(t.n)
	switch {
	case string(text) == before:
		return before
	case len(text) == 0 || len(text) > labelMax:
		return string(text)
	}
	sum := uint32(len(text))
	for _, b := range text {
		sum = sum*31 + uint32(b)
	}
	place := &names[sum%uint32(len(names))]
	if known := place.Load(); known != nil && *known == string(text) {
		return *known
	}
	made := string(text)
	place.Store(&made)
	return made
}
