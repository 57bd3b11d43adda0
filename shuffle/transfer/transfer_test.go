package transfer_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// What is fetched is what is there, with and without a codec, empty partitions included. What is
// there already is not fetched again.
func TestFetch(t *testing.T) {
	tests := []struct {
		name    string
		segment func(testing.TB, string) segment
		options []option
	}{
		{"small", small, nil},
		{"large", large, nil},
		{"large, s2", large, []option{withS2}},
		{"more partitions than keys", func(t testing.TB, dir string) segment {
			return makeSegment(t, dir, 20, 2)
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, loopback(t), tt.segment, tt.options...)
			for range 2 {
				var all sync.WaitGroup
				for part := range r.segment.parts {
					all.Go(func() {
						if err := r.fetcher.Fetch(t.Context(), r.ask(part)); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
			}
			for part := range r.segment.parts {
				r.right(part)
			}
			s := r.fetcher.Stats()
			if s.Fetched != int64(r.segment.parts) || s.Retries != 0 {
				t.Errorf("got %+v, want each partition fetched once", s)
			}
		})
	}
}

// A ticket is good for one partition of the outputs of one stage of one job, and for nothing else.
// Without the right one no file is opened.
func TestTicket(t *testing.T) {
	other := "job_01ARZ3NDEKTSV4RRFFQ69G5FAW/map-3-1.0/out"
	tests := []struct {
		name   string
		ticket []byte
		kind   fanfold.Kind // 0: it is good
	}{
		{"right", protocol.Ticket(testKey, testPath, 1), 0},
		{"of another task's output", protocol.Ticket(testKey, testJob+"/map-77-2.0/out", 1), 0},
		{"none", nil, fanfold.KindDenied},
		{"of another partition", protocol.Ticket(testKey, testPath, 2), fanfold.KindDenied},
		{"of another stage", protocol.Ticket(testKey, testJob+"/reduce-3-1.0/out", 1),
			fanfold.KindDenied},
		{"of another job", protocol.Ticket(testKey, other, 1), fanfold.KindDenied},
		{"of another worker", protocol.Ticket(testToken, testPath, 1), fanfold.KindDenied},
	}
	r := newRig(t, loopback(t), small)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := r.opened.Load()
			ask := r.ask(1)
			ask.Ticket, ask.To = tt.ticket, testJob+"/"+t.Name()
			err := r.fetcher.Fetch(t.Context(), ask)
			switch {
			case tt.kind != 0:
				wantKind(t, err, tt.kind)
			case err != nil:
				t.Error(err)
			}
			if tried := r.opened.Load() > before; tried != (tt.kind == 0) {
				t.Errorf("a file was opened: %v", tried)
			}
		})
	}
	if n := r.fetcher.Stats().Retries; n != 0 {
		t.Errorf("%d retries of what is denied", n)
	}
}

// A server without a key has given out no tickets.
func TestTicketWithoutKey(t *testing.T) {
	r := newRig(t, loopback(t), small)
	r.server.Admit(testToken, nil)
	ask := r.ask(1)
	ask.Ticket = protocol.Ticket(nil, testPath, 1)
	r.failed(r.fetcher.Fetch(t.Context(), ask), fanfold.KindDenied)
}

// Whoever does not have the token gets in nowhere.
func TestR43FetcherWithoutToken(t *testing.T) {
	for name, token := range map[string][]byte{"none": nil, "another": testKey} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, loopback(t), small)
			r.fetcher.Admit(token)
			r.failed(r.fetcher.Fetch(t.Context(), r.ask(1)), fanfold.KindDenied)
		})
	}
}

// What is wrong on the disk of the worker that has it is found, and said to be the source's fault.
func TestR19SegmentDamagedOnDisk(t *testing.T) {
	damage := func(f func(path string, b []byte) []byte) func(*rig) {
		return func(r *rig) {
			path := filepath.Join(r.served, testPath)
			b, err := os.ReadFile(path)
			if err != nil {
				r.t.Fatal(err)
			}
			if err := os.WriteFile(path, f(path, b), 0o600); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		damage func(*rig)
		kind   fanfold.Kind
		tries  int64 // after the first
	}{
		{"a bit in a block", damage(func(_ string, b []byte) []byte { b[1000] ^= 4; return b }),
			fanfold.KindCorrupt, 3},
		{"a bit in the index", damage(func(_ string, b []byte) []byte { b[len(b)-50] ^= 4; return b }),
			fanfold.KindCorrupt, 3},
		{"cut", damage(func(_ string, b []byte) []byte { return b[:len(b)/2] }), fanfold.KindCorrupt, 3},
		{"gone", func(r *rig) { os.Remove(filepath.Join(r.served, testPath)) }, fanfold.KindNotFound, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inTestTime(t, func(t *testing.T) {
				r := newRig(t, memory(), large)
				tt.damage(r)
				r.failed(r.fetcher.Fetch(t.Context(), r.ask(0)), tt.kind)
				if n := r.fetcher.Stats().Retries; n != tt.tries {
					t.Errorf("%d retries, want %d", n, tt.tries)
				}
				r.fetcher.Close()
			})
		})
	}
}

// A fetch ends with its context, and leaves nothing.
func TestFetchIsCancelled(t *testing.T) {
	inTestTime(t, func(t *testing.T) {
		r := newRig(t, memory(), large)
		r.proxy.Set(stalledAfter(50_000))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.fetcher.Fetch(ctx, r.ask(0)) }()
		waitForTestTime()
		cancel()
		r.failed(<-done, fanfold.KindCancelled)
		r.fetcher.Close()
	})
}
