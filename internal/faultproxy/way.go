package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The limits of what is held for one direction of a connection: pieceMax * piecesMax bytes.
const (
	pieceMax  = 16 << 10
	piecesMax = 64
)

// throttleStep is how much of a throttled line's time is waited for at once.
const throttleStep = 50 * time.Millisecond

// piece is what one read gave, and when.
type piece struct {
	data []byte
	at   time.Time
}

// way is one direction of a connection: a goroutine that reads and one that writes.
type way struct {
	proxy    *Proxy
	link     *link
	from, to net.Conn
	back     *way        // the other direction
	pieces   chan piece  // closed by the reader behind the last one
	aborted  atomic.Bool // from ended with an error; set before pieces is closed
	stalled  atomic.Bool // nothing passes for now
	lossy    atomic.Bool // bytes were swallowed: nothing passes any more

	mu      sync.Mutex    // guards what follows
	faults  []Fault       // the plan
	changed chan struct{} // closed when there is another plan

	// What follows belongs to the writer.
	plan   <-chan struct{} // changed of the plan that it follows
	ahead  []Fault         // of that plan, those that are to come
	passed int64           // bytes, since that plan was made
	delay  time.Duration
	rate   int       // 0: without limit
	free   time.Time // when the throttled line has sent what it was given
	copied []byte    // what is to be repeated
	toCopy int       // how many bytes are missing in copied
}

func newWay(p *Proxy, l *link, from, to net.Conn) *way {
	return &way{proxy: p, link: l, from: from, to: to, pieces: make(chan piece, piecesMax),
		changed: make(chan struct{})}
}

// set makes another plan.
func (w *way) set(faults []Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = faults
	close(w.changed)
	w.changed = make(chan struct{})
}

// silent reports whether the far side of this direction learns nothing.
func (w *way) silent() bool { return w.stalled.Load() || w.lossy.Load() }

// read reads until the end of from.
func (w *way) read() {
	defer close(w.pieces)
	for {
		data := make([]byte, pieceMax)
		n, err := w.from.Read(data)
		if n > 0 {
			select {
			case w.pieces <- piece{data[:n], time.Now()}:
			case <-w.link.closed:
				return
			}
		}
		if err != nil {
			w.aborted.Store(!errors.Is(err, io.EOF))
			return
		}
	}
}

// write passes on what was read, with the faults of the plan.
func (w *way) write() {
	for p := range w.pieces {
		for data := p.data; len(data) > 0 && !w.lossy.Load(); {
			data = w.pass(data, p.at)
		}
	}
	for f, ok := w.due(); ok && !w.lossy.Load(); f, ok = w.due() {
		w.strike(f, nil) // the end may be held, or swallowed
	}
	switch {
	case w.lossy.Load():
	case w.aborted.Load():
		w.link.reset()
	default:
		finish(w.to)
	}
}

// pass does the next thing to data and gives what is left of it.
func (w *way) pass(data []byte, read time.Time) (rest []byte) {
	if f, ok := w.due(); ok {
		w.strike(f, data)
		return data
	}
	n := len(data)
	if len(w.ahead) > 0 {
		n = int(min(int64(n), w.ahead[0].At-w.passed))
	}
	if w.toCopy > 0 {
		n = min(n, w.toCopy)
	}
	if w.rate > 0 {
		n = min(n, max(1, int(int64(w.rate)*int64(throttleStep)/int64(time.Second))))
	}
	w.hold(n, read)
	w.send(data[:n])
	w.passed += int64(n)
	w.repeat(data[:n])
	return data[n:]
}

// due takes the fault whose place is reached, if there is one, from the plan as it is now.
func (w *way) due() (f Fault, ok bool) {
	w.mu.Lock()
	if w.plan != w.changed {
		w.plan, w.ahead, w.passed = w.changed, inOrder(w.faults), 0
		w.delay, w.rate, w.toCopy, w.copied = 0, 0, 0, nil
	}
	w.mu.Unlock()
	if len(w.ahead) == 0 || w.ahead[0].At > w.passed {
		return Fault{}, false
	}
	f, w.ahead = w.ahead[0], w.ahead[1:]
	return f, true
}

// strike does a fault to the bytes that come next, or to the end.
func (w *way) strike(f Fault, data []byte) {
	switch f.Action {
	case Repeat:
		w.toCopy = f.Length
		return // it has happened when they are repeated
	case Delay:
		w.delay = f.Delay
		return // it happens to each piece
	case Throttle:
		w.rate = f.Rate
		return // the same
	case Flip:
		if len(data) == 0 {
			return
		}
		data[0] ^= 1 << f.Bit
	}
	w.proxy.happened(f.Action) // before anybody sees it
	switch f.Action {
	case Stall:
		w.stall()
	case Drop:
		w.lossy.Store(true)
	case Cut:
		w.link.cut()
	case Reset:
		w.link.reset()
	}
}

// stall waits for another plan, or for the end of the connection by other hands.
func (w *way) stall() {
	w.stalled.Store(true)
	defer w.stalled.Store(false)
	select {
	case <-w.plan:
	case <-w.link.closed:
	}
}

// hold waits until n bytes, which were read at some time, may go on.
func (w *way) hold(n int, read time.Time) {
	due := read
	if w.delay > 0 {
		due = read.Add(w.delay)
		w.proxy.happened(Delay)
	}
	if w.rate > 0 {
		if w.free.Before(due) {
			w.free = due
		}
		w.free = w.free.Add(time.Duration(n) * time.Second / time.Duration(w.rate))
		due = w.free
		w.proxy.happened(Throttle)
	}
	wait := time.NewTimer(time.Until(due))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-w.plan:
	case <-w.link.closed:
	}
}

// send writes to the far side. If that has gone, the near side is told as TCP tells it, unless
// nothing passes back.
func (w *way) send(data []byte) {
	if _, err := w.to.Write(data); err == nil {
		return
	}
	if w.back.silent() {
		w.lossy.Store(true)
		return
	}
	w.link.reset()
}

// repeat keeps what has passed, and sends it once more when it is all there.
func (w *way) repeat(data []byte) {
	if w.toCopy == 0 {
		return
	}
	w.copied = append(w.copied, data...)
	if w.toCopy -= len(data); w.toCopy == 0 {
		w.proxy.happened(Repeat)
		w.send(w.copied)
		w.copied = nil
	}
}
