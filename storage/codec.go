package storage

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// magicBytes is how much of a file decides its codec.
const magicBytes = 10

// readSize is what a decoder asks of a store at a time, in bytes.
const readSize = 256 << 10

// zstdWindowMax bounds the memory of a zstd reader, in bytes: the window that the zstd command
// accepts unless told otherwise. What needs more is refused with a KindInput error.
const zstdWindowMax = 128 << 20

// Probe says how a file is compressed, by its first bytes and never by its name.
func Probe(ctx context.Context, d Driver, name string) (fanfold.Codec, error) {
	r, _, err := d.Open(ctx, name, 0)
	if err != nil {
		return fanfold.Plain, err
	}
	defer r.Close()
	var head [magicBytes]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return fanfold.Plain, err
	}
	return Detect(head[:n]), nil
}

// Detect is Probe for bytes in hand: head is the start of the content, of which ten bytes are
// enough and fewer mean that there are no more.
func Detect(head []byte) fanfold.Codec {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return fanfold.Gzip
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")), skippable(head):
		return fanfold.Zstd
	case len(head) >= 10 && string(head[:3]) == "BZh" && '1' <= head[3] && head[3] <= '9' &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17rE8P\x90"):
		return fanfold.Bzip2 // its first block, or the end of an empty stream
	}
	return fanfold.Plain
}

// skippable reports a skippable zstd frame, with which the files of pzstd start.
func skippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18"
}

// Decode undoes a codec: gzip with all members, zstd with all frames, bzip2 with all streams, each
// in bounded memory and on the calling goroutine. Content that is corrupt, cut short, or followed
// by something else is an error of KindInput; errors of r itself pass unchanged. Closing the result
// frees the decoder and leaves r open.
func Decode(c fanfold.Codec, r io.Reader) (io.ReadCloser, error) {
	if c == fanfold.Plain {
		return io.NopCloser(r), nil
	}
	if int(c) >= len(codecNames) {
		return nil, fanfold.Errorf(fanfold.KindUnsupported, "decode input", "codec %d", c)
	}
	d := &decoder{codec: codecNames[c]}
	if err := d.open(c, bufio.NewReaderSize(r, readSize)); err != nil {
		return nil, d.failure(err)
	}
	return d, nil
}

var codecNames = [...]string{
	fanfold.Plain: "plain", fanfold.Gzip: "gzip", fanfold.Zstd: "zstd", fanfold.Bzip2: "bzip2",
}

// ParseCodec reads the name of a codec; auto is that of "auto" and "": by the first bytes. The
// error is KindUsage.
func ParseCodec(name string) (c fanfold.Codec, auto bool, err error) {
	if name == "" || name == "auto" {
		return fanfold.Plain, true, nil
	}
	if i := slices.Index(codecNames[:], name); i >= 0 {
		return fanfold.Codec(i), false, nil
	}
	return fanfold.Plain, false, fanfold.Errorf(fanfold.KindUsage, "read codec",
		"%q: want auto, %s", name, strings.Join(codecNames[:], ", "))
}

// decoder gives the errors of a decompressor their kind.
type decoder struct {
	codec string
	r     io.Reader
	close func() error
}

func (d *decoder) open(c fanfold.Codec, r *bufio.Reader) error {
	if _, err := r.Peek(1); err != nil {
		return err // no content at all is the content of no codec
	}
	switch c {
	case fanfold.Gzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		d.r, d.close = z, z.Close
	case fanfold.Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(zstdWindowMax), zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err != nil {
			return err
		}
		d.r, d.close = z, func() error { z.Close(); return nil }
	case fanfold.Bzip2:
		d.r, d.close = bzip2.NewReader(r), func() error { return nil }
	}
	return nil
}

func (d *decoder) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF {
		err = d.failure(err)
	}
	return n, err
}

func (d *decoder) Close() error { return d.close() }

// failure keeps an error that has a kind: it came from the store below.
func (d *decoder) failure(err error) error {
	var known *fanfold.Error
	if errors.As(err, &known) {
		return err
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("the content is cut short: %w", io.ErrUnexpectedEOF)
	}
	return fanfold.Errorf(fanfold.KindInput, "decode "+d.codec, "%w", err)
}
