package storage_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/corpus"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/memstore"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The standard library does not write bzip2; these are what the bzip2 command makes of "hello\n"
// and of nothing.
const (
	bzip2Hello = "425a6839314159265359c1c080e2000001410000100244a0" +
		"0030cd00c3462997177245385090c1c080e2"
	bzip2Empty = "425a683917724538509000000000"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gzipped(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t *testing.T, content string, opts ...zstd.EOption) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll([]byte(content), nil)
}

func decode(c fanfold.Codec, content []byte) (string, error) {
	z, err := storage.Decode(c, bytes.NewReader(content))
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(z)
	if e := z.Close(); err == nil {
		err = e
	}
	return string(got), err
}

func TestX11Codecs(t *testing.T) {
	random := make([]byte, 300<<10)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	two := []string{"one\ntw", "o\n"}
	long := strings.Repeat("many words ", 30<<10) + string(random)
	skippable := "\x50\x2a\x4d\x18\x04\x00\x00\x00size"
	tests := []struct {
		name    string
		codec   fanfold.Codec
		content []byte
		want    string
	}{
		{"plain", fanfold.Plain, []byte("BZh9 text\n"), "BZh9 text\n"},
		{"nothing", fanfold.Plain, nil, ""},
		{"gzip", fanfold.Gzip, gzipped(t, long), long},
		{"gzip of nothing", fanfold.Gzip, gzipped(t, ""), ""},
		{"gzip members", fanfold.Gzip, append(gzipped(t, two[0]), gzipped(t, two[1])...), "one\ntwo\n"},
		{"zstd", fanfold.Zstd, zstded(t, long), long},
		{"zstd of nothing", fanfold.Zstd, zstded(t, "", zstd.WithZeroFrames(true)), ""},
		{"zstd frames", fanfold.Zstd, append(zstded(t, two[0]), zstded(t, two[1])...), "one\ntwo\n"},
		{"zstd of pzstd", fanfold.Zstd, append([]byte(skippable), zstded(t, "x")...), "x"},
		{"bzip2", fanfold.Bzip2, unhex(t, bzip2Hello), "hello\n"},
		{"bzip2 of nothing", fanfold.Bzip2, unhex(t, bzip2Empty), ""},
		{"bzip2 streams", fanfold.Bzip2, unhex(t, bzip2Hello+bzip2Empty+bzip2Hello), "hello\nhello\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s memstore.Store
			s.Put("a", tt.content)
			codec, err := storage.Probe(t.Context(), &s, "a")
			if codec != tt.codec || err != nil {
				t.Fatalf("probe: %d, %v, want %d", codec, err, tt.codec)
			}
			got, err := decode(codec, tt.content)
			if got != tt.want || err != nil {
				t.Errorf("%d bytes, %v, want %d", len(got), err, len(tt.want))
			}
		})
	}
}

// TestX11CutShort cuts compressed content at every byte: never a silent drop.
func TestX11CutShort(t *testing.T) {
	tests := []struct {
		name    string
		codec   fanfold.Codec
		content []byte
	}{
		{"gzip", fanfold.Gzip, gzipped(t, "hello\n")},
		{"zstd", fanfold.Zstd, zstded(t, "hello\n", zstd.WithEncoderCRC(true))},
		{"bzip2", fanfold.Bzip2, unhex(t, bzip2Hello)},
	}
	for _, tt := range tests {
		for n := range tt.content {
			_, err := decode(tt.codec, tt.content[:n])
			if fanfold.KindOf(err) != fanfold.KindInput {
				t.Errorf("%s cut to %d of %d bytes: %v, want an input error",
					tt.name, n, len(tt.content), err)
			}
		}
		_, err := decode(tt.codec, append(bytes.Clone(tt.content), "and more"...))
		if fanfold.KindOf(err) != fanfold.KindInput {
			t.Errorf("%s with text behind it: %v, want an input error", tt.name, err)
		}
		damaged := bytes.Clone(tt.content)
		damaged[len(damaged)-3] ^= 0x10 // in the checksum of each format
		if _, err := decode(tt.codec, damaged); fanfold.KindOf(err) != fanfold.KindInput {
			t.Errorf("%s with a wrong checksum: %v, want an input error", tt.name, err)
		}
	}
}

// TestZstdWindow: content that wants more memory than allowed is refused, not decoded.
func TestZstdWindow(t *testing.T) {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3} // a window of 1 GiB
	frame = append(frame, 0x01, 0x00, 0x00)                // one empty last block
	_, err := decode(fanfold.Zstd, frame)
	if fanfold.KindOf(err) != fanfold.KindInput {
		t.Errorf("%v, want an input error", err)
	}
	frame[5] = 17 << 3 // 128 MiB
	if got, err := decode(fanfold.Zstd, frame); got != "" || err != nil {
		t.Errorf("%q, %v, want nothing", got, err)
	}
}

func TestProbeMissing(t *testing.T) {
	_, err := storage.Probe(t.Context(), &memstore.Store{}, "a")
	if fanfold.KindOf(err) != fanfold.KindNotFound {
		t.Errorf("%v, want not-found", err)
	}
	if _, err := decode(99, nil); fanfold.KindOf(err) != fanfold.KindUnsupported {
		t.Errorf("%v, want unsupported", err)
	}
}

// TestX11Bomb: what expands beyond all measure is refused, in the middle of it.
func TestX11Bomb(t *testing.T) {
	bomb := zstded(t, strings.Repeat("0", 80<<20))
	if ratio := 80 << 20 / len(bomb); ratio < storage.DefaultExpandMax {
		t.Fatalf("a ratio of %d is no bomb", ratio)
	}
	got, err := decode(fanfold.Zstd, bomb)
	if fanfold.KindOf(err) != fanfold.KindTooLarge || len(got) < 64<<20 || len(got) >= 80<<20 {
		t.Errorf("%d bytes, %v, want a part and a too-large error", len(got), err)
	}
	z, err := storage.DecodeAt(fanfold.Zstd, bytes.NewReader(bomb), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if n, err := io.Copy(io.Discard, z); n != 80<<20 || err != nil {
		t.Errorf("allowed: %d bytes, %v", n, err)
	}
}

// TestDamageIsPlaced: errors say where in the compressed bytes.
func TestDamageIsPlaced(t *testing.T) {
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	content := gzipped(t, string(random))
	cut := len(content) / 2
	z, err := storage.DecodeAt(fanfold.Gzip, bytes.NewReader(content[:cut]), 5000, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	_, err = io.Copy(io.Discard, z)
	want := fmt.Sprintf("decode gzip: the compressed bytes up to %d: they are cut short", cut+5000)
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCuts(t *testing.T) {
	block, err := corpus.BlockGzip([]byte("one\ntw"), []byte("o\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := corpus.BlockGzip([]byte("one\ntw"))
	if err != nil {
		t.Fatal(err)
	}
	one, two := zstded(t, "one\ntw"), zstded(t, "o\n")
	unsized := "\x28\xb5\x2f\xfd\x00\x58\x31\x00\x00abcdef" // a raw block of 6 bytes
	frames := unsized + string(one) + string(two)
	tests := []struct {
		name    string
		codec   fanfold.Codec
		content string
		every   int64
		want    string
	}{
		{"bgzip", fanfold.Gzip, string(block), 1,
			fmt.Sprintf("[{%d 6} {%d 8}]", len(first), 2*len(first)-4)},
		{"far apart", fanfold.Gzip, string(block), int64(len(first)) + 1,
			fmt.Sprintf("[{%d 8}]", 2*len(first)-4)},
		{"one member", fanfold.Gzip, string(first), 1, "[]"},
		{"other members", fanfold.Gzip, string(gzipped(t, "a")) + string(gzipped(t, "b")), 1, "[]"},
		{"bgzip and another", fanfold.Gzip, string(block) + string(gzipped(t, "b")), 1, "[]"},
		{"bgzip cut short", fanfold.Gzip, string(block[:len(block)-1]), 1, "[]"},
		{"zstd", fanfold.Zstd, frames, 1,
			fmt.Sprintf("[{%d 6} {%d 12}]", len(unsized), len(unsized)+len(one))},
		{"zstd cut short", fanfold.Zstd, frames[:len(frames)-5], 1, "[]"},
		{"zstd and text", fanfold.Zstd, frames + "text", 1, "[]"},
		{"bzip2", fanfold.Bzip2, "BZh9", 1, "[]"},
	}
	for _, tt := range tests {
		var s memstore.Store
		s.Put("a", []byte(tt.content))
		cuts, err := storage.Cuts(t.Context(), &s, "a", tt.codec, tt.every)
		if got := fmt.Sprint(cuts); got != tt.want || err != nil {
			t.Errorf("%s: got %s, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}

func FuzzCuts(f *testing.F) {
	block, _ := corpus.BlockGzip([]byte("one"), []byte("two"))
	f.Add(block, true)
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\x58\x31\x00\x00abcdef\x50\x2a\x4d\x18\x00\x00\x00\x00"), false)
	f.Fuzz(func(t *testing.T, content []byte, gz bool) {
		var s memstore.Store
		s.Put("a", content)
		codec := fanfold.Zstd
		if gz {
			codec = fanfold.Gzip
		}
		cuts, err := storage.Cuts(t.Context(), &s, "a", codec, 1)
		if err != nil {
			t.Fatal(err)
		}
		last := storage.Cut{}
		for _, c := range cuts {
			if c.Offset <= last.Offset || c.Decoded < last.Decoded || c.Offset >= int64(len(content)) {
				t.Fatalf("cuts %v of %d bytes", cuts, len(content))
			}
			last = c
		}
	})
}
