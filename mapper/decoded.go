package mapper

import (
	"bytes"
	"io"
	"sync/atomic"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

// aheadMin is from how many compressed bytes on another goroutine decodes ahead of the mapper.
const aheadMin = 64 << 10

// decoded is what a compressed range decodes to. Behind a range that is not the last of its input
// it goes on to the first end of a record: whoever has the next range drops as much.
type decoded struct {
	rng       *fanfold.Range
	file      io.Reader
	delimiter byte
	expandMax int

	count atomic.Int64  // bytes of the range that were read
	part  io.ReadCloser // being decoded; nil: none yet
	over  bool          // part is what follows the range
	ended bool
	ahead *ahead // nil: decoding is done by whoever reads
}

func newDecoded(r *fanfold.Range, file io.Reader, delimiter byte, expandMax int) *decoded {
	d := &decoded{rng: r, file: file, delimiter: delimiter, expandMax: expandMax}
	if r.Length >= aheadMin {
		d.ahead = newAhead(readerFunc(d.decode))
	}
	return d
}

// read is how many compressed bytes of the range were read.
func (d *decoded) read() int64 { return d.count.Load() }

// Read is io.Reader.
func (d *decoded) Read(p []byte) (int, error) {
	if d.ahead != nil {
		return d.ahead.Read(p)
	}
	return d.decode(p)
}

// Close frees the decoder. It leaves the file open.
func (d *decoded) Close() {
	if d.ahead != nil {
		d.ahead.close()
	}
	if d.part != nil {
		_ = d.part.Close() // what it had to say, Read has said
	}
}

func (d *decoded) decode(p []byte) (n int, err error) {
	for n == 0 && err == nil && !d.ended {
		if d.part == nil {
			if err := d.open(); err != nil {
				return 0, err
			}
		}
		n, err = d.part.Read(p)
		switch {
		case d.over:
			if i := bytes.IndexByte(p[:n], d.delimiter); i >= 0 {
				return i + 1, d.end()
			}
		case err == io.EOF && d.rng.Offset+d.rng.Length < d.rng.Size:
			d.over, err = true, d.part.Close()
			d.part = nil
		}
	}
	if d.ended {
		err = io.EOF
	}
	return n, err
}

func (d *decoded) end() error {
	d.ended = true
	return nil
}

// open starts to decode the range or, behind it, what follows.
func (d *decoded) open() (err error) {
	r, from := io.Reader(&counted{io.LimitReader(d.file, d.rng.Length), &d.count}), d.rng.Offset
	if d.over {
		r, from = d.file, from+d.rng.Length
	}
	d.part, err = storage.DecodeAt(d.rng.Codec, r, from, d.expandMax)
	return err
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// counted counts what is read through it.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

// Read reads.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
