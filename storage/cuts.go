package storage

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"

	"github.com/fanfold/fanfold"
	"github.com/klauspost/compress/zstd"
)

// Cut is where a compressed input may be cut: from there on it can be decoded by itself.
type Cut struct {
	Offset int64 // bytes
	// Decoded is how many bytes come out of what is before it. Where a zstd frame does not say its
	// size, it is what that can be at most: so offsets stay in order, and no two are the same.
	Decoded int64
}

// Cuts finds where a compressed input may be cut, without decoding it: between the members of a
// gzip file that say their sizes, as bgzip writes them, and between the frames of a zstd file. The
// cuts are every bytes apart, or more. There are none in an input of another kind, nor in one that
// is not as it should be from the first to the last byte.
func Cuts(ctx context.Context, d Driver, name string, c fanfold.Codec, every int64) ([]Cut, error) {
	if c != fanfold.Gzip && c != fanfold.Zstd {
		return nil, nil
	}
	r, _, err := d.Open(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	w := walker{r: bufio.NewReaderSize(r, readSize)}
	step := w.member
	if c == fanfold.Zstd {
		step = w.frame
	}
	var cuts []Cut
	last := int64(0)
	for {
		if _, err := w.r.Peek(1); err == io.EOF {
			return cuts, nil
		}
		if w.at.Offset-last >= every {
			cuts, last = append(cuts, w.at), w.at.Offset
		}
		if !step() || ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// walker goes from one part of a compressed input to the next.
type walker struct {
	r  *bufio.Reader
	at Cut
}

// skip drops bytes, and reports whether there were as many.
func (w *walker) skip(n int64) bool {
	for n > 0 {
		done, err := w.r.Discard(int(min(n, readSize)))
		w.at.Offset += int64(done)
		if n -= int64(done); err != nil {
			return false
		}
	}
	return true
}

// The header of a gzip member that says its size, as the BAM specification has it: an extra field
// "BC" with the member's size less one. bgzip writes it alone.
const (
	bgzipHeader  = 18
	bgzipTrailer = 4 // bytes at the end of a member, with the size of its content
)

// member goes over one member of a gzip file; false: it does not say its size.
func (w *walker) member() bool {
	head, err := w.r.Peek(bgzipHeader)
	if err != nil || string(head[:4]) != "\x1f\x8b\x08\x04" ||
		string(head[10:16]) != "\x06\x00BC\x02\x00" {
		return false
	}
	size := int64(binary.LittleEndian.Uint16(head[16:])) + 1
	if size < bgzipHeader+bgzipTrailer || !w.skip(size-bgzipTrailer) {
		return false
	}
	tail, err := w.r.Peek(bgzipTrailer)
	if err != nil {
		return false
	}
	w.at.Decoded += int64(binary.LittleEndian.Uint32(tail))
	return w.skip(bgzipTrailer)
}

const (
	zstdHeaderMax   = zstd.HeaderMaxSize
	zstdBlockMax    = 128 << 10 // bytes that a block decodes to
	zstdBlockHeader = 3
	zstdChecksum    = 4
)

// frame goes over one frame of a zstd file; false: it is not as it should be.
func (w *walker) frame() bool {
	head, _ := w.r.Peek(zstdHeaderMax) // a short one at the end of the input
	var h zstd.Header
	if h.Decode(head) != nil {
		return false
	}
	if h.Skippable {
		return w.skip(int64(h.HeaderSize) + int64(h.SkippableSize))
	}
	if !w.skip(int64(h.HeaderSize)) {
		return false
	}
	most := int64(0)
	for last := false; !last; {
		block, err := w.r.Peek(zstdBlockHeader)
		if err != nil {
			return false
		}
		bits := int64(block[0]) | int64(block[1])<<8 | int64(block[2])<<16
		size, content := bits>>3, bits>>3
		last = bits&1 != 0
		switch bits >> 1 & 3 {
		case 0: // as it stands
		case 1: // one byte, repeated
			size = 1
		case 2: // compressed
			content = zstdBlockMax
		default:
			return false
		}
		if !w.skip(zstdBlockHeader + size) {
			return false
		}
		most += content
	}
	if h.HasFCS {
		most = int64(min(h.FrameContentSize, uint64(most)))
	}
	w.at.Decoded += most
	return !h.HasCheckSum || w.skip(zstdChecksum)
}
