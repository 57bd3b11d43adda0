package storage

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/fanfold/fanfold"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// readSize is what a decoder asks of a store at a time, in bytes.
const readSize = 256 << 10

// zstdWindowMax bounds the memory of a zstd reader, in bytes: the window that the zstd command
// accepts unless told otherwise. What needs more is refused with a KindInput error.
const zstdWindowMax = 128 << 20

// The limits of what a compressed input may expand to: so many bytes whatever it has, and then
// DefaultExpandMax times its own size, unless the caller says otherwise. Text is compressed 3 to 30
// times, one line repeated a few hundred times.
const (
	expandFree       = 64 << 20
	DefaultExpandMax = 1000
)

// Decode undoes a codec: gzip with all members, zstd with all frames, bzip2 with all streams, each
// in bounded memory and on the calling goroutine. Content that is corrupt, cut short, or followed
// by something else is an error of KindInput that says where, as far as the decoder has read; what
// expands to more than DefaultExpandMax times its size is one of KindTooLarge; errors of r itself
// pass unchanged. Closing the result frees the decoder and leaves r open.
func Decode(c fanfold.Codec, r io.Reader) (io.ReadCloser, error) {
	return DecodeAt(c, r, 0, 0)
}

// DecodeAt is Decode of a part that starts at an offset of its input, with a limit of its own; 0 is
// DefaultExpandMax.
func DecodeAt(c fanfold.Codec, r io.Reader, offset int64, expandMax int) (io.ReadCloser, error) {
	if c == fanfold.Plain {
		return io.NopCloser(r), nil
	}
	if int(c) >= len(codecNames) {
		return nil, fanfold.Errorf(fanfold.KindUnsupported, "decode input", "codec %d", c)
	}
	d := &decoder{codec: codecNames[c], offset: offset, most: int64(expandMax)}
	if expandMax == 0 {
		d.most = DefaultExpandMax
	}
	d.below.r = r
	d.buffered = bufio.NewReaderSize(&d.below, readSize)
	if err := d.open(c, d.buffered); err != nil {
		return nil, d.failure(err)
	}
	return d, nil
}

// decoder gives the errors of a decompressor their kind and place, and limits what comes out.
type decoder struct {
	codec    string
	offset   int64 // of the first byte of below in the input
	most     int64 // times the bytes read that may come out
	below    counter
	buffered *bufio.Reader
	out      int64 // bytes that came out
	r        io.Reader
	close    func() error
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
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
	d.out += int64(n)
	switch {
	case err != nil && err != io.EOF:
		err = d.failure(err)
	case d.out > expandFree && d.out/d.most > d.below.n:
		e := fanfold.Errorf(fanfold.KindTooLarge, "decode "+d.codec,
			"%d bytes have become more than %d times as many", d.below.n, d.most)
		e.Hint = "if that is right, allow for more (--expand-max)"
		err = e
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
		err = fmt.Errorf("they are cut short: %w", io.ErrUnexpectedEOF)
	}
	at := d.offset + d.below.n - int64(d.buffered.Buffered())
	return fanfold.Errorf(fanfold.KindInput, "decode "+d.codec,
		"the compressed bytes up to %d: %w", at, err)
}
