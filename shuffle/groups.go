package shuffle

import (
	"bytes"

	"github.com/fanfold/fanfold"
)

// Groups walks over the keys of a stream, each with its values, without holding a group in memory.
type Groups struct {
	rows   rows
	group  func(key []byte) int // bytes of a key that make the group; nil: all
	row    row                  // read last
	more   bool
	given  bool // row was given out, or was never read: the next one is due
	part   uint32
	prefix uint64
	key    []byte // of the group
	values *fanfold.Values
	err    error
}

// newGroups walks over rows by the whole of their keys, or by what group gives of them.
func newGroups(r rows, group func(key []byte) int) *Groups {
	g := &Groups{rows: r, group: group, more: true, given: true}
	g.values = fanfold.NewValues(g.value)
	return g
}

// Next goes to the next key, whatever is left of the values of the one before. It is false at the
// end and after an error.
func (g *Groups) Next() bool {
	for ok := g.key != nil; ok; {
		_, ok = g.value()
	}
	if g.given {
		g.advance()
	}
	if !g.more {
		return false
	}
	g.part, g.prefix = g.row.part, g.row.prefix
	key := g.row.key
	if g.group != nil {
		key = key[:g.group(key)]
	}
	g.key = append(g.key[:0], key...)
	if g.key == nil {
		g.key = []byte{}
	}
	return true
}

// Key is the key of the group, valid until Next.
func (g *Groups) Key() []byte { return g.key }

// Values are the values of the group, valid until Next. A read error ends them: see Err.
func (g *Groups) Values() *fanfold.Values { return g.values }

// Err is why Next or the values ended before their time.
func (g *Groups) Err() error { return g.err }

// value gives the group's next value.
func (g *Groups) value() ([]byte, bool) {
	if g.given {
		g.advance()
	}
	if !g.more || g.row.part != g.part || !g.has(&g.row) {
		return nil, false
	}
	g.given = true
	return g.row.value, true
}

// has reports whether a row belongs to the group.
func (g *Groups) has(r *row) bool {
	if g.group != nil {
		return bytes.HasPrefix(r.key, g.key)
	}
	return r.prefix == g.prefix && bytes.Equal(r.key, g.key)
}

func (g *Groups) advance() {
	g.given = false
	if g.more {
		g.more, g.err = g.rows.next(&g.row)
		g.more = g.more && g.err == nil
	}
}
