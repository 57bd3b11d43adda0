package transfer

import (
	"context"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle"
)

// peer is a worker that segments are fetched from.
type peer struct {
	fetcher *Fetcher
	address string
	worker  string
	places  chan struct{} // perPeerMax
	turn    chan struct{} // capacity one: whoever is in it may dial
	users   int           // guarded by Fetcher.mu

	mu   sync.Mutex // guards what follows
	link *link      // nil: none that works
}

func newPeer(f *Fetcher, s *Source) *peer {
	return &peer{
		fetcher: f, address: s.Address, worker: s.Worker,
		places: make(chan struct{}, perPeerMax), turn: make(chan struct{}, 1),
	}
}

func (p *peer) current() *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link
}

func (p *peer) linked() bool { return p.current() != nil }

// hangUp closes the link, if there is one.
func (p *peer) hangUp() {
	if l := p.current(); l != nil {
		l.conn.Close()
	}
}

// stream fetches what is missing of an extract, and gives the records of the partition.
func (p *peer) stream(ctx context.Context, s *Source, x *shuffle.Extract) (int64, error) {
	l, err := p.dial(ctx)
	if err != nil {
		return 0, err
	}
	in := &incoming{
		fetcher: p.fetcher, extract: x, progress: s.Progress, at: x.Checked(),
		done: make(chan error, 1),
	}
	number := p.fetcher.number.Add(1)
	if err := l.open(number, in); err != nil {
		return 0, err
	}
	f := protocol.Fetch{
		Stream: number, Path: s.Path, Part: s.Part, Offset: in.at, Credit: windowMax, Ticket: s.Ticket,
		Keys: s.Keys,
	}
	if p.fetcher.cfg.Compress {
		f.Codec = protocol.CodecS2
	}
	if err := l.conn.Send(&f); err == nil { // else the end of the link follows
		l.conn.Flush()
	}
	select {
	case err = <-in.done:
	case <-ctx.Done():
		err = cancelled(ctx)
	}
	l.close(number)
	in.abandon()
	return in.records, err
}

// dial gives a link that works, as far as that is known.
func (p *peer) dial(ctx context.Context) (*link, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, cancelled(ctx)
	}
	if l := p.current(); l != nil {
		return l, nil
	}
	conn, err := p.fetcher.connect(ctx, p)
	if err != nil {
		return nil, err
	}
	l := &link{peer: p, conn: conn, streams: map[uint64]*incoming{}}
	l.timer = time.AfterFunc(p.fetcher.cfg.Stall, l.expire)
	p.fetcher.mu.Lock() // Close waits for what was started before
	defer p.fetcher.mu.Unlock()
	if p.fetcher.closed {
		l.timer.Stop()
		conn.Close()
		return nil, fanfold.Errorf(fanfold.KindCancelled, "fetch segment", "the worker ends")
	}
	p.mu.Lock()
	p.link = l
	p.mu.Unlock()
	p.fetcher.links.Go(l.read)
	return l, nil
}

// lose forgets a link that has ended, and the peer if nobody else uses it.
func (p *peer) lose() {
	f := p.fetcher
	f.mu.Lock()
	defer f.mu.Unlock()
	p.mu.Lock()
	p.link = nil
	p.mu.Unlock()
	if p.users == 0 && f.peers[p.address] == p {
		delete(f.peers, p.address)
	}
}
