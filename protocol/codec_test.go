package protocol

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/fanfold/fanfold"
)

// fill sets v to a random value: numbers of every length, now and then nil or empty slices.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64) >> (64 - v.Type().Bits()))
	case reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> r.IntN(64))
	case reflect.String:
		v.SetString(strings.Repeat("é", r.IntN(4)*r.IntN(100)))
	case reflect.Slice:
		n := r.IntN(4)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			n = []int{0, 1, 16, 32, 255, 256, 70000}[r.IntN(7)]
		}
		if n == 0 {
			v.SetZero()
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(r, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	}
}

// viaLibrary encodes a message as msgpack/v5 alone would.
func viaLibrary(t testing.TB, v Body) []byte {
	t.Helper()
	var buf bytes.Buffer
	e := msgpack.NewEncoder(&buf)
	e.UseArrayEncodedStructs(true)
	e.UseCompactInts(true)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	b := buf.Bytes()
	return append([]byte{b[0] + 1, byte(v.kind())}, b[1:]...)
}

// decoded decodes without validating, through the check.
func decoded(raw []byte, v Body) error {
	m, err := parseMessage(raw)
	if err != nil {
		return err
	}
	if h, ok := v.(hot); ok {
		return h.parse(m.raw)
	}
	return decode(m.raw, &shapes[m.Kind], v)
}

// trimmed are the kinds that leave out their last fields when these are zero.
var trimmed = []Kind{KindTask, KindReply, KindPartial, KindCall, KindReturn}

// isWhole reports whether raw is what the library sends, or that without the last fields, all of
// which are zero.
func isWhole(raw, lib []byte) bool {
	left := int(lib[0]) - int(raw[0])
	if left < 0 || raw[1] != lib[1] || !bytes.HasPrefix(lib[2:], raw[2:]) {
		return false
	}
	for rest := lib[len(raw):]; left > 0; left-- {
		t := scan(rest)
		if t.form == bad || t.n != 0 {
			return false
		}
		rest = rest[t.head:]
	}
	return true
}

// cuts are all arrays that a message of all its fields gives when its last ones are left out.
func cuts(t *testing.T, lib []byte) (list [][]byte) {
	t.Helper()
	end := 2
	for n := byte(1); n < lib[0]&15; n++ {
		list = append(list, append([]byte{0x90 + n}, lib[1:end]...))
		size, _, err := check(lib[end:], ElementsMax)
		if err != nil {
			t.Fatal(err)
		}
		end += size
	}
	return list
}

// TestCodecBothWays checks every kind against msgpack/v5: the same bytes, and the same value back,
// from our bytes and from the library's.
func TestCodecBothWays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for k, typ := range bodies {
		for range 12 {
			v := reflect.New(typ)
			fill(r, v.Elem())
			want := v.Interface().(Body)
			raw := appendMessage(nil, want)
			lib := viaLibrary(t, want)
			if !isWhole(raw, lib) || len(raw) < len(lib) && !slices.Contains(trimmed, k) {
				t.Fatalf("%s: got %x, want %x", k, raw, lib)
			}
			for _, raw := range [][]byte{raw, lib} {
				got := reflect.New(typ).Interface().(Body)
				if err := decoded(raw, got); err != nil {
					t.Fatalf("%s: %v", k, err)
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s: got %+v, want %+v", k, got, want)
				}
			}
		}
	}
}

// TestCodecGrows checks that arrays of another length are read: a newer or an older peer's.
func TestCodecGrows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	extra := []byte{0x93, 0xc0, 0x91, 0xa1, 'x', 0xc4, 1, 0}
	for k, typ := range bodies {
		v := reflect.New(typ)
		fill(r, v.Elem())
		raw := viaLibrary(t, v.Interface().(Body))
		n := typ.NumField()
		if n < fieldsMax {
			longer := append(append([]byte{raw[0] + 1}, raw[1:]...), extra...)
			got := reflect.New(typ).Interface().(Body)
			if err := decoded(longer, got); err != nil {
				t.Errorf("%s with another field: %v", k, err)
			}
			if !reflect.DeepEqual(got, v.Interface()) {
				t.Errorf("%s with another field: got %+v, want %+v", k, got, v.Interface())
			}
		}
		for fields, shorter := range cuts(t, raw) {
			got := reflect.New(typ)
			fill(r, got.Elem()) // what was in it must not survive
			if err := decoded(shorter, got.Interface().(Body)); err != nil {
				t.Errorf("%s of %d fields: %v", k, fields, err)
			}
			want := reflect.New(typ)
			for i := range fields {
				want.Elem().Field(i).Set(v.Elem().Field(i))
			}
			clean := normal(got.Elem()).Interface()
			if want := normal(want.Elem()).Interface(); !reflect.DeepEqual(clean, want) {
				t.Errorf("%s of %d fields: got %+v, want %+v", k, fields, clean, want)
			}
		}
	}
}

// normal makes empty slices nil.
func normal(v reflect.Value) reflect.Value {
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice && f.Len() == 0 {
			f.SetZero()
		}
	}
	return v
}

// TestCodecNestedStructs checks that structs in messages may have another length too.
func TestCodecNestedStructs(t *testing.T) {
	var e Ended
	raw := []byte{0x95, byte(KindEnded), 7, 3, 0x90, 0x93, // counters:
		0x91, 0xa1, 'g', 0x95, 0xa1, 'h', 0xa1, 'n', 5, 0x91, 1, 0xc0, 0x90}
	if err := decoded(raw, &e); err != nil {
		t.Fatal(err)
	}
	want := []Counter{{Group: "g"}, {"h", "n", 5}, {}}
	if !reflect.DeepEqual(e.Counters, want) {
		t.Errorf("got %v, want %v", e.Counters, want)
	}
	var d Done
	hot := append([]byte{0x9d, byte(KindDone), 7, 1, 0, 0, 0xa0, 0, 0, 0, 0xc0, 0, 0}, raw[5:]...)
	if err := decoded(hot, &d); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(d.Counters, want) {
		t.Errorf("got %v, want %v", d.Counters, want)
	}
}

// TestCodecTypes checks that nothing wraps, and that no type stands for another.
func TestCodecTypes(t *testing.T) {
	msg := func(k Kind, fields ...byte) []byte {
		return append([]byte{0x91 + byte(len(fields)), byte(k)}, fields...)
	}
	one := func(k Kind, before int, value ...byte) []byte {
		raw := append([]byte{0x92 + byte(before), byte(k)}, make([]byte, before)...)
		return append(raw, value...)
	}
	max32, over32 := []byte{0xce, 255, 255, 255, 255}, []byte{0xcf, 0, 0, 0, 1, 0, 0, 0, 5}
	max64 := []byte{0xcf, 255, 255, 255, 255, 255, 255, 255, 255}
	tests := []struct {
		name string
		raw  []byte
		v    Body
		ok   bool
	}{
		{"u64 greatest", one(KindStop, 0, max64...), &Stop{}, true},
		{"u64 negative", msg(KindStop, 0xff), &Stop{}, false},
		{"u64 int8 encoding", one(KindStop, 0, 0xd0, 5), &Stop{}, true},
		{"u64 int64 encoding", one(KindStop, 0, 0xd3, 0, 0, 0, 0, 0, 0, 0, 5), &Stop{}, true},
		{"u64 nil", msg(KindStop, 0xc0), &Stop{}, false},
		{"u64 bool", msg(KindStop, 0xc3), &Stop{}, false},
		{"u64 str", one(KindStop, 0, 0xa1, '5'), &Stop{}, false},
		{"u64 array", msg(KindStop, 0x90), &Stop{}, false},
		{"u32 greatest", one(KindKill, 0, max32...), &Kill{}, true},
		{"u32 2^32+5", one(KindKill, 0, over32...), &Kill{}, false},
		{"u32 -1", msg(KindKill, 0xff), &Kill{}, false},
		{"hot u32 2^32+5", one(KindAssign, 0, over32...), &Assign{}, false},
		{"hot u8 300", one(KindAssign, 3, 0xcd, 1, 44), &Assign{}, false},
		{"hot u16 65536", one(KindAssign, 5, 0xce, 0, 1, 0, 0), &Assign{}, false},
		{"hot u64 -1", one(KindAssign, 1, 0xff), &Assign{}, false},
		{"hot i64 2^64-1", one(KindCredit, 1, max64...), &Credit{}, false},
		{"hot i64 negative", one(KindCredit, 1, 0xd0, 0x80), &Credit{}, true},
		{"i64 2^64-1", one(KindBeat, 1, max64...), &Beat{}, false},
		{"i64 negative", one(KindBeat, 1, 0xd1, 0x80, 0), &Beat{}, true},
		{"bool number", msg(KindVerdict, 0, 1), &Verdict{}, false},
		{"bin as str", one(KindBye, 0, 0xc4, 1, 'x'), &Bye{}, false},
		{"str nil", msg(KindBye, 0xc0), &Bye{}, false},
		{"str as bin", one(KindProof, 0, 0xa1, 'x'), &Proof{}, false},
		{"bin nil", msg(KindProof, 0xc0), &Proof{}, true},
		{"bin array of numbers", one(KindProof, 0, 0x91, 1), &Proof{}, false},
		{"hot str as bin", one(KindSource, 6, 0xa1, 'x'), &Source{}, false},
		{"hot bin as str", one(KindResult, 4, 0xc4, 1, 'x'), &Result{}, false},
		{"struct nil", msg(KindSubmit, 1, 0xc0), &Submit{}, false},
		{"struct empty", msg(KindSubmit, 1, 0x90), &Submit{}, true},
		{"list nil", msg(KindInputs, 1, 0xc0), &Inputs{}, true},
		{"list number", msg(KindInputs, 1, 3), &Inputs{}, false},
		{"list of numbers", one(KindInputs, 1, 0x91, 3), &Inputs{}, false},
		{"list of nil structs", one(KindProgress, 1, 0x91, 0xc0), &Progress{}, false},
	}
	for _, tt := range tests {
		err := decoded(tt.raw, tt.v)
		if tt.ok && err != nil || !tt.ok && !errors.Is(err, errType) {
			t.Errorf("%s: %x gives %v and %+v, want it to pass: %v", tt.name, tt.raw, err, tt.v, tt.ok)
		}
	}
}

// TestDecode checks what Decode adds: the kind, the rules, and the kinds of errors.
func TestDecode(t *testing.T) {
	submit := Submit{Request: 1, Job: JobSpec{Program: "wordcount"}}
	named := submit
	named.Job.Name = "../etc"
	tests := []struct {
		name string
		sent Body
		into Body
		want fanfold.Kind
	}{
		{"good", &submit, &Submit{}, fanfold.KindNone},
		{"job that makes no sense", &named, &Submit{}, fanfold.KindUsage},
		{"other kind", &submit, &Stop{}, fanfold.KindProtocol},
		{"request 0", &Submit{Job: submit.Job}, &Submit{}, fanfold.KindProtocol},
		{"short job id", &Accepted{Request: 1, Job: make([]byte, 15)}, &Accepted{}, fanfold.KindProtocol},
		{"short proof", &Proof{MAC: make([]byte, 31)}, &Proof{}, fanfold.KindProtocol},
		{"short nonce", &Hello{Nonce: make([]byte, 31)}, &Hello{}, fanfold.KindProtocol},
		{"negative credit", &Credit{Bytes: -1}, &Credit{}, fanfold.KindProtocol},
		{"unknown status", &Done{Status: 9}, &Done{}, fanfold.KindProtocol},
		{"unknown stage", &Assign{Stage: 4, Number: 1}, &Assign{}, fanfold.KindProtocol},
		{"two failures", &Done{Status: 2, Failure: make([]Failure, 2)}, &Done{}, fanfold.KindProtocol},
		{"long text", &Bye{Reason: strings.Repeat("x", TextMax+1)}, &Bye{}, fanfold.KindProtocol},
		{"running at the end", &Ended{State: uint32(fanfold.Running)}, &Ended{}, fanfold.KindProtocol},
		{"two opens", &Submit{Request: 1, Job: submit.Job, Open: make([]OpenSpec, 2)}, &Submit{},
			fanfold.KindProtocol},
		{"no way to feed", &Submit{Request: 1, Job: JobSpec{Program: "x", Feed: 3}}, &Submit{},
			fanfold.KindUsage},
		{"two counts", &Answer{Jobs: []JobInfo{{Tasks: make([]TaskCounts, 2)}}}, &Answer{},
			fanfold.KindProtocol},
	}
	for _, tt := range tests {
		m, err := parseMessage(appendMessage(nil, tt.sent))
		if err != nil {
			t.Fatal(err)
		}
		if got := fanfold.KindOf(Decode(m, tt.into)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if m, _ := parseMessage(appendMessage(nil, &named)); true {
		var s Submit
		if Decode(m, &s); s.Request != 1 || s.Job.Name != named.Job.Name {
			t.Errorf("a job that makes no sense is not whole: %+v", s)
		}
	}
}

func TestFailure(t *testing.T) {
	want := &fanfold.Error{
		Op: "run mapper", Kind: fanfold.KindUser, Worker: "w", Input: "f", Offset: 7,
		Attempt: fanfold.AttemptID{Job: fanfold.JobID{1}, Stage: 1, Task: 2, Attempt: 3},
		Log:     "log", Hint: "hint", Err: errors.New("cause"),
	}
	f := FromError(want)
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := f.Err(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	plain := FromError(errors.New("x"))
	if got := plain.Err(); got.Kind != fanfold.KindUser || got.Error() != "x" || got.Offset != -1 {
		t.Errorf("got %+v", got)
	}
	wrapped := FromError(errors.Join(errors.New("more"), want))
	if got := wrapped.Err(); got.Kind != want.Kind || got.Error() != "more\nrun mapper: cause" {
		t.Errorf("got %q of kind %s", got, got.Kind)
	}
	long := FromError(&fanfold.Error{Log: strings.Repeat("a", TextMax) + "end"})
	if err := long.Validate(); err != nil || !strings.HasSuffix(long.Log, "end") {
		t.Errorf("a long log: %v, and it ends in %q", err, long.Log[len(long.Log)-3:])
	}
}

func TestJob(t *testing.T) {
	want := fanfold.Job{
		Program: fanfold.CommandProgram, Name: "n", Params: map[string]string{"a": "1", "b": ""},
		Output: "o", Overwrite: true, Reducers: 3, SplitSize: 1 << 40, Memory: 5,
		Sort: fanfold.SortValue, Top: 9, Format: fanfold.FormatJSON, MaxAttempts: 2,
		ProgressTimeout: 1e9, TaskTimeout: 2e9, Deadline: 3e9, Priority: 7, ID: "i", Detach: true,
		Command: &fanfold.Command{Mapper: []string{"tr"}, Combiner: []string{"c"},
			Reducer: []string{"uniq", "-c"}, Aggregate: "count", Separator: ",", KeyFields: 2,
			Env: []string{"A=1"}, Dir: "/d"},
		Reading: fanfold.Reading{Format: "csv", Codec: "zstd", Header: true, ExpandMax: 7,
			SkipBad: 5, Skipped: "/b"},
		NoBackups: true, Labels: []string{"rack=7"},
	}
	for i := range reflect.TypeFor[fanfold.Job]().NumField() {
		f := reflect.TypeFor[fanfold.Job]().Field(i)
		if reflect.ValueOf(want).Field(i).IsZero() && f.Name != "Inputs" {
			t.Errorf("%s is not tested", f.Name)
		}
	}
	s := FromJob(want)
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := s.Job(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	tiny := FromJob(fanfold.Job{Program: "x", Deadline: 1, Reducers: -1})
	if got := tiny.Job(); got.Deadline != 1e6 || got.Reducers != 0 || got.Command != nil {
		t.Errorf("got %+v", got)
	}
	ends := JobSpec{Deadline: math.MaxInt64}
	if got := ends.Job().Deadline; got != math.MaxInt64 {
		t.Errorf("got %d", got)
	}
}

func TestSplit(t *testing.T) {
	want := fanfold.Split{
		Ranges: []fanfold.Range{
			{Name: "/data/ä", Offset: 1 << 40, Length: 64 << 20, Codec: fanfold.Zstd, Size: 1 << 50,
				ModTime: -5, Tag: "1:2", Decoded: 9},
			{},
		},
		Offset: 77, First: true,
	}
	b := AppendSplit(nil, &want)
	got, err := ParseSplit(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
	for n := range b {
		if _, err := ParseSplit(b[:n]); fanfold.KindOf(err) != fanfold.KindProtocol {
			t.Fatalf("cut to %d bytes: got %v", n, err)
		}
	}
	if _, err := ParseSplit(append(b, 0)); !errors.Is(err, errTrailing) {
		t.Errorf("a byte more: got %v", err)
	}
	many := append(appendArray([]byte{0x91}, 60000), bytes.Repeat([]byte{0x90}, 60000)...)
	if _, err := ParseSplit(many); !errors.Is(err, errRatio) {
		t.Errorf("many empty ranges: got %v", err)
	}
	empty, err := ParseSplit(AppendSplit(nil, &fanfold.Split{}))
	if err != nil || empty.Ranges != nil {
		t.Errorf("empty: got %+v and %v", empty, err)
	}
}
