package protocol

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
)

// sinkhole is a transport that keeps what it is given, write by write, and blocks while gate is
// held.
type sinkhole struct {
	gate   sync.Mutex // guards the way through: whoever holds it blocks writes
	mu     sync.Mutex // guards writes
	writes [][]byte
	closed chan struct{}
}

func newSinkhole() *sinkhole { return &sinkhole{closed: make(chan struct{})} }

func (s *sinkhole) Read([]byte) (int, error) { <-s.closed; return 0, io.EOF }
func (s *sinkhole) Close() error             { close(s.closed); return nil }

func (s *sinkhole) Write(b []byte) (int, error) {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, slices.Clone(b))
	return len(b), nil
}

// frames are the kinds of the messages in what was written, frame by frame.
func (s *sinkhole) frames(t *testing.T) (list [][]Kind) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for data := slices.Concat(s.writes...); len(data) > 0; {
		size, err := open.frameSize(data)
		if err != nil || size == 0 {
			t.Fatalf("frame %d: size %d and %v", len(list), size, err)
		}
		var b Batch
		if err := b.add(data[4:size], &open); err != nil {
			t.Fatal(err)
		}
		var ks []Kind
		for _, m := range b.msgs {
			ks = append(ks, m.Kind)
		}
		list, data = append(list, ks), data[size:]
	}
	return list
}

// TestOrder checks which messages overtake which, and how they share frames.
func TestOrder(t *testing.T) {
	s := newSinkhole()
	c := newConn(s)
	defer c.Close()
	big := make([]byte, frameCut)
	send(t, c,
		&Brief{}, &Stop{}, // control, in one frame
		&Input{Data: []byte("x")}, &Assign{}, &Source{}, // bulk, with control behind it
		&Credit{}, &Beat{}, // urgent
		&Input{Data: big}, &Stop{}, // too long to share
		&Heartbeat{},
	)
	if err := c.WaitQueued(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	want := [][]Kind{
		{KindCredit, KindBeat, KindHeartbeat},
		{KindBrief, KindStop},
		{KindInput, KindAssign, KindSource},
		{KindInput},
		{KindStop},
	}
	if got := s.frames(t); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := len(s.writes); n != 1 {
		t.Errorf("it took %d write calls, want 1", n)
	}
}

// TestOrderUrgentBetweenFrames checks that urgent messages do not wait for bulk that is queued.
func TestOrderUrgentBetweenFrames(t *testing.T) {
	s := newSinkhole()
	c := newConn(s)
	defer c.Close()
	block := make([]byte, BlockMax)
	s.gate.Lock()
	for range 7 {
		send(t, c, &Input{Data: block})
	}
	send(t, c, &Credit{})
	s.gate.Unlock()
	if err := c.WaitQueued(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	got := slices.Concat(s.frames(t)...)
	if at := slices.Index(got, KindCredit); len(got) != 8 || at < 0 || at > 4 {
		t.Errorf("got %v, want Credit before most Inputs", got)
	}
}

// TestFramesAreCut checks that small messages share frames of about 32 KiB.
func TestFramesAreCut(t *testing.T) {
	s := newSinkhole()
	c := newConn(s)
	defer c.Close()
	const n = 20000
	for i := range n {
		if err := c.Send(&Stop{Attempt: uint64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitQueued(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	frames, total := s.frames(t), 0
	for _, f := range frames {
		total += len(f)
	}
	bytes := len(slices.Concat(s.writes...))
	if most := bytes/(frameCut-10) + 1; len(frames) > most || total != n {
		t.Errorf("got %d messages in %d frames, want %d in at most %d", total, len(frames), n, most)
	}
}

// TestSendTooLarge checks that a message which the peer would refuse is not sent, and harms
// nothing.
func TestSendTooLarge(t *testing.T) {
	a, b := Pair()
	defer a.Close()
	defer b.Close()
	send(t, a, &Input{Stream: 1})
	many := make([]string, ElementsMax)
	for _, v := range []Body{
		&Input{Data: make([]byte, BulkMax)},
		&Bye{Reason: string(make([]byte, ControlMax))},
		&Inputs{Paths: many},
	} {
		if err := a.Send(v); fanfold.KindOf(err) != fanfold.KindTooLarge {
			t.Errorf("%s: got %v, want %s", v.kind(), err, fanfold.KindTooLarge)
		}
	}
	a.setPeerMax(HandshakeMax)
	if err := a.Send(&Input{Data: make([]byte, HandshakeMax)}); err == nil {
		t.Error("the peer's limit is not kept")
	}
	send(t, a, &Input{Stream: 2}, &Stop{Attempt: 3})
	var got []Kind
	each(t, b, 3, func(m Message) { got = append(got, m.Kind) })
	if want := []Kind{KindInput, KindInput, KindStop}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestQueueFullOfControl checks that even control has an end.
func TestQueueFullOfControl(t *testing.T) {
	s := newSinkhole()
	c := newConn(s)
	defer c.Close()
	s.gate.Lock()
	defer s.gate.Unlock()
	c.SetQueueMax(1000)
	var err error
	n := 0
	for ; err == nil; n++ {
		err = c.Send(&Bye{Reason: string(make([]byte, 1000))})
	}
	if !errors.Is(err, ErrQueueFull) {
		t.Errorf("got %v, want ErrQueueFull", err)
	}
	if n*1010 < ControlMax || n*1000 > 2*ControlMax {
		t.Errorf("%d messages of 1000 bytes were taken", n)
	}
}

// TestR40NeverReadingPeer checks that a peer which takes nothing is given up after a while.
func TestR40NeverReadingPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pair()
		defer a.Close()
		defer b.Close()
		send(t, a, &Input{Data: make([]byte, 2*pipeMax)})
		select {
		case <-a.closing:
			t.Error("it is given up at once")
		case <-time.After(WriteTimeout - 1): // of the bubble's clock
		}
		var batch Batch
		if err := a.Read(&batch); !errors.Is(err, ErrStalled) {
			t.Errorf("read: got %v, want ErrStalled", err)
		}
		if err := a.Send(&Bye{}); !errors.Is(err, ErrStalled) {
			t.Errorf("send: got %v, want ErrStalled", err)
		}
	})
}

// TestWriteTimeoutOff checks that a Conn without a limit waits.
func TestWriteTimeoutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pair()
		defer a.Close()
		defer b.Close()
		a.SetWriteTimeout(0)
		send(t, a, &Input{Data: make([]byte, 2*pipeMax)})
		<-time.After(10 * WriteTimeout) // of the bubble's clock
		each(t, b, 1, func(Message) {})
	})
}

// TestWriteErrorKeepsReading checks that what a peer said before it went can still be read.
func TestWriteErrorKeepsReading(t *testing.T) {
	a, b := Pair()
	defer a.Close()
	if err := b.Fail(t.Context(), fanfold.Errorf(fanfold.KindBusy, "x", "go away")); err != nil {
		t.Fatal(err)
	}
	for a.Send(&Bye{}) == nil {
		a.Flush()
		a.WaitQueued(t.Context(), 1)
	}
	if err := a.Send(&Bye{}); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("send: got %v, want the error of the write", err)
	}
	each(t, a, 1, func(m Message) {
		var f Failure
		if err := Decode(m, &f); err != nil || fanfold.Kind(f.Kind) != fanfold.KindBusy {
			t.Errorf("got %+v and %v", f, err)
		}
	})
}

// TestOutboxGivesBack checks that a burst does not leave its memory behind.
func TestOutboxGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConn(newSinkhole())
		defer c.Close()
		send(t, c, &Input{Data: make([]byte, 3<<20)}, &Credit{})
		synctest.Wait() // the writer has nothing left to do
		if q := c.Queued(); q != 0 {
			t.Fatalf("%d bytes are queued", q)
		}
		for _, l := range []*lane{&c.out.urgent, &c.out.ordered} {
			if n := cap(l.buf) + cap(l.spare); n > keepMax {
				t.Errorf("%d bytes are kept", n)
			}
		}
	})
}
