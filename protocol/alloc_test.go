package protocol

import (
	"testing"

	"github.com/fanfold/fanfold"
)

// hotMessages are the messages of which there may be millions, as they are in practice.
func hotMessages() []hot {
	split := AppendSplit(nil, &fanfold.Split{Ranges: []fanfold.Range{{Name: "/data/x", Length: 9}}})
	return []hot{
		&Assign{Attempt: 1 << 40, Job: 7, Stage: 1, Task: 9, Number: 1, Split: split},
		&Done{Attempt: 1 << 40, Status: 1, Nanos: 1e6, Inline: [][]byte{make([]byte, 64)}},
		&Input{Stream: 1, Offset: 1 << 20, Data: make([]byte, 64)},
		&Result{Stream: 1, Offset: 1 << 20, Data: make([]byte, 64)},
		&Source{Attempt: 1 << 40, Stage: 1, Inline: make([]byte, 64)},
		&Credit{Stream: 1, Bytes: 1 << 20},
		&Revoke{Attempt: 1 << 40},
		&Verdict{Attempt: 1 << 40, Committed: true},
		&Task{Request: 1, Tag: 1 << 20, Data: make([]byte, 64)},
		&Task{Request: 1, Tag: 1 << 20, Data: make([]byte, 64), Key: []byte("k"), Millis: 50, Flags: 2},
		&Reply{Request: 1, Tag: 1 << 20, State: 3, Data: make([]byte, 8), Attempts: 1, Worker: "w"},
		&Partial{Stream: 1, Tag: 1 << 20, Number: 1, Data: make([]byte, 64)},
		&Call{Attempt: 1 << 40, Job: 7, Data: make([]byte, 64), Task: 1 << 20},
		&Call{Attempt: 1 << 40, Data: make([]byte, 64), Task: 1 << 20, Shard: 3, Key: []byte("k")},
		&Return{Attempt: 1 << 40, Status: 1, Data: make([]byte, 8), Nanos: 700},
	}
}

// TestHotAllocations guards the codecs of the hot messages.
func TestHotAllocations(t *testing.T) {
	for _, v := range hotMessages() {
		buf := make([]byte, 0, 1024)
		m, err := parseMessage(appendMessage(nil, v))
		if err != nil {
			t.Fatal(err)
		}
		run := func() {
			buf = appendMessage(buf[:0], v)
			if err := Decode(m, v); err != nil {
				t.Fatal(err)
			}
		}
		run() // v's slices get their room
		if n := testing.AllocsPerRun(100, run); n > 0 {
			t.Errorf("%s: %v allocations", v.kind(), n)
		}
	}
}

// TestConnAllocations guards the whole way of a message, in the steady state.
func TestConnAllocations(t *testing.T) {
	a, b := Pair()
	defer a.Close()
	defer b.Close()
	list := hotMessages()
	var batch Batch
	run := func() {
		for range 20 {
			for _, v := range list {
				if err := a.Send(v); err != nil {
					t.Fatal(err)
				}
			}
		}
		a.Flush()
		for n := 20 * len(list); n > 0; n -= batch.Len() {
			if err := b.Read(&batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 10 {
		run() // buffers grow
	}
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations for %d messages", n, 20*len(list))
	}
}

func BenchmarkHot(b *testing.B) {
	for _, v := range hotMessages() {
		b.Run(v.kind().String(), func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf = appendMessage(buf[:0], v)
				m, err := parseMessage(buf)
				if err == nil {
					err = Decode(m, v)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPair(b *testing.B) {
	x, y := Pair()
	defer x.Close()
	defer y.Close()
	go func() {
		v := &Stop{Attempt: 1 << 40}
		for i := 0; ; i++ {
			if i%512 == 0 && x.WaitQueued(b.Context(), QueueMax/2) != nil {
				return
			}
			if x.Send(v) != nil {
				return
			}
		}
	}()
	var batch Batch
	n := 0
	for b.Loop() {
		if n == 0 {
			if err := y.Read(&batch); err != nil {
				b.Fatal(err)
			}
			n = batch.Len()
		}
		n--
	}
}
