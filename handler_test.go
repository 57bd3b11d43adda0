package fanfold_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

func TestReplyKeepsItsMemory(t *testing.T) {
	r := &fanfold.Reply{}
	r.Reset()
	write := func(n int) {
		for range n {
			if _, err := r.WriteString("x"); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(1000)
	r.SetResult(append(r.Buffer(), "end"...))
	if got := string(r.Buffer()); len(got) != 1003 || !strings.HasSuffix(got, "xend") {
		t.Errorf("the result is %q", got)
	}
	before := &r.Buffer()[0]
	r.Fail(errors.New("no"))
	r.Input, r.Routing, r.Shard = []byte("in"), []byte("key"), 3
	if r.Err() == nil || string(r.In()) != "in" || string(r.Key()) != "key" {
		t.Errorf("in %q, key %q, error %v", r.In(), r.Key(), r.Err())
	}
	r.Reset()
	if len(r.Buffer()) > 0 || r.Err() != nil || r.In() != nil || r.Key() != nil || r.Shard != -1 {
		t.Errorf("after a reset it is %+v", r)
	}
	write(1)
	if &r.Buffer()[0] != before {
		t.Error("a reset gave its memory away")
	}
	write(100 << 10)
	r.Reset()
	if cap(r.Buffer()) > 0 {
		t.Errorf("%d bytes of memory are held after a long result", cap(r.Buffer()))
	}
}

func TestReplyWithoutALink(t *testing.T) {
	r := &fanfold.Reply{}
	ctx := context.Background()
	_, one := r.Call(ctx, "p", nil)
	_, all := r.CallAll(ctx, "p", nil)
	for _, err := range []error{one, all, r.Partial(nil), r.Progress("x")} {
		if err == nil {
			t.Error("a reply that nobody gets pretends to be sent")
		}
	}
}

// fakeLink answers every call of a task.
type fakeLink struct {
	outcome fanfold.Outcome
	err     error
}

func (l fakeLink) Partial(*fanfold.Reply, []byte, string) error { return l.err }

func (l fakeLink) Call(
	_ context.Context, _ *fanfold.Reply, _ string, in [][]byte,
) ([]fanfold.Outcome, error) {
	return []fanfold.Outcome{l.outcome}, l.err
}

func TestReplyCalls(t *testing.T) {
	broken := errors.New("broken")
	failed := fanfold.Errorf(fanfold.KindDisk, "spill", "no space")
	tests := []struct {
		name string
		link fakeLink
		data string
		err  error
	}{
		{"succeeded", fakeLink{outcome: fanfold.Outcome{State: fanfold.Succeeded, Data: []byte("out")}},
			"out", nil},
		{"failed", fakeLink{outcome: fanfold.Outcome{State: fanfold.Failed, Err: failed}}, "", failed},
		{"broken", fakeLink{err: broken}, "", broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &fanfold.Reply{Link: tt.link}
			r.Reset() // keeps the link
			got, err := r.Call(t.Context(), "p", []byte("in"))
			if string(got) != tt.data || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.data, tt.err)
			}
			if err := r.Partial(nil); !errors.Is(err, tt.link.err) {
				t.Errorf("partial: %v", err)
			}
		})
	}
}

func TestValidatePrograms(t *testing.T) {
	maps := func(*fanfold.Task) (fanfold.Mapper, error) { return nil, nil }
	handles := func(*fanfold.Task) (fanfold.Handler, error) { return nil, nil }
	reduces := func(*fanfold.Task) (fanfold.Reducer, error) { return nil, nil }
	route := func([]byte) ([]byte, bool) { return nil, false }
	type P = fanfold.Program
	tests := []struct {
		wrong    string // "": nothing
		programs []P
	}{
		{"", nil},
		{"", []P{{Name: "a", Map: maps}, {Name: "B-1_.x", Handle: handles}}},
		{"", []P{{Name: "a", Handle: handles, Fold: fanfold.Sum, Associative: true}}},
		{"", []P{{Name: "a", Handle: handles, Stateful: true, SnapshotEvery: 1, Route: route}}},
		{"two of this name", []P{{Name: "a", Map: maps}, {Name: "a", Handle: handles}}},
		{"a name is", []P{{Map: maps}}},
		{"a name is", []P{{Name: "a b", Map: maps}}},
		{"a name is", []P{{Name: "ä", Map: maps}}},
		{"a name is", []P{{Name: strings.Repeat("a", 65), Map: maps}}},
		{"runs commands", []P{{Name: "command", Map: maps}}},
		{"neither Map nor Handle", []P{{Name: "a", Reduce: reduces}}},
		{"both Reduce and Fold", []P{{Name: "a", Map: maps, Reduce: reduces, Fold: fanfold.Sum}}},
		{"Combine without", []P{{Name: "a", Map: maps, Combine: reduces}}},
		{"Reducers is below", []P{{Name: "a", Map: maps, Reducers: -1}}},
		{"Stateful without Handle", []P{{Name: "a", Map: maps, Stateful: true}}},
		{"Associative without Handle", []P{{Name: "a", Map: maps, Associative: true}}},
		{"Route without Handle", []P{{Name: "a", Map: maps, Route: route}}},
		{"Associative without Reduce", []P{{Name: "a", Handle: handles, Associative: true}}},
		{"count of counts",
			[]P{{Name: "a", Handle: handles, Associative: true, Fold: fanfold.Count}}},
		{"SnapshotEvery is below", []P{{Name: "a", Handle: handles, SnapshotEvery: -1}}},
		{"SnapshotEvery without", []P{{Name: "a", Handle: handles, SnapshotEvery: 1}}},
	}
	for _, tt := range tests {
		err := fanfold.ValidatePrograms(tt.programs)
		switch {
		case tt.wrong == "" && err != nil:
			t.Errorf("%+v: %v", tt.programs, err)
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%+v: got %v, want %q", tt.programs, err, tt.wrong)
		case err != nil && fanfold.KindOf(err) != fanfold.KindUsage:
			t.Errorf("%v is of kind %s", err, fanfold.KindOf(err))
		}
	}
}
