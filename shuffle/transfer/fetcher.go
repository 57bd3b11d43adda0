package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/pause"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle"
)

// errLocal is in the chain of an error of this side's disk.
var errLocal = errors.New("extract cannot be written")

// IsLocal reports whether an error of Fetch is not the source's: its extract could not be written.
func IsLocal(err error) bool { return errors.Is(err, errLocal) }

// FetcherConfig describes a Fetcher. Root and Dial must be set.
type FetcherConfig struct {
	Root *os.Root // the worker's directory, where extracts go

	// Dial connects to the worker of a name, and proves both sides to each other where the token of
	// Admit does not.
	Dial func(ctx context.Context, address, worker string) (net.Conn, error)

	Name     string // of this worker
	Product  string
	Compress bool          // ask for s2
	Stall    time.Duration // that a peer may be silent; 0: DefaultStall
	Log      hclog.Logger
}

// Source is one partition of a segment on another host.
type Source struct {
	Address  string // HOST:PORT of the worker that has it
	Worker   string // its name
	Path     string // of its file, below that worker's directory
	Part     uint32
	Ticket   []byte
	Keys     []protocol.Range // none, or the one that is to be read of it
	To       string           // below Root: where the extract goes
	Progress func(n int64)    // called as bytes come, one call at a time; may be nil
}

// Stats counts what a Fetcher has done.
type Stats struct {
	Fetched int64 // partitions
	Bytes   int64 // of blocks, those that were wrong included
	Retries int64 // tries after the first
}

// Fetcher fetches partitions of segments from other workers, so many at a time. Its methods are
// safe for concurrent use.
type Fetcher struct {
	cfg    FetcherConfig
	places chan struct{}  // fetchesMax
	links  sync.WaitGroup // their goroutines
	number atomic.Uint64  // the last one given to a file or a stream

	fetched, bytes, retries atomic.Int64

	mu     sync.Mutex // guards what follows
	token  []byte
	peers  map[string]*peer // by address
	closed bool
}

// NewFetcher makes a Fetcher, which Close ends.
func NewFetcher(cfg FetcherConfig) *Fetcher {
	cfg.Stall = cmp.Or(cfg.Stall, DefaultStall)
	if cfg.Log == nil {
		cfg.Log = hclog.NewNullLogger()
	}
	return &Fetcher{
		cfg: cfg, places: make(chan struct{}, fetchesMax), peers: map[string]*peer{},
	}
}

// Admit says by which token this side proves itself from now on, and the others to it; nil: Dial
// does.
func (f *Fetcher) Admit(token []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token = slices.Clone(token)
}

// Stats is what was done so far.
func (f *Fetcher) Stats() Stats {
	return Stats{f.fetched.Load(), f.bytes.Load(), f.retries.Load()}
}

// Close ends what is under way, and returns when all goroutines have ended.
func (f *Fetcher) Close() {
	f.mu.Lock()
	f.closed = true
	for _, p := range f.peers {
		p.hangUp()
	}
	f.mu.Unlock()
	f.links.Wait()
}

// Fetch makes an extract, and blocks until it is there whole, or ctx ends, or it cannot be had: the
// error is a *fanfold.Error then. An extract that is there already is not fetched again.
func (f *Fetcher) Fetch(ctx context.Context, s Source) error {
	if _, err := f.cfg.Root.Stat(s.To); err == nil {
		return nil
	}
	p, err := f.enter(&s)
	if err != nil {
		return err
	}
	defer f.leave(p)
	for _, places := range []chan struct{}{p.places, f.places} {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-ctx.Done():
			return cancelled(ctx)
		}
	}
	return f.write(ctx, p, &s)
}

// enter gives the peer at an address, which stays known until the last one leaves it.
func (f *Fetcher) enter(s *Source) (*peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, fanfold.Errorf(fanfold.KindCancelled, "fetch segment", "the worker ends")
	}
	p := f.peers[s.Address]
	if p == nil {
		p = newPeer(f, s)
		f.peers[s.Address] = p
	}
	p.users++
	return p, nil
}

// leave is the opposite. A link that nobody uses stays for a while, known to its goroutine only.
func (f *Fetcher) leave(p *peer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.users--; p.users == 0 && !p.linked() {
		delete(f.peers, p.address)
	}
}

// write makes the file of an extract under another name, and renames it when it is whole.
func (f *Fetcher) write(ctx context.Context, p *peer, s *Source) error {
	root := f.cfg.Root
	name := fmt.Sprintf("%s.%d", s.To, f.number.Add(1))
	file, err := create(root, name)
	if err != nil {
		return local(err)
	}
	err = f.complete(ctx, p, s, shuffle.NewExtract(file, s.Part))
	if closed := file.Close(); err == nil && closed != nil {
		err = local(closed)
	}
	if err == nil {
		if err = root.Rename(name, s.To); err != nil {
			err = local(err)
		}
	}
	if err != nil {
		_ = root.Remove(name) // the job's end removes what stays
		return err
	}
	f.fetched.Add(1)
	return nil
}

// create makes a file and its folder, which another fetch that was stopped may remove as long as
// nothing is in it.
func create(root *os.Root, name string) (file *os.File, err error) {
	for range triesMax {
		err = root.MkdirAll(path.Dir(name), 0o700)
		if err == nil {
			file, err = root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return file, err
}

// complete tries until the extract is whole, each time behind the last block that was right.
func (f *Fetcher) complete(ctx context.Context, p *peer, s *Source, x *shuffle.Extract) error {
	failures := 0
	for round := 0; ; round++ {
		before := x.Checked()
		records, err := p.stream(ctx, s, x)
		if len(s.Keys) > 0 {
			records = -1
		}
		if err == nil {
			err = x.Finish(records)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return cancelled(ctx)
		case x.Checked() > before:
			failures = 0
		}
		if failures++; failures == triesMax || round == roundsMax || final(err) {
			return err
		}
		f.cfg.Log.Info("fetch again", "from", s.Address, "path", s.Path, "part", s.Part,
			"offset", x.Checked(), "error", err)
		f.retries.Add(1)
		if err := x.Rewind(); err != nil {
			return local(err)
		}
		pause.For(ctx, min(pauseMin<<(failures-1), pauseMax))
	}
}

// final reports an error that would come again.
func final(err error) bool {
	var known *fanfold.Error
	if !errors.As(err, &known) {
		return false
	}
	switch known.Kind {
	case fanfold.KindNotFound, fanfold.KindDenied, fanfold.KindUnsupported, fanfold.KindVersion:
		return true
	}
	return IsLocal(err)
}

// local is an error of this side's disk.
func local(err error) error {
	return fanfold.Errorf(fanfold.KindDisk, "write extract", "%w: %w", errLocal, err)
}

func cancelled(ctx context.Context) error {
	return fanfold.Errorf(fanfold.KindCancelled, "fetch segment", "%w", context.Cause(ctx))
}

// connect dials a worker and shakes hands.
func (f *Fetcher) connect(ctx context.Context, p *peer) (*protocol.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Stall)
	defer cancel()
	c, err := f.cfg.Dial(ctx, p.address, p.worker)
	if err != nil {
		return nil, fanfold.Errorf(fanfold.KindUnreachable, "fetch segment", "%w", err)
	}
	f.mu.Lock()
	token := f.token
	f.mu.Unlock()
	conn := protocol.NewConn(c)
	conn.SetWriteTimeout(f.cfg.Stall)
	_, _, err = protocol.ConnectTo(ctx, conn, protocol.RoleWorker, protocol.Hello{
		Role: uint8(protocol.RoleWorker), Name: f.cfg.Name, Product: f.cfg.Product,
	}, token)
	if err != nil {
		return nil, err
	}
	return conn, nil
}
