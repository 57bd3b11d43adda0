package protocol

import (
	"io"
	"sync"
)

// pipeMax is how many bytes one direction of a Pair holds, like a pipe of the kernel.
const pipeMax = 64 << 10

// Pair makes two Conns that are connected within the process. They behave as over a socket: what
// was written before one side closed can still be read, then comes io.EOF.
func Pair() (*Conn, *Conn) {
	a, b := newPipe(), newPipe()
	return newConn(&duplex{r: a, w: b}), newConn(&duplex{r: b, w: a})
}

// duplex is one end of two pipes.
type duplex struct{ r, w *pipe }

func (d *duplex) Read(b []byte) (int, error)  { return d.r.read(b) }
func (d *duplex) Write(b []byte) (int, error) { return d.w.write(b) }

func (d *duplex) Close() error {
	d.r.closeRead()
	d.w.closeWrite()
	return nil
}

// pipe is a bounded ring of bytes between one reader and one writer.
type pipe struct {
	mu        sync.Mutex // guards what follows
	changed   sync.Cond  // of anything below
	ring      []byte     // grows to pipeMax
	start, n  int        // the bytes in it: ring[start:start+n], around its end
	eof, gone bool       // the writer, the reader has closed
}

func newPipe() *pipe {
	p := &pipe{}
	p.changed.L = &p.mu
	return p
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.n == 0 && !p.eof && !p.gone {
		p.changed.Wait()
	}
	switch {
	case p.gone:
		return 0, io.ErrClosedPipe
	case p.n == 0:
		return 0, io.EOF
	}
	n := copy(b, p.ring[p.start:min(p.start+p.n, len(p.ring))])
	n += copy(b[n:], p.ring[:p.n-n])
	p.start, p.n = (p.start+n)%len(p.ring), p.n-n
	p.changed.Broadcast()
	return n, nil
}

func (p *pipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.gone || p.eof {
			return n, io.ErrClosedPipe
		}
		n += p.put(b[n:])
		p.changed.Broadcast()
		if n == len(b) {
			return n, nil
		}
		p.changed.Wait()
	}
}

// writeSome is write of what there is room for.
func (p *pipe) writeSome(b []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.eof {
		return 0
	}
	n := p.put(b)
	p.changed.Broadcast()
	return n
}

// put copies as much of b as there is room for.
func (p *pipe) put(b []byte) int {
	if need := min(p.n+len(b), pipeMax); need > len(p.ring) {
		p.resize(min(max(need, 2*len(p.ring)), pipeMax))
	}
	b = b[:min(len(b), len(p.ring)-p.n)]
	end := (p.start + p.n) % max(len(p.ring), 1)
	k := copy(p.ring[end:], b)
	copy(p.ring, b[k:])
	p.n += len(b)
	return len(b)
}

func (p *pipe) resize(size int) {
	ring := make([]byte, size)
	k := copy(ring, p.ring[p.start:min(p.start+p.n, len(p.ring))])
	copy(ring[k:], p.ring[:p.n-k])
	p.ring, p.start = ring, 0
}

func (p *pipe) closeRead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone, p.ring, p.start, p.n = true, nil, 0, 0
	p.changed.Broadcast()
}

func (p *pipe) closeWrite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eof = true
	p.changed.Broadcast()
}
