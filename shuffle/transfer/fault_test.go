package transfer_test

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/faultproxy"
	"github.com/fanfold/fanfold/shuffle/transfer"
)

type (
	transferServer  = transfer.ServerConfig
	transferFetcher = transfer.FetcherConfig
)

// inTestTime runs a test whose time passes when nothing else is left to do.
func inTestTime(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

func waitForTestTime() { synctest.Wait() }

// toClient is a fault of what the fetcher hears, after so many bytes. A line that is throttled
// passes a byte a second.
func toClient(a faultproxy.Action, at int64) faultproxy.Plan {
	return faultproxy.Plan{ToClient: []faultproxy.Fault{{Action: a, At: at, Bit: 3, Rate: 1}}}
}

func stalledAfter(n int64) faultproxy.Plan { return toClient(faultproxy.Stall, n) }

// A bit that is wrong on the wire is found; what was right stays, and the rest comes again.
func TestR19FlipOnTheWire(t *testing.T) {
	for _, at := range []int64{5_000, 200_000, 900_000} { // within the data of some piece
		for _, o := range [][]option{nil, {withS2}} {
			t.Run(fmt.Sprintf("%d, %d options", at, len(o)), func(t *testing.T) {
				inTestTime(t, func(t *testing.T) {
					r := newRig(t, memory(), large, o...)
					r.proxy.Next(toClient(faultproxy.Flip, at))
					if err := r.fetcher.Fetch(t.Context(), r.ask(0)); err != nil {
						t.Fatal(err)
					}
					r.right(0)
					if r.proxy.Done(faultproxy.Flip) == 0 && len(o) == 0 {
						t.Error("nothing was flipped")
					}
					if r.proxy.Done(faultproxy.Flip) > 0 && r.fetcher.Stats().Retries == 0 {
						t.Error("nothing came again")
					}
					r.fetcher.Close()
				})
			})
		}
	}
}

// A connection that breaks in the middle of a block is made again, and what was right stays.
func TestR20GoesOnWhereItBroke(t *testing.T) {
	for _, a := range []faultproxy.Action{faultproxy.Reset, faultproxy.Cut} {
		t.Run(a.String(), func(t *testing.T) {
			inTestTime(t, func(t *testing.T) {
				r := newRig(t, memory(), large)
				again := toClient(a, 700_000)
				r.proxy.Next(again, again)
				if err := r.fetcher.Fetch(t.Context(), r.ask(0)); err != nil {
					t.Fatal(err)
				}
				r.right(0)
				s := r.fetcher.Stats()
				if r.proxy.Done(a) != 2 || s.Retries != 2 {
					t.Errorf("%d faults, %+v; want 2 and 2 retries", r.proxy.Done(a), s)
				}
				// A block has up to 256 KiB, and that much may have come twice each time.
				if most := size(r) + 2*(256<<10+128<<10); s.Bytes > most {
					t.Errorf("%d bytes came of %d: it did not go on where it broke", s.Bytes, size(r))
				}
				r.fetcher.Close()
			})
		})
	}
}

// size is how many bytes the partition 0 of a rig's segment has, about.
func size(r *rig) (n int64) {
	for _, row := range r.segment.rows[0] {
		n += int64(len(row)) + 3
	}
	return n
}

// A peer that says nothing, at any point, or next to nothing, is given up when its time has passed,
// and asked again.
func TestR20SilentPeer(t *testing.T) {
	tests := []struct {
		name string
		plan faultproxy.Plan
	}{
		{"from the start", stalledAfter(0)},
		{"in the handshake", stalledAfter(100)},
		{"in the middle of a block", stalledAfter(400_000)},
		{"a byte a second", toClient(faultproxy.Throttle, 400_000)},
		{"hears nothing", faultproxy.Plan{ToServer: []faultproxy.Fault{{Action: faultproxy.Drop}}}},
		{"is not heard", toClient(faultproxy.Drop, 400_000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inTestTime(t, func(t *testing.T) {
				r := newRig(t, memory(), large)
				r.proxy.Next(tt.plan)
				start := time.Now()
				if err := r.fetcher.Fetch(t.Context(), r.ask(0)); err != nil {
					t.Fatal(err)
				}
				r.right(0)
				if n := r.fetcher.Stats().Retries; n != 1 {
					t.Errorf("%d retries, want 1", n)
				}
				if took := time.Since(start); took > transfer.DefaultStall+time.Second {
					t.Errorf("took %v, want %v and not much more", took, transfer.DefaultStall)
				}
				r.fetcher.Close()
			})
		})
	}
}

// What never gets better is given up.
func TestR20PeerThatStaysSilent(t *testing.T) {
	tests := []struct {
		name string
		plan faultproxy.Plan
		kind fanfold.Kind
	}{
		{"silent", stalledAfter(3_000), fanfold.KindTimeout},
		{"reset", toClient(faultproxy.Reset, 3_000), fanfold.KindUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inTestTime(t, func(t *testing.T) {
				r := newRig(t, memory(), large)
				r.proxy.Set(tt.plan)
				r.failed(r.fetcher.Fetch(t.Context(), r.ask(0)), tt.kind)
				if n := r.fetcher.Stats().Retries; n != 3 {
					t.Errorf("%d retries, want 3", n)
				}
				r.fetcher.Close()
			})
		})
	}
}

// A peer that is not there at all is unreachable.
func TestR20NobodyThere(t *testing.T) {
	inTestTime(t, func(t *testing.T) {
		n := memory()
		r := newRig(t, n, small)
		n.front.Close()
		r.failed(r.fetcher.Fetch(t.Context(), r.ask(0)), fanfold.KindUnreachable)
	})
}

// Far away and narrow: 200 ms there and back, 1 MB/s. Everything arrives, and the line is used.
func TestR26SlowLink(t *testing.T) {
	for _, o := range [][]option{nil, {withS2}} {
		inTestTime(t, func(t *testing.T) {
			r := newRig(t, memory(), large, o...)
			far := []faultproxy.Fault{
				{Action: faultproxy.Delay, Delay: 100 * time.Millisecond},
				{Action: faultproxy.Throttle, Rate: 1_000_000},
			}
			r.proxy.Set(faultproxy.Both(far...))
			start := time.Now()
			if err := r.fetcher.Fetch(t.Context(), r.ask(0)); err != nil {
				t.Fatal(err)
			}
			r.right(0)
			s := r.fetcher.Stats()
			took := time.Since(start)
			t.Logf("%d options: %d bytes in %v: %.2f MB/s", len(o), s.Bytes, took,
				float64(s.Bytes)/1e6/took.Seconds())
			if s.Retries > 0 || r.proxy.Done(faultproxy.Throttle) == 0 {
				t.Errorf("%d retries on a line that was throttled %d times", s.Retries,
					r.proxy.Done(faultproxy.Throttle))
			}
			r.fetcher.Close()
		})
	}
}

// Those who connect and say nothing do not keep a worker out.
func TestR40SilentStrangersKeepNobodyOut(t *testing.T) {
	inTestTime(t, func(t *testing.T) {
		n := memory()
		r := newRig(t, n, small)
		var strangers []net.Conn
		for range 300 {
			c, err := n.dial(t.Context(), n.behind)
			if err != nil {
				t.Fatal(err)
			}
			strangers = append(strangers, c)
		}
		start := time.Now()
		if err := r.fetcher.Fetch(t.Context(), r.ask(0)); err != nil {
			t.Fatal(err)
		}
		r.right(0)
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
		for _, c := range strangers {
			c.Close()
		}
		r.fetcher.Close()
	})
}
