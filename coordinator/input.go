package coordinator

import (
	"context"
	"errors"
	"io"
	"sort"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/storage"
)

// input is a file that was found.
type input struct {
	storage.Info
	codec fanfold.Codec
	cuts  []storage.Cut // where it may be cut, if its format and its codec do not say so themselves
}

const (
	compressedWeight = 4       // a compressed byte is about as much work as so many others
	cutsPerSplit     = 8       // places to cut that are looked for, so that splits come out even
	cutBlock         = 1 << 20 // bytes read at a time to find them
)

// weight is how many bytes of work a byte of the input is.
func (in *input) weight() int64 {
	if in.codec != fanfold.Plain {
		return compressedWeight
	}
	return 1
}

// cost is how much of a task the input takes.
func (in *input) cost() int64 { return in.Size * in.weight() }

// pieces is into how many ranges the input is cut.
func (in *input) pieces(how *format.Format, size int64) int64 {
	if in.snap(how, 1).Offset >= in.Size {
		return 1
	}
	return max(1, (in.cost()+size-1)/size)
}

// snap gives the next place, at or behind an offset, at which the input may be cut.
func (in *input) snap(how *format.Format, offset int64) storage.Cut {
	switch {
	case in.codec != fanfold.Plain || how.Cut == format.CutAtRecord:
		i := sort.Search(len(in.cuts), func(i int) bool { return in.cuts[i].Offset >= offset })
		if i < len(in.cuts) {
			return in.cuts[i]
		}
		offset = in.Size
	case how.Cut == format.CutAtSize:
		size := int64(how.Size)
		offset = (offset + size - 1) / size * size
	case how.Cut == format.CutNever:
		offset = in.Size
	}
	offset = min(offset, in.Size)
	return storage.Cut{Offset: offset, Decoded: offset}
}

// probe is how an input is compressed: as the job says, or as its first bytes do.
func (p *planner) probe(ctx context.Context, name string) (fanfold.Codec, error) {
	codec, auto, err := storage.ParseCodec(p.codec)
	if auto {
		codec, err = storage.Probe(ctx, p.store, name)
	}
	return codec, err
}

// findCuts looks where an input may be cut for which only reading it tells.
func (p *planner) findCuts(ctx context.Context, in *input, size int64) (err error) {
	every := max(1, size/in.weight()/cutsPerSplit)
	switch {
	case in.codec != fanfold.Plain && p.format.Cut == format.CutAnywhere:
		in.cuts, err = storage.Cuts(ctx, p.store, in.Name, in.codec, every)
	case in.codec == fanfold.Plain && p.format.Cut == format.CutAtRecord:
		in.cuts, err = p.recordCuts(ctx, in.Name, every)
	}
	return err
}

// recordCuts finds where records start, so many bytes apart or more. What cannot be read is not
// cut: its task says what is wrong.
func (p *planner) recordCuts(ctx context.Context, name string, every int64) ([]storage.Cut, error) {
	file, _, err := p.store.Open(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := format.Reader{Format: p.format, Limits: format.DefaultLimits}
	r.Limits.Block = int(min(every, cutBlock))
	r.Reset(file, 0, format.NoEnd, -1)
	var cuts []storage.Cut
	last := int64(0)
	for {
		_, at, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return cuts, nil
		case errors.Is(err, format.ErrLong):
			return nil, nil
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		if at-last >= every {
			cuts, last = append(cuts, storage.Cut{Offset: at, Decoded: at}), at
		}
	}
}
