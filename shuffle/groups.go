package shuffle

import (
	"bytes"

	"github.com/fanfold/fanfold"
)

// Groups walks over the keys of a stream, each with its values, without holding a group in memory.
type Groups struct {
	rows   rows
	row    row // read last
	more   bool
	given  bool // row was given out, or was never read: the next one is due
	part   uint32
	prefix uint64
	key    []byte // of the group
	values *fanfold.Values
	err    error
}

func newGroups(r rows) *Groups {
	g := &Groups{rows: r, more: true, given: true}
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
	g.key = append(g.key[:0], g.row.key...)
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
	if !g.more || g.row.prefix != g.prefix || g.row.part != g.part ||
		!bytes.Equal(g.row.key, g.key) {
		return nil, false
	}
	g.given = true
	return g.row.value, true
}

func (g *Groups) advance() {
	g.given = false
	if g.more {
		g.more, g.err = g.rows.next(&g.row)
		g.more = g.more && g.err == nil
	}
}
