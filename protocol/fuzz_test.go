package protocol

import (
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/fanfold/fanfold"
)

// FuzzRead checks that no stream of bytes is fatal, and that the pieces in which it arrives make no
// difference.
func FuzzRead(f *testing.F) {
	for _, h := range hostile {
		if len(h.bytes) < 1<<10 {
			f.Add(h.bytes)
		}
	}
	data, _ := stream(10)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := readAll(&source{data: data}, open)
		slow, slowly := readAll(&source{data: data, piece: 1}, open)
		if !reflect.DeepEqual(list, slow) || err.Error() != slowly.Error() {
			t.Errorf("at once: %q and %v; byte by byte: %q and %v", list, err, slow, slowly)
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) &&
			fanfold.KindOf(err) == fanfold.KindUser {
			t.Errorf("an error without a kind: %v", err)
		}
	})
}

// FuzzCheck compares the check of messages with that of any value.
func FuzzCheck(f *testing.F) {
	for _, h := range hostile {
		if len(h.bytes) < 1<<10 && len(h.bytes) > 4 {
			f.Add(h.bytes[4:], ElementsMax)
		}
	}
	for _, v := range samples() {
		f.Add(appendMessage(nil, v), 10)
	}
	f.Fuzz(func(t *testing.T, b []byte, elements int) {
		kind, end, left, err := checkMessage(b, elements)
		if errors.Is(err, errKind) {
			return
		}
		wantEnd, wantLeft, wantErr := check(b, elements)
		switch {
		case (err == nil) != (wantErr == nil) || end != wantEnd || left != wantLeft:
			t.Errorf("got %d, %d and %v, want %d, %d and %v", end, left, err, wantEnd, wantLeft, wantErr)
		case err == nil && byte(kind) != b[1]:
			t.Errorf("got kind %d of %x", kind, b)
		}
	})
}

// FuzzDecode checks every decoder: it agrees with msgpack/v5 behind the same checks, and what it
// gives is what msgpack/v5 would send.
func FuzzDecode(f *testing.F) {
	for _, v := range samples() {
		f.Add(appendMessage(nil, v))
	}
	f.Add([]byte("\x9f/00000000\xff00000")) // a negative number for a list
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseMessage(raw)
		if err != nil {
			return
		}
		typ := reflect.TypeOf(kinds[m.Kind].body).Elem()
		got, want := reflect.New(typ), reflect.New(typ)
		v := got.Interface().(Body)
		lib := decode(m.raw, &shapes[m.Kind], want.Interface())
		if err := decoded(raw, v); (err == nil) != (lib == nil) {
			if !errors.Is(err, errRatio) && !errors.Is(lib, errRatio) {
				t.Fatalf("got %v, the library %v", err, lib)
			}
			return
		} else if err != nil {
			return
		}
		again := appendMessage(nil, v)
		if lib := viaLibrary(t, v); !isWhole(again, lib) {
			t.Fatalf("sent: got %x, the library %x", again, lib)
		}
		fromLibrary := reflect.New(typ).Interface().(Body)
		if err := decoded(viaLibrary(t, want.Interface().(Body)), fromLibrary); err != nil {
			t.Fatalf("the library's is refused: %v", err)
		}
		if a, b := tree(got.Elem()), tree(reflect.ValueOf(fromLibrary).Elem()); !reflect.DeepEqual(a, b) {
			t.Fatalf("got %v, the library %v", a, b)
		}
	})
}

// FuzzHot checks the hand-written codecs against msgpack/v5, from the values' side.
func FuzzHot(f *testing.F) {
	f.Add(uint64(1), int64(-1), uint32(2), uint16(3), uint8(4), true, "text", []byte("data"))
	f.Add(uint64(1<<40), int64(1<<62), uint32(1<<31), uint16(300), uint8(200), false, "", []byte(nil))
	f.Fuzz(func(t *testing.T,
		a uint64, i int64, u uint32, h uint16, s uint8, y bool, text string, data []byte,
	) {
		for _, v := range []hot{
			&Input{a, i, y, data},
			&Result{a, i, data, y, text},
			&Credit{a, i, ^a},
			&Source{a, u, uint32(h), uint32(s), text, u, data, i, text, y},
			&Piece{a, i, data, s, -i, i, y, u, text},
			&Assign{u, a, ^a, s, ^u, h, uint32(h), y, data, i, u, !y, data, nil},
			&Revoke{a},
			&Verdict{a, y},
			&Done{a, s, i, u, text, -i, ^u, i, [][]byte{data, nil, data}, i, i,
				[]Counter{{text, text, i}}, []Failure{{Request: a, Kind: u, Op: text, Log: text, Job: data,
					Offset: i}}, u},
			&Task{a, ^a, data, data, i, s, text, s},
			&Task{Request: a, Data: data, Millis: i},
			&Reply{a, ^a, s, data, h, text, u, y, nil},
			&Reply{a, a, s, nil, h, text, 0, y, []Failure{{Kind: u, Log: text, Job: data}}},
			&Partial{a, ^a, h, text, data},
			&Call{a, ^a, data, u, h, i, ^u, data, s, y},
			&Call{Attempt: a, Data: data, Shard: u},
			&Return{a, s, data, i, []Counter{{text, text, i}}, []Failure{{Kind: u, Log: text}}},
			&Return{Attempt: a, Status: s, Data: data, Nanos: i},
		} {
			raw, lib := appendMessage(nil, v), viaLibrary(t, v)
			if !isWhole(raw, lib) {
				t.Fatalf("%s: got %x, the library %x", v.kind(), raw, lib)
			}
			for _, raw := range [][]byte{raw, lib} {
				got := reflect.New(reflect.TypeOf(v).Elem())
				if err := decoded(raw, got.Interface().(Body)); err != nil {
					t.Fatalf("%s: %v", v.kind(), err)
				}
				want := tree(reflect.ValueOf(v).Elem())
				if !reflect.DeepEqual(tree(got.Elem()), want) {
					t.Fatalf("%s: got %v, want %v", v.kind(), tree(got.Elem()), want)
				}
			}
		}
	})
}

// FuzzSplit checks the decoder of splits.
func FuzzSplit(f *testing.F) {
	f.Add(AppendSplit(nil, &fanfold.Split{Ranges: make([]fanfold.Range, 2), Offset: 1, First: true}))
	f.Add([]byte("\x93\xe300")) // a negative number for a list
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSplit(b)
		if err != nil {
			return
		}
		again, err := ParseSplit(AppendSplit(nil, &s))
		if err != nil || !reflect.DeepEqual(again, s) && len(s.Ranges) > 0 {
			t.Errorf("got %+v and %v, want %+v", again, err, s)
		}
	})
}
