package scheduler

import "math/bits"

// classes is the number of priority classes.
const classes = 8

// share is a submitting identity's part of the slots: its jobs in a line per priority class.
type share struct {
	claim
	lines [classes]line
	ready uint8 // bit p: lines[p] is not empty
}

// claim is the right of a share, or of a job within its class, to slot time.
type claim struct {
	pass   int64 // slot time had, over weight, in nanoseconds; who has the least goes first
	rest   int64 // what that division has left over
	weight int64
	place  int    // in its line's heap, counted from one; 0: not in line
	owner  uint32 // index of the job, or number of the share
	job    *job   // nil: it is a share's
}

// line is who may go next, a heap by pass: stride scheduling (Waldspurger and Weihl, 1995) with
// the start-time rule that who was not in line gets no arrears.
type line struct {
	heap []*claim
	now  int64 // pass of the one whose turn it was last
}

func (l *line) join(c *claim) {
	c.pass = max(c.pass, l.now)
	l.heap = append(l.heap, c)
	c.place = len(l.heap)
	l.up(c.place - 1)
}

func (l *line) leave(c *claim) {
	i, last := c.place-1, len(l.heap)-1
	l.swap(i, last)
	l.heap[last] = nil
	l.heap = l.heap[:last]
	c.place = 0
	if i < last {
		l.fix(i)
	}
}

// serve notes that the first one had its turn, or left it to another one.
func (l *line) serve() { l.now = max(l.now, l.heap[0].pass) }

// charge adds slot time; a negative one gives it back.
func (l *line) charge(c *claim, nanos int64) {
	nanos += c.rest
	if c.weight == 1 { // most are: two divisions spared
		c.pass, c.rest = c.pass+nanos, 0
	} else {
		c.pass += nanos / c.weight
		c.rest = nanos % c.weight
	}
	if c.place != 0 && len(l.heap) > 1 {
		l.fix(c.place - 1)
	}
}

func (l *line) fix(i int) {
	l.up(i)
	l.down(i)
}

func (l *line) up(i int) {
	for i > 0 && l.less(i, (i-1)/2) {
		l.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (l *line) down(i int) {
	for {
		k := 2*i + 1
		if k+1 < len(l.heap) && l.less(k+1, k) {
			k++
		}
		if k >= len(l.heap) || !l.less(k, i) {
			return
		}
		l.swap(i, k)
		i = k
	}
}

func (l *line) less(i, k int) bool {
	a, b := l.heap[i], l.heap[k]
	return a.pass < b.pass || a.pass == b.pass && a.owner < b.owner
}

func (l *line) swap(i, k int) {
	h := l.heap
	h[i], h[k] = h[k], h[i]
	h[i].place, h[k].place = i+1, k+1
}

// share gives the share of an identity; it is made when it is first heard of.
func (s *State) share(id ShareID) *share {
	for int(id) >= len(s.shares) {
		s.shares = append(s.shares, nil)
	}
	if s.shares[id] == nil {
		s.shares[id] = &share{claim: claim{owner: uint32(id), weight: 1}}
	}
	return s.shares[id]
}

// settle puts a job in line if it has a task that may go, and takes it out otherwise.
func (s *State) settle(j *job) {
	want := !j.ended && !j.parked && j.hasWork()
	if want == (j.place != 0) {
		return
	}
	sh := s.shares[j.spec.Share]
	l := &sh.lines[j.spec.Priority]
	if want {
		l.join(&j.claim)
		sh.ready |= 1 << j.spec.Priority
	} else {
		l.leave(&j.claim)
		if len(l.heap) == 0 {
			sh.ready &^= 1 << j.spec.Priority
		}
		if j.spec.Backups && !j.ended {
			s.watch(j, Time(s.wheel.tick<<tickBits), s.cfg.Pace)
		}
	}
	switch {
	case sh.ready != 0 && sh.place == 0:
		s.line.join(&sh.claim)
	case sh.ready == 0 && sh.place != 0:
		s.line.leave(&sh.claim)
	}
}

// first is the job that goes next, or nil.
func (s *State) first() *job {
	if len(s.line.heap) == 0 {
		return nil
	}
	sh := s.shares[s.line.heap[0].owner]
	return sh.lines[sh.class()].heap[0].job
}

// class is the priority class of a share that goes first, if the share is in line.
func (sh *share) class() uint8 { return uint8(bits.TrailingZeros8(sh.ready)) }

// serve notes that a job in line gets a task run, which is thought to take so long.
func (s *State) serve(j *job, cost int64) {
	sh := s.shares[j.spec.Share]
	s.line.serve()
	sh.lines[j.spec.Priority].serve()
	s.charge(j, cost)
}

// charge accounts slot time to a job and to its share.
func (s *State) charge(j *job, nanos int64) {
	sh := s.shares[j.spec.Share]
	s.line.charge(&sh.claim, nanos)
	sh.lines[j.spec.Priority].charge(&j.claim, nanos)
}
