package mapper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

type mapFunc func(fanfold.Record, *fanfold.Emitter) error

func (f mapFunc) Map(r fanfold.Record, e *fanfold.Emitter) error { return f(r, e) }

func nothing(fanfold.Record, *fanfold.Emitter) error { return nil }

type discard struct{}

func (discard) Flush(*fanfold.Batch) error { return nil }

func TestUserErrors(t *testing.T) {
	own := fanfold.Errorf(fanfold.KindTimeout, "look up", "slow")
	own.Hint = "try later"
	elsewhere := &fanfold.Error{Kind: fanfold.KindInput, Input: "table", Offset: 9}
	tests := []struct {
		name   string
		err    error
		kind   fanfold.Kind
		input  string
		offset int64
	}{
		{"plain", errors.New("boom"), fanfold.KindUser, "mem://f", 2},
		{"kind kept", fmt.Errorf("wrapped: %w", own), fanfold.KindTimeout, "mem://f", 2},
		{"input kept", elsewhere, fanfold.KindInput, "table", 9},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t.Context())
			var closed []bool
			p := &fanfold.Program{Map: func(task *fanfold.Task) (fanfold.Mapper, error) {
				return &echo{task: task, closed: &closed, fail: "b", err: test.err}, nil
			}}
			dir := t.TempDir()
			split := fanfold.Split{Ranges: []fanfold.Range{k.put("mem://f", "a\nb\nc\n")}}
			res, err := Run(k.task, Spec{Program: p, Split: split, Dir: dir, Storage: k.mux, Partitions: 2})
			e := wantError(t, "map", err, test.kind, test.input)
			if e.Offset != test.offset || e.Op != "run mapper" || !errors.Is(err, test.err) || res.In != 2 {
				t.Errorf("error %+v after %d records", e, res.In)
			}
			if own == test.err && e.Hint != own.Hint {
				t.Errorf("hint %q, want %q", e.Hint, own.Hint)
			}
			if fmt.Sprint(closed) != "[false]" {
				t.Errorf("Close had an emitter: %v, want one call without", closed)
			}
		})
	}
	if own.Input != "" || own.Op != "look up" {
		t.Errorf("the user's error was changed: %+v", own)
	}
}

// summer holds its sum back until Close.
type summer struct {
	n      int64
	closed *[]bool
	err    error
}

func (s *summer) Map(fanfold.Record, *fanfold.Emitter) error { s.n++; return nil }

func (s *summer) Close(emit *fanfold.Emitter) error {
	*s.closed = append(*s.closed, emit != nil)
	if emit != nil {
		emit.Add([]byte("lines"), s.n)
	}
	return s.err
}

func TestCloseEmitsOnceAtTheEnd(t *testing.T) {
	k := newKit(t.Context())
	last := k.put("mem://g", "-\nc")
	last.Offset, last.Length = 2, 1
	split := fanfold.Split{Ranges: []fanfold.Range{k.put("mem://f", "a\nb\n"), last}}
	for _, fail := range []error{nil, errors.New("boom")} {
		var closed []bool
		p := &fanfold.Program{Map: func(*fanfold.Task) (fanfold.Mapper, error) {
			return &summer{closed: &closed, err: fail}, nil
		}}
		dir := t.TempDir()
		r, err := Run(k.task, Spec{Program: p, Split: split, Dir: dir, Storage: k.mux})
		if fmt.Sprint(closed) != "[true]" {
			t.Errorf("Close had an emitter: %v, want one call with", closed)
		}
		if fail != nil {
			e := wantError(t, "close", err, fanfold.KindUser, "mem://g")
			if e.Offset != 2 {
				t.Errorf("offset %d, want that of the last range", e.Offset)
			}
			continue
		}
		if err != nil || string(r.Output.Inline[0]) != "lines\t3\n" || r.Output.Records != 1 {
			t.Errorf("%v: output %+v", err, r.Output)
		}
	}
}

func TestR04PanicPassesAndLeavesNothing(t *testing.T) {
	k := newKit(t.Context())
	var closed []bool
	p := &fanfold.Program{Map: func(task *fanfold.Task) (fanfold.Mapper, error) {
		return &panicker{echo{task: task, closed: &closed}}, nil
	}}
	dir := t.TempDir()
	text := strings.Repeat("line\n", 200_000) + "panic\n"
	split := fanfold.Split{Ranges: []fanfold.Range{k.put("mem://f", text)}}
	func() {
		defer func() {
			if r := recover(); r != "user panic" {
				t.Errorf("recovered %v, want the user's panic", r)
			}
		}()
		_, err := Run(k.task, Spec{Program: p, Split: split, Dir: dir, Storage: k.mux, NoInline: true})
		t.Errorf("returned %v", err)
	}()
	if fmt.Sprint(closed) != "[false]" {
		t.Errorf("Close had an emitter: %v, want one call without", closed)
	}
	wantEmpty(t, dir)
}

// panicker panics when the output has gone to its file.
type panicker struct{ echo }

func (p *panicker) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	if string(rec.Value) == "panic" {
		panic("user panic")
	}
	return p.echo.Map(rec, emit)
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestContextEndsTheRun(t *testing.T) {
	cause := fanfold.Errorf(fanfold.KindTimeout, "run attempt", "out of time")
	for _, blocks := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		k := newKit(ctx)
		calls := 0
		p := &fanfold.Program{Map: func(*fanfold.Task) (fanfold.Mapper, error) {
			f := mapFunc(func(fanfold.Record, *fanfold.Emitter) error {
				if calls++; calls == 100 {
					cancel(cause)
				}
				return nil
			})
			if blocks {
				return blockFunc{f}, nil
			}
			return f, nil
		}}
		split := fanfold.Split{Inline: bytes.Repeat([]byte("line\n"), 3<<20)}
		dir := t.TempDir()
		_, err := Run(k.task, Spec{Program: p, Split: split, Dir: dir, Storage: k.mux})
		if !errors.Is(err, cause) {
			t.Errorf("blocks %v: error %v, want %v", blocks, err, cause)
		}
		if calls > 100+paceMax {
			t.Errorf("blocks %v: %d calls after the end", blocks, calls-100)
		}
		wantEmpty(t, dir)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	k := newKit(ctx)
	_, err := Run(k.task, Spec{Program: echoProgram(true), Dir: t.TempDir(), Storage: k.mux})
	if fanfold.KindOf(err) != fanfold.KindCancelled {
		t.Errorf("error %v, want one of kind cancelled", err)
	}
}

// blockFunc calls f fifty times for each block.
type blockFunc struct{ mapFunc }

func (b blockFunc) MapBlock(block []byte, offset int64, emit *fanfold.Emitter) error {
	for range 50 {
		if err := b.mapFunc(fanfold.Record{}, emit); err != nil {
			return err
		}
	}
	return nil
}

func TestMapperThatCannotStart(t *testing.T) {
	k := newKit(t.Context())
	p := &fanfold.Program{Map: func(*fanfold.Task) (fanfold.Mapper, error) {
		return nil, errors.New("no")
	}}
	dir := t.TempDir()
	_, err := Run(k.task, Spec{Program: p, Dir: dir, Storage: k.mux, Partitions: 1})
	wantError(t, "start", err, fanfold.KindUser, "")
	wantEmpty(t, dir)
}
