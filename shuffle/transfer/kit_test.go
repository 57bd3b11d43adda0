package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/faultproxy"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle"
	"github.com/fanfold/fanfold/shuffle/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testToken = bytes.Repeat([]byte{7}, protocol.TokenLen)
	testKey   = bytes.Repeat([]byte{9}, protocol.TokenLen)
)

const (
	testJob  = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	testPath = testJob + "/map-3-1.0/out"
)

// segment is a segment of some partitions, and what is in it.
type segment struct {
	parts   int
	records int64
	rows    [][]string // of a partition
}

// makeSegment writes a segment at testPath below dir. Its rows are not alike, so that s2 does not
// make nothing of them.
func makeSegment(t testing.TB, dir string, parts, records int) segment {
	t.Helper()
	attempt := filepath.Join(dir, filepath.Dir(testPath))
	if err := os.MkdirAll(attempt, 0o700); err != nil {
		t.Fatal(err)
	}
	c := shuffle.NewCollector(config(t, attempt, parts))
	defer c.Close()
	emit := fanfold.NewEmitter(c)
	seg := segment{parts: parts, records: int64(records), rows: make([][]string, parts)}
	for i := range records {
		key := fmt.Sprintf("key %08d", i)
		value := fmt.Sprintf("%x", bytes.Repeat([]byte{byte(i), byte(i >> 8), byte(i * 7)}, 30))
		emit.Emit([]byte(key), []byte(value))
		p := shuffle.Partition([]byte(key), parts)
		seg.rows[p] = append(seg.rows[p], key+"="+value)
	}
	emit.Flush()
	if err := emit.Err(); err != nil {
		t.Fatal(err)
	}
	if out, err := c.Finish(); err != nil || out.File != filepath.Base(testPath) {
		t.Fatalf("got %+v, %v", out, err)
	}
	return seg
}

func config(t testing.TB, dir string, parts int) shuffle.Config {
	return shuffle.Config{
		Task:    fanfold.NewTask(t.Context(), fanfold.Task{}),
		Program: &fanfold.Program{}, Partitions: parts, Memory: 1 << 20, Dir: dir, NoInline: true,
	}
}

// rig is a worker that has a segment, a proxy in front of it, and another worker.
type rig struct {
	t       testing.TB
	segment segment
	served  string // directory of the worker that has it
	to      string // directory of the other
	server  *transfer.Server
	proxy   *faultproxy.Proxy
	fetcher *transfer.Fetcher
	opened  atomic.Int32 // files, by the server
}

// network makes the connections of a rig.
type network struct {
	behind, front net.Listener
	dial          func(ctx context.Context, l net.Listener) (net.Conn, error)
}

// loopback is a network of sockets.
func loopback(t testing.TB) network {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	return network{listen(), listen(), func(ctx context.Context, l net.Listener) (net.Conn, error) {
		return faultproxy.To(l.Addr().String())(ctx)
	}}
}

// memory is a network whose time may be a test's own.
func memory() network {
	dial := func(ctx context.Context, l net.Listener) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case l.(*pipes).conns <- far:
			return near, nil
		case <-l.(*pipes).closed:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return network{newPipes(), newPipes(), dial}
}

// pipes is a listener whose connections are in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipes() *pipes {
	closed := make(chan struct{})
	return &pipes{make(chan net.Conn), closed, sync.OnceFunc(func() { close(closed) })}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// newRig starts both workers; they end with the test.
func newRig(
	t testing.TB, n network, seg func(testing.TB, string) segment, options ...option,
) *rig {
	t.Helper()
	r := &rig{t: t, served: t.TempDir(), to: t.TempDir()}
	r.segment = seg(t, r.served)
	root, err := os.OpenRoot(r.served)
	if err != nil {
		t.Fatal(err)
	}
	sc := transfer.ServerConfig{
		Open: func(path string) (*os.File, error) {
			r.opened.Add(1)
			return root.Open(path)
		},
	}
	to, err := os.OpenRoot(r.to)
	if err != nil {
		t.Fatal(err)
	}
	fc := transfer.FetcherConfig{
		Root: to, Name: "b",
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return n.dial(ctx, n.front) },
	}
	for _, o := range options {
		o(&sc, &fc)
	}
	r.server, r.fetcher = transfer.NewServer(sc), transfer.NewFetcher(fc)
	r.server.Admit(testToken, testKey)
	r.fetcher.Admit(testToken)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		r.server.Serve(ctx, n.behind)
	}()
	r.proxy = faultproxy.Start(n.front, func(ctx context.Context) (net.Conn, error) {
		return n.dial(ctx, n.behind)
	})
	t.Cleanup(func() {
		r.fetcher.Close()
		r.proxy.Close()
		stop()
		<-served
		root.Close()
		to.Close()
	})
	return r
}

// option changes how the workers of a rig are made.
type option func(*transfer.ServerConfig, *transfer.FetcherConfig)

func withS2(_ *transfer.ServerConfig, fc *transfer.FetcherConfig) { fc.Compress = true }

// ask is the request for a partition.
func (r *rig) ask(part int) transfer.Source {
	return transfer.Source{
		Address: "peer:9502", Path: testPath, Part: uint32(part),
		Ticket: protocol.Ticket(testKey, testPath, uint32(part)),
		To:     fmt.Sprintf("%s/from-1/map-3-1.0.%d", testJob, part),
	}
}

// rows reads the extract of a partition.
func (r *rig) rows(part int) []string {
	r.t.Helper()
	in, err := shuffle.Merge(config(r.t, r.to, r.segment.parts), []shuffle.Source{{
		Path: filepath.Join(r.to, r.ask(part).To), Part: part, Extract: true, Records: r.segment.records,
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	defer in.Close()
	var rows []string
	for g := in.Groups(); ; {
		if !g.Next() {
			if err := g.Err(); err != nil {
				r.t.Fatal(err)
			}
			return rows
		}
		for v, ok := g.Values().Next(); ok; v, ok = g.Values().Next() {
			rows = append(rows, string(g.Key())+"="+string(v))
		}
	}
}

// right checks an extract.
func (r *rig) right(part int) {
	r.t.Helper()
	if got := r.rows(part); !slices.Equal(got, r.segment.rows[part]) {
		r.t.Errorf("partition %d: got %d rows, want %d", part, len(got), len(r.segment.rows[part]))
	}
}

// left is all files that the fetcher has left.
func (r *rig) left() []string {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.to, testJob, "*", "*"))
	if err != nil {
		r.t.Fatal(err)
	}
	return files
}

// failed checks how a Fetch has failed, and that it has left nothing.
func (r *rig) failed(err error, kind fanfold.Kind) {
	r.t.Helper()
	wantKind(r.t, err, kind)
	if files := r.left(); len(files) > 0 {
		r.t.Errorf("left %v", files)
	}
}

func wantKind(t testing.TB, err error, kind fanfold.Kind) {
	t.Helper()
	var e *fanfold.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Errorf("got %v, want the kind %s", err, kind)
	}
}

// small needs one piece, large many.
func small(t testing.TB, dir string) segment { return makeSegment(t, dir, 3, 10) }

// large is made once: most tests only need that there is much of it.
func large(t testing.TB, dir string) segment {
	t.Helper()
	largeOnce.Do(func() {
		madeIn := t.TempDir()
		largeSegment = makeSegment(t, madeIn, 3, 30_000)
		var err error
		if largeBytes, err = os.ReadFile(filepath.Join(madeIn, testPath)); err != nil {
			t.Fatal(err)
		}
	})
	path := filepath.Join(dir, testPath)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, largeBytes, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return largeSegment
}

var (
	largeOnce    sync.Once
	largeSegment segment
	largeBytes   []byte
)
