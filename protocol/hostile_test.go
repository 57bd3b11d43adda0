package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/fanfold/fanfold"
)

// framed puts a body into a frame.
func framed(body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// ended makes an Ended whose counters are the given bytes.
func ended(counters ...byte) []byte {
	return append([]byte{0x95, byte(KindEnded), 1, 3, 0x90}, counters...)
}

// source is a transport that gives bytes in pieces, and takes none.
type source struct {
	data  []byte
	piece int // bytes a read; 0: as many as fit
	taken int
}

func (s *source) Read(b []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	if s.piece > 0 {
		b = b[:min(s.piece, len(b))]
	}
	n := copy(b, s.data)
	s.data = s.data[n:]
	s.taken += n
	return n, nil
}

func (s *source) Write(b []byte) (int, error) { return len(b), nil }
func (s *source) Close() error                { return nil }

// readAll reads everything, decodes every message, and gives the messages and the first error.
func readAll(s *source, r rules) (list []string, err error) {
	c := newConn(s)
	defer c.Close()
	c.rules = r
	var b Batch
	for {
		if err := c.Read(&b); err != nil {
			return list, err
		}
		for m := range b.All() {
			v := reflect.New(reflect.TypeOf(kinds[m.Kind].body).Elem()).Interface().(Body)
			if err := Decode(m, v); err != nil {
				return list, err
			}
			list = append(list, describe(m))
		}
	}
}

func repeat(n int, b ...byte) []byte { return bytes.Repeat(b, n) }

// hostile is the table of inputs that kill or bloat msgpack/v5, and others of their kind.
var hostile = []struct {
	name  string
	bytes []byte
	want  error // in the chain
}{
	{"length bomb", []byte{0xff, 0xff, 0xff, 0xff}, ErrFrame},
	{"bulk length bomb", []byte{0x00, 0x40, 0x00, 0x01, 0x95, byte(KindInput)}, ErrFrame},
	{"control length bomb", []byte{0x00, 0x10, 0x00, 0x01, 0x92, byte(KindStop)}, ErrFrame},
	{"control length bomb with a bulk kind behind 0", []byte{0, 0x10, 0, 1, 0xdc, 0, 3}, ErrFrame},
	{"tls client hello", []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, ErrFrame},
	{"http", []byte("GET / HTTP/1.1\r\n\r\n"), ErrFrame},
	{"one byte", framed(0x91), errKind},
	{"no array", framed(0xc0, 0xc0), errKind},
	{"empty array", framed(0x90, 0x90), errKind},
	{"kind 0", framed(0x91, 0), errKind},
	{"kind negative", framed(0x91, 0xff), errKind},
	{"kind uint8", framed(0x91, 0xcc, 5), errKind},
	{"array16 message", framed(0xdc, 0, 2, 5), errKind},
	{"unknown kind", framed(0x91, 99), errUnknown},
	{"kind without a type", framed(0x91, 30), errUnknown},
	{"trailing byte", framed(0x91, byte(KindBye), 0xc0), errKind},
	{"trailing 0xc1", framed(0x91, byte(KindBye), 0xc1, 0xc1), errKind},
	{"cut off", framed(0x92, byte(KindBye)), errCount},
	{"cut off in a number", framed(0x92, byte(KindStop), 0xcf, 0, 0), errValue},
	{"bulk in control", framed(append([]byte{0x91, byte(KindBye)}, 0x91, byte(KindInput))...),
		errClass},
	{"array32 of 4 G", framed(ended(0xdd, 0xff, 0xff, 0xff, 0xff)...), errCount},
	{"array32 of 64 M", framed(ended(0xdd, 0x04, 0, 0, 0)...), errCount},
	{"array32 of 16 M structs", framed(ended(0xdd, 0x01, 0, 0, 0)...), errCount},
	{"map32", framed(ended(0xdf, 0x01, 0, 0, 0)...), errValue},
	{"map32 of 4 G", framed(ended(0xdf, 0xff, 0xff, 0xff, 0xff)...), errValue},
	{"fixmap", framed(ended(0x80)...), errValue},
	{"map with an array as key", framed(ended(0x81, 0x90, 0)...), errValue},
	{"bin32 of 4 G", framed(0x92, byte(KindProof), 0xc6, 0xff, 0xff, 0xff, 0xff), errCount},
	{"str32 of 4 G", framed(0x92, byte(KindBye), 0xdb, 0xff, 0xff, 0xff, 0xff), errCount},
	{"ext32 of 4 G", framed(0x92, byte(KindBye), 0xc9, 0xff, 0xff, 0xff, 0xff, 1), errValue},
	{"fixext", framed(0x92, byte(KindBye), 0xd4, 1, 0), errValue},
	{"never used", framed(0x92, byte(KindBye), 0xc1), errValue},
	{"float", framed(0x92, byte(KindStop), 0xcb, 0, 0, 0, 0, 0, 0, 0, 0), errValue},
	{"array16 x 1000", framed(append(ended(), repeat(1000, 0xdc, 0xff, 0xff)...)...), errCount},
	{"1 MB of depth", framed(append(ended(), repeat(ControlMax-16, 0x91)...)...), errDepth},
	{"3.9 MB of depth", framed(append([]byte{0x95, byte(KindInput)},
		repeat(3900<<10, 0x91)...)...), errDepth},
	{"depth in an unknown field", framed(append([]byte{0x93, byte(KindBye), 0xa0},
		append(repeat(16, 0x91), 0xc0)...)...), errDepth},
	{"1 MB of empty structs", framed(append(ended(0xdd, 0, 0x0f, 0, 0),
		repeat(0x0f0000, 0x90)...)...), errElements},
	{"60000 empty structs", framed(append(ended(0xdc, 0xea, 0x60),
		repeat(60000, 0x90)...)...), errRatio},
	{"60000 empty jobs", framed(append([]byte{0x93, byte(KindAnswer), 1, 0xdc, 0xea, 0x60},
		repeat(60000, 0x90)...)...), errRatio},
	{"300 as a small number", framed(0x93, byte(KindDone), 1, 0xcd, 1, 44), errType},
	{"-1 as unsigned", framed(0x92, byte(KindStop), 0xff), errType},
	{"2^64-1 as signed", framed(0x93, byte(KindCredit), 1, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff), errType},
	{"nil as a number", framed(0x92, byte(KindStop), 0xc0), errType},
	{"nil as a struct", framed(0x93, byte(KindSubmit), 1, 0xc0), errType},
	{"task in control", framed(0x91, byte(KindBye), 0x91, byte(KindTask)), errClass},
	{"task of 4 G", framed(0x94, byte(KindTask), 1, 1, 0xc6, 0xff, 0xff, 0xff, 0xff), errCount},
	{"key as str", framed(0x95, byte(KindTask), 1, 1, 0xc0, 0xa1, 'k'), errType},
	{"flags 300", framed(0x99, byte(KindTask), 1, 1, 0xc0, 0xc0, 0, 0, 0xa0, 0xcd, 1, 44), errType},
	{"depth in a field that Task does not have", framed(append([]byte{0x9a, byte(KindTask), 1, 1,
		0xc0, 0xc0, 0, 0, 0xa0, 0}, append(repeat(16, 0x91), 0xc0)...)...), errDepth},
	{"worker as bin", framed(0x97, byte(KindReply), 1, 1, 3, 0xc0, 1, 0xc4, 1, 'w'), errType},
	{"attempts 65536", framed(0x96, byte(KindReply), 1, 1, 3, 0xc0, 0xce, 0, 1, 0, 0), errType},
	{"number as a call's data", framed(0x94, byte(KindCall), 1, 1, 7), errType},
	{"2^32 as a call's task", framed(0x95, byte(KindCall), 1, 1, 0xc0, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0),
		errType},
	{"60000 empty counters", framed(append([]byte{0x96, byte(KindReturn), 1, 1, 0xc0, 0, 0xdc, 0xea,
		0x60}, repeat(60000, 0x90)...)...), errRatio},
	{"60000 empty failures", framed(append([]byte{0x97, byte(KindReturn), 1, 1, 0xc0, 0, 0xc0, 0xdc,
		0xea, 0x60}, repeat(60000, 0x90)...)...), errRatio},
	{"60000 empty opens", framed(append([]byte{0x98, byte(KindSubmit), 1, 0x90, 0x90, 0xc0, 0xa0, 0,
		0xdc, 0xea, 0x60}, repeat(60000, 0x90)...)...), errRatio},
	{"nil as an open", framed(0x98, byte(KindSubmit), 1, 0x90, 0x90, 0xc0, 0xa0, 0, 0x91, 0xc0),
		errType},
	{"end in a frame", framed(0x91, byte(KindBye), 0x91)[:6], io.ErrUnexpectedEOF},
}

// TestR42HostileInput feeds the table to Read and Decode. Nothing is fatal, each has its error, and
// none costs more memory than 8 times a frame.
func TestR42HostileInput(t *testing.T) {
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			good := framed(0x92, byte(KindBye), 0xa2, 'h', 'i')
			in := append(append(good, tt.bytes...), good...)
			if errors.Is(tt.want, io.ErrUnexpectedEOF) {
				in = in[:len(in)-len(good)]
			}
			var list []string
			var err error
			cost := allocated(func() { list, err = readAll(&source{data: in}, open) })
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if len(list) != 1 {
				t.Errorf("got %d messages, want the one good message", len(list))
			}
			if most := uint64(8*len(in) + 512<<10); cost > most {
				t.Errorf("%d bytes cost %d, more than %d", len(in), cost, most)
			}
		})
	}
}

// TestR42LegalButLarge checks that what is allowed to grow when it is decoded grows within bounds:
// a Done of a job with as many reducers as there may be, all of whose parts are empty.
func TestR42LegalButLarge(t *testing.T) {
	in := framed(appendMessage(nil, &Done{Status: 1, Inline: make([][]byte, ReducersMax)})...)
	var list []string
	var err error
	cost := allocated(func() { list, err = readAll(&source{data: in}, open) })
	if !errors.Is(err, io.EOF) || len(list) != 1 {
		t.Errorf("got %d messages and %v, want one", len(list), err)
	}
	if most := uint64(8*len(in) + 2<<20); cost > most {
		t.Errorf("%d bytes cost %d, more than %d", len(in), cost, most)
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, behind runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&behind)
	return behind.TotalAlloc - before.TotalAlloc
}

// TestR41OversizeBeforeBuffering checks that a frame is refused by its head, whatever follows, and
// that a length costs the sender the bytes.
func TestR41OversizeBeforeBuffering(t *testing.T) {
	const claim = 4 << 20
	for _, tt := range []struct {
		name  string
		rules rules
		head  []byte
		sent  int
		want  error
		most  uint64
	}{
		{"before authentication", handshake, []byte{0, 0, 0x10, 0x01}, 1 << 20, ErrFrame, 64 << 10},
		{"control", open, []byte{0, 0x10, 0, 1, 0x92, byte(KindStop)}, 1 << 20, ErrFrame, 160 << 10},
		{"bulk", open, []byte{0, 0x40, 0, 1, 0x92, byte(KindInput)}, 1 << 20, ErrFrame, 160 << 10},
		{"claimed, not sent", open, []byte{0, 0x40, 0, 0, 0x95, byte(KindInput)}, 100 << 10,
			io.ErrUnexpectedEOF, 700 << 10},
	} {
		s := &source{data: append(tt.head, make([]byte, tt.sent)...)}
		var err error
		cost := allocated(func() { _, err = readAll(s, tt.rules) })
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if cost > tt.most {
			t.Errorf("%s: cost %d bytes of memory, more than %d", tt.name, cost, tt.most)
		}
		if errors.Is(tt.want, ErrFrame) && s.taken > readMax {
			t.Errorf("%s: %d bytes were read", tt.name, s.taken)
		}
	}
}

// TestR41KindOfRefusal checks what the peer is told.
func TestR41KindOfRefusal(t *testing.T) {
	for _, tt := range []struct {
		rules rules
		bytes []byte
		want  fanfold.Kind
	}{
		{open, hostile[0].bytes, fanfold.KindTooLarge},
		{open, framed(0x91, 99), fanfold.KindProtocol},
		{after(RoleClient), framed(0x91, byte(KindDone)), fanfold.KindDenied},
		{after(RoleProcess), framed(0x91, byte(KindSubmit)), fanfold.KindDenied},
		{after(RoleViewer), framed(0x91, byte(KindSubmit)), fanfold.KindDenied},
		{after(RoleViewer), framed(0x91, byte(KindTask)), fanfold.KindDenied},
		{after(RoleViewer), framed(0x92, byte(KindCancelTask), 1), fanfold.KindDenied},
		{after(RoleClient), framed(0x91, byte(KindReply)), fanfold.KindDenied},
		{after(RoleClient), framed(0x91, byte(KindReturn)), fanfold.KindDenied},
		{after(RoleProcess), framed(0x91, byte(KindTask)), fanfold.KindDenied},
		{after(RoleProcess), framed(0x91, byte(KindCall)), fanfold.KindDenied},
		{handshake, framed(0x91, byte(KindSubmit)), fanfold.KindDenied},
	} {
		if _, err := readAll(&source{data: tt.bytes}, tt.rules); fanfold.KindOf(err) != tt.want {
			t.Errorf("%x: got %v, want kind %s", tt.bytes, err, tt.want)
		}
	}
}

// stream makes frames of many sizes, some of them empty, and describes their messages.
func stream(n int) (data []byte, want []string) {
	r := rand.New(rand.NewPCG(5, 6))
	for range n {
		var body []byte
		for range r.IntN(4) {
			v := Body(&Stop{Attempt: r.Uint64() >> r.IntN(64)})
			if len(body) == 0 || kinds[body[1]].travel == bulk {
				v = &Input{Stream: r.Uint64(), Data: make([]byte, r.IntN(3000))}
			}
			if r.IntN(100) == 0 {
				v = &Bye{Reason: string(make([]byte, 1000))}
			}
			raw := appendMessage(nil, v)
			body = append(body, raw...)
			want = append(want, describe(Message{v.kind(), raw}))
		}
		data = append(data, framed(body...)...)
	}
	return data, want
}

// TestB22FramesInPieces checks that the pieces in which bytes arrive make no difference.
func TestB22FramesInPieces(t *testing.T) {
	data, want := stream(100)
	for _, piece := range []int{0, 1, 2, 3, 5, 7, 1000, 4096, 65536} {
		got, err := readAll(&source{data: data, piece: piece}, open)
		if !errors.Is(err, io.EOF) {
			t.Errorf("pieces of %d: got %v, want EOF", piece, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("pieces of %d: got %d messages, want %d", piece, len(got), len(want))
		}
	}
}

// TestB22EmptyFrames checks that frames of length 0 are legal, any number of them.
func TestB22EmptyFrames(t *testing.T) {
	data := append(make([]byte, 4*100_000), framed(0x91, byte(KindBye))...)
	got, err := readAll(&source{data: data}, open)
	if !errors.Is(err, io.EOF) || len(got) != 1 {
		t.Errorf("got %q and %v, want one message", got, err)
	}
}

// TestBatchGivesBack checks that a large frame does not leave its memory behind.
func TestBatchGivesBack(t *testing.T) {
	large := appendMessage(nil, &Input{Data: make([]byte, 3<<20)})
	c := newConn(&source{data: framed(large...), piece: 1000})
	defer c.Close()
	var b Batch
	for i, most := range []int{BulkMax, readMax} {
		if err := c.Read(&b); err != nil && i == 0 {
			t.Fatal(err)
		}
		if cap(b.buf) > most || cap(c.rest) > readMax {
			t.Errorf("read %d keeps %d and %d bytes", i, cap(b.buf), cap(c.rest))
		}
	}
}

// TestCheckAllocatesNothing guards the price of the check.
func TestCheckAllocatesNothing(t *testing.T) {
	for _, tt := range hostile {
		body := tt.bytes[min(4, len(tt.bytes)):]
		if n := testing.AllocsPerRun(1, func() { check(body, ElementsMax) }); n > 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
}
