package coordinator

import (
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/protocol"
)

// The sizes of a client's own input.
const (
	streamSplitSize = 4 << 20 // bytes of a map task, unless the job says otherwise
	pieceMax        = 1 << 20 // bytes that are held, spooled and read back as one
	inputWindow     = 1 << 20 // bytes that a client may send ahead of what was taken
)

// stretch is the input of one map task: whole records of the client's stream.
type stretch struct {
	from   int64 // where it starts in the stream
	pieces []*piece
}

// piece is a part of a stretch: in memory, or in the job's spool.
type piece struct {
	data []byte // nil: it is in the spool
	at   int64  // where it is in the spool
	n    int
}

func (s *stretch) bytes() (n int64) {
	for _, p := range s.pieces {
		n += int64(p.n)
	}
	return n
}

// offset and first are what the split of a map task says of an inline input.
func (s *split) offset() int64 {
	if s.inline == nil {
		return 0
	}
	return s.inline.from
}

func (s *split) first() bool { return s.inline != nil && s.inline.from == 0 }

// inlet cuts a client's stream into stretches: behind the first record with which a stretch has
// size bytes.
type inlet struct {
	size   int64
	ends   format.Scanner
	offset int64    // of the next byte
	open   *stretch // not complete yet
	grown  int64    // bytes in it
	credit int64    // bytes that the client may still send
	held   int64    // bytes of all stretches in memory
	spool  spool
}

// input takes bytes of a client's own input. What nobody needs is dropped, but credited, so that
// the client comes to its end.
func (o *owner) input(p *peer, m *protocol.Input) error {
	j := feeding(p, m.Stream)
	if j == nil {
		if p.client.requests[m.Stream] != nil {
			o.send(p, &protocol.Credit{Stream: m.Stream, Bytes: int64(len(m.Data))})
		}
		return nil
	}
	f := &j.feed
	f.endPaths()
	if f.inlet == nil {
		f.inlet = newInlet(f.splitSize, f.format)
	}
	in := f.inlet
	if in.credit -= int64(len(m.Data)); in.credit < 0 {
		return fanfold.Errorf(fanfold.KindProtocol, "take input", "more than the credit for it")
	}
	for data := m.Data; len(data) > 0; {
		n, ended := in.cut(data)
		o.store(j, data[:n])
		if ended {
			o.endStretch(j)
		}
		data = data[n:]
	}
	if in.grown > in.size+fanfold.RecordMax {
		o.failJob(j, fanfold.Errorf(fanfold.KindTooLarge, "take input",
			"-: a record of more than %d bytes, behind offset %d", fanfold.RecordMax, in.open.from))
		return nil
	}
	o.grantInput(j)
	o.advance(j)
	return nil
}

// cut is how much of data goes to the open stretch: up to the end of the record that completes it.
func (in *inlet) cut(data []byte) (n int, ended bool) {
	from := max(0, in.size-in.grown-1)
	return in.ends.End(data, int(min(from, int64(len(data)))))
}

// store copies data to the pieces of the open stretch.
func (o *owner) store(j *job, data []byte) {
	in := j.feed.inlet
	for len(data) > 0 {
		n := in.add(data)
		o.hold(in, n)
		data = data[n:]
		if last := in.last(); last.n == pieceMax {
			o.maybeSpool(j, last)
		}
	}
}

// grantInput lets a client send more, unless its job's spool has to catch up first.
func (o *owner) grantInput(j *job) {
	in := j.feed.inlet
	if j.client == nil || in.credit > inputWindow/2 || in.spool.waiting > spoolPendingMax {
		return
	}
	o.send(j.client.peer, &protocol.Credit{Stream: j.client.number, Bytes: inputWindow - in.credit})
	in.credit = inputWindow
}

func newInlet(size int64, how *format.Format) *inlet {
	if size == 0 {
		size = streamSplitSize
	}
	return &inlet{
		size: size, ends: format.Scanner{Format: how}, open: &stretch{}, credit: protocol.InputWindow,
	}
}

// add copies the start of data to the open stretch, as much as its last piece has room for.
func (in *inlet) add(data []byte) int {
	last := in.last()
	if last == nil || last.n == pieceMax {
		last = &piece{}
		in.open.pieces = append(in.open.pieces, last)
	}
	n := min(len(data), pieceMax-last.n)
	if need := last.n + n; need > cap(last.data) {
		last.data = append(make([]byte, 0, in.room(last, need)), last.data...)
	}
	last.data = append(last.data, data[:n]...)
	last.n += n
	in.offset, in.grown = in.offset+int64(n), in.grown+int64(n)
	return n
}

// room is the capacity for the last piece of the open stretch, which needs so many bytes: as much
// as the stretch is going to fill, once the stream is no short one, and else twice what it has.
func (in *inlet) room(last *piece, need int) int {
	room := max(2*cap(last.data), need)
	if in.offset >= pieceMax {
		room = max(room, int(min(int64(last.n)+in.size-in.grown, pieceMax)))
	}
	return min(room, pieceMax)
}

func (in *inlet) last() *piece {
	if n := len(in.open.pieces); n > 0 {
		return in.open.pieces[n-1]
	}
	return nil
}

// endStretch completes the open stretch, if there is anything in it.
func (o *owner) endStretch(j *job) {
	in := j.feed.inlet
	if in == nil || in.grown == 0 {
		return
	}
	if last := in.last(); last.n < pieceMax {
		o.maybeSpool(j, last)
	}
	j.feed.items = append(j.feed.items, feedItem{inline: in.open})
	in.open, in.grown = &stretch{from: in.offset}, 0
}

// endInlet completes the last stretch. A stream without any bytes is one empty stretch: a mapper
// may have something to say about it.
func (o *owner) endInlet(j *job) {
	o.endStretch(j)
	if in := j.feed.inlet; in != nil && in.offset == 0 {
		j.feed.items = append(j.feed.items, feedItem{inline: in.open})
	}
}

// maybeSpool moves a complete piece to disk when more is held in memory than may be.
func (o *owner) maybeSpool(j *job, p *piece) {
	in := j.feed.inlet
	if o.inline <= o.cfg.Limits.InlineMax {
		return
	}
	if in.offset > o.cfg.Limits.SpoolMax {
		o.failJob(j, fanfold.Errorf(fanfold.KindTooLarge, "spool input",
			"more than %d bytes", o.cfg.Limits.SpoolMax))
		return
	}
	o.spool(j, p)
}

// hold accounts for bytes that come into memory, or, below zero, leave it.
func (o *owner) hold(in *inlet, bytes int) {
	in.held += int64(bytes)
	o.inline += int64(bytes)
}

// dropInput gives up the client's own input of a job, in memory and on disk.
func (o *owner) dropInput(j *job) {
	in := j.feed.inlet
	if in == nil || in.spool.closed {
		return
	}
	o.hold(in, -int(in.held))
	in.spool.closed = true
	if !in.spool.writing {
		o.closeSpool(&in.spool)
	}
}
