package shuffle

// merge makes one stream of several. Where rows are equal in partition and key, those of an earlier
// stream come first, so arrival order holds if the streams are in that order. It is a tree of
// losers: tree[i] is the stream that lost at node i, tree[0] the one that won them all.
type merge struct {
	heads   []head
	tree    []int32
	started bool
}

// head is a stream and its next row.
type head struct {
	row
	rows rows
	done bool
}

// newMerge merges streams; with one it is that one.
func newMerge(streams []rows) rows {
	if len(streams) == 1 {
		return streams[0]
	}
	m := &merge{heads: make([]head, len(streams)), tree: make([]int32, len(streams))}
	for i := range streams {
		m.heads[i].rows = streams[i]
	}
	return m
}

// next gives the least row of all streams.
func (m *merge) next(r *row) (bool, error) {
	if len(m.heads) == 0 {
		return false, nil
	}
	if !m.started {
		if err := m.start(); err != nil {
			return false, err
		}
	} else {
		w := m.tree[0]
		if err := m.heads[w].advance(); err != nil {
			return false, err
		}
		m.replay(w)
	}
	w := &m.heads[m.tree[0]]
	*r = w.row
	return !w.done, nil
}

func (h *head) advance() error {
	more, err := h.rows.next(&h.row)
	h.done = !more
	return err
}

// start fills the heads and plays all of them.
func (m *merge) start() error {
	m.started = true
	for i := range m.heads {
		if err := m.heads[i].advance(); err != nil {
			return err
		}
		m.tree[i] = -1
	}
	for i := range m.heads {
		m.enter(int32(i))
	}
	return nil
}

// enter plays stream w upwards until it waits for its first opponent.
func (m *merge) enter(w int32) {
	for t := (int(w) + len(m.heads)) / 2; t > 0; t /= 2 {
		if m.tree[t] < 0 {
			m.tree[t] = w
			return
		}
		if m.before(m.tree[t], w) {
			m.tree[t], w = w, m.tree[t]
		}
	}
	m.tree[0] = w
}

// replay plays stream w, which won before and has a new row, from its leaf to the root.
func (m *merge) replay(w int32) {
	for t := (int(w) + len(m.heads)) / 2; t > 0; t /= 2 {
		if m.before(m.tree[t], w) {
			m.tree[t], w = w, m.tree[t]
		}
	}
	m.tree[0] = w
}

// before reports whether the next row of stream a comes before that of b.
func (m *merge) before(a, b int32) bool {
	x, y := &m.heads[a], &m.heads[b]
	if x.done || y.done {
		return !x.done
	}
	if x.part == y.part && x.prefix != y.prefix {
		return x.prefix < y.prefix
	}
	c := x.compare(&y.row)
	return c < 0 || c == 0 && a < b
}

// concat gives the rows of one stream after the other: not in order, but in that of the streams.
type concat struct {
	streams []rows
}

// next gives the next row of the first stream that has one.
func (c *concat) next(r *row) (bool, error) {
	for len(c.streams) > 0 {
		more, err := c.streams[0].next(r)
		if more || err != nil {
			return more, err
		}
		c.streams[0] = nil
		c.streams = c.streams[1:]
	}
	return false, nil
}
