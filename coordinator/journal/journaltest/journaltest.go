// Package journaltest is the conformance suite of journal.Journal. The test of a driver calls it in
// one line:
//
//	journaltest.Test(t, func(t *testing.T) journal.Journal { return journal.Memory() })
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/fanfold/fanfold/coordinator/journal"
)

// Test runs the suite. open gives a new, empty journal; the suite closes it.
func Test(t *testing.T, open func(*testing.T) journal.Journal) {
	tests := []struct {
		name string
		run  func(*testing.T, journal.Journal)
	}{
		{"Empty", empty},
		{"Order", order},
		{"Batch", batch},
		{"Owned", owned},
		{"Snapshot", snapshot},
		{"Cancelled", cancelled},
		{"Closed", closed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := open(t)
			test.run(t, j)
			if err := j.Close(); err != nil && !errors.Is(err, journal.ErrClosed) {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// replay gives the records as text.
func replay(t *testing.T, j journal.Journal) (got []string) {
	t.Helper()
	for r, err := range j.Replay(t.Context()) {
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
		got = append(got, fmt.Sprintf("%d:%s", r.Seq, r.Data))
	}
	return got
}

func want(t *testing.T, j journal.Journal, want ...string) {
	t.Helper()
	if got := replay(t, j); !slices.Equal(got, want) {
		t.Errorf("got records %q, want %q", got, want)
	}
}

func appendTo(t *testing.T, j journal.Journal, records ...journal.Record) {
	t.Helper()
	if err := j.Append(t.Context(), records); err != nil {
		t.Fatalf("append: %v", err)
	}
}

func record(seq uint64, data string) journal.Record {
	return journal.Record{Seq: seq, Data: []byte(data)}
}

func empty(t *testing.T, j journal.Journal) {
	want(t, j)
	appendTo(t, j)
	want(t, j)
	appendTo(t, j, record(1, ""))
	want(t, j, "1:")
}

// order: records come back as they went in; numbers rise, with gaps, across batches.
func order(t *testing.T, j journal.Journal) {
	appendTo(t, j, record(1, "a"), record(2, "b\x00\n"))
	appendTo(t, j, record(9, "c"))
	want(t, j, "1:a", "2:b\x00\n", "9:c")
	want(t, j, "1:a", "2:b\x00\n", "9:c")
	for r := range j.Replay(t.Context()) {
		if r.Seq != 1 {
			t.Errorf("got %d first, want 1", r.Seq)
		}
		break
	}
}

// batch: one wrong record, and nothing of its batch is there.
func batch(t *testing.T, j journal.Journal) {
	appendTo(t, j, record(5, "a"))
	large := make([]byte, journal.RecordBytesMax+1)
	tests := []struct {
		records []journal.Record
		want    error
	}{
		{[]journal.Record{record(5, "again")}, journal.ErrOrder},
		{[]journal.Record{record(0, "zero")}, journal.ErrOrder},
		{[]journal.Record{record(6, "b"), record(6, "c")}, journal.ErrOrder},
		{[]journal.Record{record(6, "b"), {Seq: 7, Data: large}}, journal.ErrTooLarge},
	}
	for _, test := range tests {
		if err := j.Append(t.Context(), test.records); !errors.Is(err, test.want) {
			t.Errorf("append: got error %v, want %v", err, test.want)
		}
	}
	want(t, j, "5:a")
	appendTo(t, j, journal.Record{Seq: 6, Data: large[1:]})
	if got := replay(t, j); len(got) != 2 || len(got[1]) != len("6:")+journal.RecordBytesMax {
		t.Errorf("got %d records, want the largest one as the second", len(got))
	}
}

// owned: what the caller does to its records later changes nothing.
func owned(t *testing.T, j journal.Journal) {
	records := []journal.Record{record(1, "mine")}
	appendTo(t, j, records...)
	copy(records[0].Data, "gone")
	records[0].Seq = 7
	for r := range j.Replay(t.Context()) {
		copy(r.Data, "torn")
	}
	want(t, j, "1:mine")
}

// snapshot: a replay under way does not see what is appended meanwhile, and does not disturb it.
func snapshot(t *testing.T, j journal.Journal) {
	appendTo(t, j, record(1, "a"), record(2, "b"))
	n := 0
	for _, err := range j.Replay(t.Context()) {
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
		n++
		appendTo(t, j, record(uint64(10+n), "later"))
	}
	if n != 2 {
		t.Errorf("got %d records, want 2", n)
	}
	want(t, j, "1:a", "2:b", "11:later", "12:later")
}

func cancelled(t *testing.T, j journal.Journal) {
	appendTo(t, j, record(1, "a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Append(ctx, []journal.Record{record(2, "b")}); !errors.Is(err, context.Canceled) {
		t.Errorf("append: got error %v, want %v", err, context.Canceled)
	}
	n := 0
	for _, err := range j.Replay(ctx) {
		if n++; !errors.Is(err, context.Canceled) {
			t.Errorf("replay: got error %v, want %v", err, context.Canceled)
		}
	}
	if n != 1 {
		t.Errorf("replay that was cancelled: got %d errors, want 1", n)
	}
	want(t, j, "1:a")
}

func closed(t *testing.T, j journal.Journal) {
	appendTo(t, j, record(1, "a"))
	if err := j.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	err := j.Append(t.Context(), []journal.Record{record(2, "b")})
	if !errors.Is(err, journal.ErrClosed) {
		t.Errorf("append: got error %v, want %v", err, journal.ErrClosed)
	}
	n := 0
	for _, err := range j.Replay(t.Context()) {
		if n++; !errors.Is(err, journal.ErrClosed) {
			t.Errorf("replay: got error %v, want %v", err, journal.ErrClosed)
		}
	}
	if n != 1 {
		t.Errorf("replay of a closed journal: got %d errors, want 1", n)
	}
	if err := j.Close(); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("close: got error %v, want %v", err, journal.ErrClosed)
	}
}
