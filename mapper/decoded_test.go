package mapper

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/corpus"
	"github.com/fanfold/fanfold/storage"
)

// inMembers compresses pieces into parts that can be decoded by themselves.
func inMembers(t interface{ Fatal(...any) }, codec fanfold.Codec, pieces [][]byte) []byte {
	if codec == fanfold.Gzip {
		data, err := corpus.BlockGzip(pieces...)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	w, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var data []byte
	for i, piece := range pieces {
		if i%3 == 1 { // pzstd puts such a frame before each
			data = append(data, "\x50\x2a\x4d\x18\x04\x00\x00\x00size"...)
		}
		data = w.EncodeAll(piece, data)
	}
	return data
}

// offsets are those that echo has put behind lines.
var offsets = regexp.MustCompile(`\tmem://f:(\d+)\n`)

// checkOffsets holds that every offset is greater than the one before: where zstd frames do not say
// their sizes, more cannot be said.
func checkOffsets(t *rapid.T, text string) {
	last := -1
	for _, m := range offsets.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n <= last {
			t.Fatalf("offset %s comes behind %d", m[1], last)
		}
		last = n
	}
}

// Wherever an input of several members is cut, every record is read once, at its own offset.
func TestX11EveryCutOfMembers(t *testing.T) {
	pieces := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []byte {
		return []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			"\n", "\n", "a", "bc\r\n", "long line\n", "\x00",
		}), 0, 12).Draw(t, "parts"), ""))
	}), 1, 12)
	rapid.Check(t, func(rt *rapid.T) {
		codec := rapid.SampledFrom([]fanfold.Codec{fanfold.Gzip, fanfold.Zstd}).Draw(rt, "codec")
		content := pieces.Draw(rt, "pieces")
		k := newKit(t.Context())
		whole := k.put("mem://f", string(inMembers(rt, codec, content)))
		whole.Codec = codec
		cuts, err := storage.Cuts(t.Context(), k.mux, whole.Name, codec, 1)
		if err != nil || len(cuts) < len(content)-1 {
			rt.Fatalf("%d cuts between %d pieces: %v", len(cuts), len(content), err)
		}
		var got strings.Builder
		from := storage.Cut{}
		for _, cut := range append(cuts, storage.Cut{Offset: whole.Size}) {
			if cut.Offset < whole.Size && rapid.Bool().Draw(rt, "leave out") {
				continue
			}
			r := whole
			r.Offset, r.Length, r.Decoded = from.Offset, cut.Offset-from.Offset, from.Decoded
			out, _ := k.runText(t, echoProgram(rapid.Bool().Draw(rt, "blocks")),
				fanfold.Split{Ranges: []fanfold.Range{r}})
			got.WriteString(out)
			from = cut
		}
		want := echoed(whole.Name, string(bytes.Join(content, nil)))
		if codec == fanfold.Zstd {
			checkOffsets(rt, got.String())
			want = offsets.ReplaceAllString(want, "\n")
			text := offsets.ReplaceAllString(got.String(), "\n")
			got.Reset()
			got.WriteString(text)
		}
		if got.String() != want {
			rt.Fatalf("got  %q\nwant %q", got.String(), want)
		}
	})
}

// Large ranges are decoded ahead.
func TestX11LargeMembers(t *testing.T) {
	var content [][]byte
	for i := range 100 {
		var piece bytes.Buffer
		for j := range 900 {
			fmt.Fprintf(&piece, "%d is line %d of %d\n", i*j*7919, j, i)
		}
		content = append(content, piece.Bytes()[i:])
	}
	for _, codec := range []fanfold.Codec{fanfold.Gzip, fanfold.Zstd} {
		k := newKit(t.Context())
		r := k.put("mem://f", string(inMembers(t, codec, content)))
		r.Codec = codec
		cuts, err := storage.Cuts(t.Context(), k.mux, r.Name, codec, r.Size/2)
		if err != nil || len(cuts) != 1 {
			t.Fatalf("%d cuts, %v", len(cuts), err)
		}
		first, second := r, r
		first.Length = cuts[0].Offset
		second.Offset, second.Length = first.Length, r.Size-first.Length
		second.Decoded = cuts[0].Decoded
		if min(first.Length, second.Length) < aheadMin {
			t.Fatalf("ranges of %d and %d bytes are not decoded ahead", first.Length, second.Length)
		}
		got := ""
		for _, r := range []fanfold.Range{first, second} {
			out, res := k.runText(t, echoProgram(false), fanfold.Split{Ranges: []fanfold.Range{r}})
			if got += out; res.BytesIn != r.Length {
				t.Errorf("%d bytes read of %d", res.BytesIn, r.Length)
			}
		}
		if want := echoed("mem://f", string(bytes.Join(content, nil))); got != want {
			t.Errorf("codec %d: other lines", codec)
		}
	}
}

// A range that a reader leaves early leaves no goroutine behind: goleak looks.
func TestErrorEndsReadingAhead(t *testing.T) {
	k := newKit(t.Context())
	r := k.put("mem://f", string(inMembers(t, fanfold.Zstd, [][]byte{
		bytes.Repeat([]byte("0123456789"), 1<<20), []byte(strings.Repeat("x", 1<<20)),
	})))
	r.Codec = fanfold.Zstd
	d := newDecoded(&r, bytes.NewReader(make([]byte, r.Size)), '\n', 0)
	d.ahead = newAhead(readerFunc(d.decode))
	if _, err := d.Read(make([]byte, 1)); fanfold.KindOf(err) != fanfold.KindInput {
		t.Errorf("error %v, want one of kind input", err)
	}
	d.Close()
	endless := newAhead(readerFunc(func(p []byte) (int, error) { return len(p), nil }))
	if n, err := endless.Read(make([]byte, 7)); n != 7 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	endless.close()
	bad := newAhead(readerFunc(func([]byte) (int, error) { panic("oh") }))
	if _, err := bad.Read(make([]byte, 7)); err == nil || err.Error() != "panic: oh" {
		t.Errorf("error %v", err)
	}
	bad.close()
}
