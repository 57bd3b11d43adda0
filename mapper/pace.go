package mapper

import "time"

const (
	paceInterval = time.Millisecond // between looks at the clock, about
	paceMax      = 64               // records between them at most
)

// pace says when a checkpoint is due between the records of a block. Most mappers take less than a
// microsecond for a line, and some take a minute: both must be seen to make progress, and stop.
type pace struct {
	every, left int // records
	last        time.Time
}

// due is called once a record.
func (p *pace) due() bool {
	if p.left--; p.left > 0 {
		return false
	}
	now := time.Now()
	if now.Sub(p.last) < paceInterval {
		p.every = min(max(2*p.every, 1), paceMax)
	} else {
		p.every = p.every / 2
	}
	p.left, p.last = p.every, now
	return true
}
