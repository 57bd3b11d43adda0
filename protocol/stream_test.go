package protocol

import (
	"bytes"
	"io"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestStreamRules checks what the messages of open jobs must hold to beyond their types.
func TestStreamRules(t *testing.T) {
	key := make([]byte, KeyMax)
	long := make([]byte, fanfold.PayloadMax+1)
	text := string(make([]byte, labelMax+1))
	two := make([]Failure, 2)
	tests := []struct {
		name string
		v    Body
		ok   bool
	}{
		{"longest key and id", &Task{Key: key, ID: text[:NameMax], Priority: 8, Flags: 3}, true},
		{"long key", &Task{Key: append(key, 0)}, false},
		{"long id", &Task{ID: text[:NameMax+1]}, false},
		{"priority 9", &Task{Priority: 9}, false},
		{"unknown flag", &Task{Flags: 4}, false},
		{"negative deadline", &Task{Millis: -1}, false},
		{"negative deadline of a keyed task", &Task{Millis: -1, Key: key}, false},
		{"long payload: its reply says so", &Task{Data: long}, true},
		{"reply in no state", &Reply{}, false},
		{"reply that runs", &Reply{State: uint8(fanfold.Running)}, false},
		{"reply in state 8", &Reply{State: uint8(fanfold.Lost) + 1}, false},
		{"reply with two failures", &Reply{State: 4, Failure: two}, false},
		{"succeeded reply with two failures", &Reply{State: 3, Failure: two}, false},
		{"long status", &Partial{Status: string(make([]byte, TextMax+1))}, false},
		{"shard 0 has moved", &ShardMoved{}, false},
		{"last shard has moved", &ShardMoved{Shard: ShardsMax}, true},
		{"no shard has moved", &ShardMoved{Shard: ShardsMax + 1}, false},
		{"no such call", &Call{Op: 2}, false},
		{"negative time", &Call{Millis: -1}, false},
		{"call of shard 4097", &Call{Shard: ShardsMax + 1}, false},
		{"call with a long key", &Call{Shard: 1, Key: append(key, 0)}, false},
		{"return without a status", &Return{}, false},
		{"return without a source", &Return{Status: StatusNoSource}, false},
		{"return of status 7", &Return{Status: StatusTimeout + 1}, false},
		{"longest result", &Return{Status: 1, Data: long[1:]}, true},
		{"long result", &Return{Status: 1, Data: long}, false},
		{"negative run time", &Return{Status: 1, Nanos: -1}, false},
		{"return with two failures", &Return{Status: 1, Failure: two}, false},
		{"too many counters", &Return{Status: 1, Counters: make([]Counter, CountersMax+1)}, false},
		{"long reason", &Retire{Reason: string(make([]byte, TextMax+1))}, false},
		{"long program", &Ask{Program: text}, false},
		{"told without a state", &Told{}, false},
		{"told too much", &Told{State: 3, Data: long}, false},
		{"snapshot of no shard", &Snapshot{}, false},
		{"long snapshot", &Snapshot{Shard: 1, Data: long}, false},
		{"brief of two opens", &Brief{ID: sampleID(1), Spec: sampleSpec(), Open: make([]OpenSpec, 2)},
			false},
	}
	for _, tt := range tests {
		m, err := parseMessage(appendMessage(nil, tt.v))
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(m, tt.v); (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want it to pass: %v", tt.name, err, tt.ok)
		}
	}
	for _, s := range []OpenSpec{
		{KeepMillis: -1}, {TaskMillis: -1}, {IDMillis: -1}, {Shards: ShardsMax + 1},
	} {
		if s.Validate() == nil {
			t.Errorf("%+v passes", s)
		}
	}
}

// TestStreamRoles checks who may send what of an open job.
func TestStreamRoles(t *testing.T) {
	allowed := map[Kind]string{
		KindTask: "client admin", KindCancelTask: "client admin", KindReply: "coordinator",
		KindShardMoved: "coordinator", KindPartial: "process coordinator",
		KindCall: "coordinator", KindReturn: "process", KindRetire: "coordinator",
		KindAsk: "process", KindTold: "coordinator",
		KindSnapshot: "process coordinator",
	}
	for k, want := range allowed {
		if got := senders(kinds[k].from); got != want {
			t.Errorf("%s comes from %s, want %s", k, got, want)
		}
	}
}

// TestStreamNames checks that the name of a worker in a Reply costs nothing when it has come
// before, also when Replies of other workers came between.
func TestStreamNames(t *testing.T) {
	var list []Message
	for _, name := range []string{"local", "host7", "", "a host of a very long name"} {
		m, err := parseMessage(appendMessage(nil, &Reply{State: 3, Worker: name}))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	var got [4]string
	var r Reply
	run := func() {
		for i, m := range list {
			if err := Decode(m, &r); err != nil {
				t.Fatal(err)
			}
			got[i] = r.Worker
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if want := [4]string{"local", "host7", "", "a host of a very long name"}; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// values reads a whole list.
func values(list []byte) (all [][]byte, err error) {
	for len(list) > 0 {
		var v []byte
		if v, list, err = NextValue(list); err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// TestValues checks the lists of a reduce.
func TestValues(t *testing.T) {
	want := [][]byte{{}, []byte("17"), make([]byte, 127), make([]byte, 128), make([]byte, 70000)}
	var list []byte
	for _, v := range want {
		list = AppendValue(list, v)
	}
	got, err := values(list)
	if err != nil || !slicesEqual(got, want) {
		t.Errorf("got %d values and %v, want %d", len(got), err, len(want))
	}
	for _, bad := range [][]byte{{1}, {0x80}, {5, 'x'}, bytes.Repeat([]byte{0xff}, 11)} {
		if got, err := values(bad); fanfold.KindOf(err) != fanfold.KindProtocol {
			t.Errorf("%x: got %q and %v", bad, got, err)
		}
	}
	if _, _, err := NextValue(nil); err == nil {
		t.Error("there is a value in nothing")
	}
}

func slicesEqual(a, b [][]byte) bool {
	return bytes.Equal(bytes.Join(a, []byte{','}), bytes.Join(b, []byte{','}))
}

// FuzzValues checks that no list is fatal, and that what is read is what was written.
func FuzzValues(f *testing.F) {
	f.Add(AppendValue(AppendValue(nil, []byte("17")), nil))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, list []byte) {
		all, err := values(list)
		var again []byte
		for _, v := range all {
			again = AppendValue(again, v)
		}
		got, _ := values(again)
		if !slicesEqual(got, all) || err == nil && len(again) > len(list) {
			t.Errorf("%x: got %x, again %x", list, all, got)
		}
	})
}

// snapper is a handler of nothing.
type snapper struct{ fanfold.Handler }

// TestInfoOf checks what is told of a program.
func TestInfoOf(t *testing.T) {
	p := fanfold.Program{
		Handle:   func(*fanfold.Task) (fanfold.Handler, error) { return snapper{}, io.EOF },
		Reduce:   func(*fanfold.Task) (fanfold.Reducer, error) { return nil, io.EOF },
		Stateful: true, Associative: true, SnapshotEvery: 7,
		Batch: 9,
	}
	want := ProgramInfo{
		Reduces: true, Handles: true, Stateful: true, Associative: true, Snapshots: 7, Batch: 9,
	}
	if got := InfoOf(&p); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p = fanfold.Program{Map: func(*fanfold.Task) (fanfold.Mapper, error) { return nil, io.EOF },
		SnapshotEvery: -1, Reducers: -1}
	if got := InfoOf(&p); got != (ProgramInfo{Maps: true}) {
		t.Errorf("got %+v of a mapper alone", got)
	}
}
