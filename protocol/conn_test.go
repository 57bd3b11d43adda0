package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// transports makes two connected Conns over each transport.
var transports = []struct {
	name string
	dial func(t testing.TB) (a, b *Conn)
}{
	{"pair", func(testing.TB) (a, b *Conn) { return Pair() }},
	{"pipe", dialPipes},
	{"blocking-pipe", dialBlockingPipes},
	{"socketpair", dialSocketpair},
	{"unix", func(t testing.TB) (a, b *Conn) {
		return dialNet(t, "unix", filepath.Join(t.TempDir(), "s"))
	}},
	{"tcp", func(t testing.TB) (a, b *Conn) { return dialNet(t, "tcp", "127.0.0.1:0") }},
	{"tls", dialTLS},
}

func dialPipes(t testing.TB) (a, b *Conn) {
	ar, bw := osPipe(t)
	br, aw := osPipe(t)
	return Files(ar, aw), Files(br, bw)
}

func osPipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// dialBlockingPipes has file descriptors as a child inherits them: in blocking mode.
func dialBlockingPipes(t testing.TB) (a, b *Conn) {
	ar, bw := blockingPipe(t)
	br, aw := blockingPipe(t)
	return Files(ar, aw), Files(br, bw)
}

func blockingPipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
}

func dialSocketpair(t testing.TB) (a, b *Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]*Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		conns[i] = Files(f, f)
	}
	return conns[0], conns[1]
}

func dialNet(t testing.TB, network, addr string) (a, b *Conn) {
	t.Helper()
	x, y := connected(t, network, addr)
	return NewConn(x), NewConn(y)
}

func connected(t testing.TB, network, addr string) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err = net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{a, b} {
		s := c.(interface {
			SetReadBuffer(int) error
			SetWriteBuffer(int) error
		})
		if err := errors.Join(s.SetReadBuffer(pipeMax), s.SetWriteBuffer(pipeMax)); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

// TestB12Transports is the conformance suite: what a Conn promises, over every transport.
func TestB12Transports(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			for _, tt := range []struct {
				name string
				run  func(t *testing.T, a, b *Conn)
			}{
				{"order", testOrder},
				{"B03 large", testLarge},
				{"both ways", testBothWays},
				{"end of file", testEOF},
				{"close ends read", testCloseEndsRead},
				{"close ends write", testCloseEndsWrite},
				{"shutdown", testShutdown},
				{"shutdown with a reader", testShutdownReader},
				{"back-pressure", testBackPressure},
				{"flush writes", testFlushIsDirect},
				{"flush never blocks", testFlushNeverBlocks},
				{"flush together", testFlushTogether},
			} {
				t.Run(tt.name, func(t *testing.T) {
					a, b := tr.dial(t)
					defer a.Close()
					defer b.Close()
					tt.run(t, a, b)
				})
			}
		})
	}
}

// send queues all and flushes.
func send(t *testing.T, c *Conn, list ...Body) {
	t.Helper()
	for _, v := range list {
		if err := c.Send(v); err != nil {
			t.Fatalf("send %s: %v", v.kind(), err)
		}
	}
	c.Flush()
}

// each reads until f has had n messages.
func each(t *testing.T, c *Conn, n int, f func(Message)) {
	t.Helper()
	var b Batch
	for n > 0 {
		if err := c.Read(&b); err != nil {
			t.Fatalf("read, with %d messages to come: %v", n, err)
		}
		for m := range b.All() {
			f(m)
			n--
		}
	}
}

func testOrder(t *testing.T, a, b *Conn) {
	const n = 5000
	go func() {
		for i := range n {
			a.Send(&Stop{Attempt: uint64(i)})
			if i%97 == 0 {
				a.Flush()
			}
		}
		a.Flush()
	}()
	var next uint64
	each(t, b, n, func(m Message) {
		var s Stop
		if err := Decode(m, &s); err != nil {
			t.Fatal(err)
		}
		if s.Attempt != next {
			t.Fatalf("got attempt %d, want %d", s.Attempt, next)
		}
		next++
	})
}

func testLarge(t *testing.T, a, b *Conn) {
	sizes := []int{0, 1, 255, 256, frameCut - 1, frameCut, 1 << 16, BlockMax, 1 << 20, BulkMax - 64}
	go func() {
		for _, n := range sizes {
			data := bytes.Repeat([]byte{byte(n)}, n)
			a.Send(&Input{Stream: uint64(n), Data: data})
			a.WaitQueued(t.Context(), 1)
		}
	}()
	i := 0
	each(t, b, len(sizes), func(m Message) {
		var in Input
		if err := Decode(m, &in); err != nil {
			t.Fatal(err)
		}
		if len(in.Data) != sizes[i] || bytes.Count(in.Data, []byte{byte(sizes[i])}) != sizes[i] {
			t.Fatalf("got %d bytes, want %d", len(in.Data), sizes[i])
		}
		i++
	})
}

func testBothWays(t *testing.T, a, b *Conn) {
	go func() { // b echoes
		var batch Batch
		for b.Read(&batch) == nil {
			for m := range batch.All() {
				var c Credit
				if Decode(m, &c) == nil {
					b.Send(&c)
				}
			}
			b.Flush()
		}
	}()
	for i := range 200 {
		send(t, a, &Credit{Stream: 1, Bytes: int64(i)})
		each(t, a, 1, func(m Message) {
			var c Credit
			if err := Decode(m, &c); err != nil || c.Bytes != int64(i) {
				t.Fatalf("got %v and %v, want %d", c, err, i)
			}
		})
	}
}

func testEOF(t *testing.T, a, b *Conn) {
	send(t, a, &Bye{Reason: "done"})
	down := make(chan error)
	go func() { down <- a.Shutdown(t.Context()) }()
	each(t, b, 1, func(m Message) {
		if m.Kind != KindBye {
			t.Errorf("got %s, want Bye", m.Kind)
		}
	})
	var batch Batch
	if err := b.Read(&batch); err != io.EOF {
		t.Errorf("got %v behind the end, want EOF", err)
	}
	b.Close()
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := a.Send(&Bye{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("send after shutdown: got %v, want net.ErrClosed", err)
	}
}

func testCloseEndsRead(t *testing.T, a, _ *Conn) {
	reading := make(chan error)
	go func() {
		var b Batch
		reading <- a.Read(&b)
	}()
	a.Close()
	if err := <-reading; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
	if err := a.Send(&Bye{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("send: got %v, want net.ErrClosed", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// fillBlocks of BlockMax are more than a transport of the tests holds.
const fillBlocks = 24

// fillTransport sends until the other side's not reading stops the writer.
func fillTransport(t *testing.T, a *Conn) {
	t.Helper()
	a.SetQueueMax(64 << 20)
	block := make([]byte, BlockMax)
	for range fillBlocks {
		send(t, a, &Input{Stream: 1, Data: block})
	}
}

func testCloseEndsWrite(t *testing.T, a, _ *Conn) {
	fillTransport(t, a)
	waiting := make(chan error)
	go func() { waiting <- a.WaitQueued(t.Context(), 1) }()
	a.Close()
	if err := <-waiting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
}

func testShutdown(t *testing.T, a, b *Conn) {
	fillTransport(t, a)
	down := make(chan error)
	go func() { down <- a.Shutdown(t.Context()) }()
	n := 0
	each(t, b, fillBlocks, func(m Message) { n += len(m.raw) })
	b.Close()
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if n < fillBlocks*BlockMax {
		t.Errorf("got %d bytes, want at least %d", n, fillBlocks*BlockMax)
	}
}

// testShutdownReader has the last message arrive although the peer still sends, and the reader
// ends.
func testShutdownReader(t *testing.T, a, b *Conn) {
	reading := make(chan error, 1)
	go func() {
		var batch Batch
		for {
			if err := a.Read(&batch); err != nil {
				reading <- err
				return
			}
		}
	}()
	send(t, b, &Input{Data: make([]byte, 3*pipeMax)})
	send(t, a, &Bye{Reason: "enough"})
	down := make(chan error, 1)
	go func() { down <- a.Shutdown(t.Context()) }()
	var last Kind
	var batch Batch
	for b.Read(&batch) == nil {
		for m := range batch.All() {
			last = m.Kind
		}
	}
	b.Close()
	if last != KindBye {
		t.Errorf("the last message is %s, want Bye", last)
	}
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-reading; !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
		t.Errorf("read: got %v, want the end", err)
	}
}

func testBackPressure(t *testing.T, a, b *Conn) {
	block := make([]byte, BlockMax)
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = a.Send(&Input{Stream: 1, Data: block})
		a.Flush()
	}
	if !errors.Is(err, ErrQueueFull) {
		t.Fatalf("got %v, want ErrQueueFull", err)
	}
	if q := a.Queued(); q < QueueMax || q > QueueMax+BlockMax+64 {
		t.Errorf("%d bytes are queued, want about %d", q, QueueMax)
	}
	if err := a.Send(&Stop{}); err != nil {
		t.Errorf("control is refused with bulk: %v", err)
	}
	go func() {
		var batch Batch
		for b.Read(&batch) == nil {
		}
	}()
	if err := a.WaitQueued(t.Context(), 1); err != nil {
		t.Errorf("wait: %v", err)
	}
	if q := a.Queued(); q != 0 {
		t.Errorf("%d bytes are queued, want 0", q)
	}
}

// TestB12ConcurrentSend checks that senders do not disturb each other.
func TestB12ConcurrentSend(t *testing.T) {
	a, b := Pair()
	defer a.Close()
	defer b.Close()
	const senders, n = 8, 500
	for s := range senders {
		go func() {
			for i := range n {
				a.Send(&Credit{Stream: uint64(s), Bytes: int64(i)})
				a.Flush()
			}
		}()
	}
	var next [senders]int64
	each(t, b, senders*n, func(m Message) {
		var c Credit
		if err := Decode(m, &c); err != nil || c.Bytes != next[c.Stream] {
			t.Fatalf("got %v and %v, want %d", c, err, next[c.Stream])
		}
		next[c.Stream]++
	})
}

func describe(m Message) string { return fmt.Sprintf("%s %x", m.Kind, m.raw) }
