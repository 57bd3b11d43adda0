package transfer

import (
	"errors"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/shuffle"
)

// decode gives the bytes of a piece as they are without a codec.
func (l *link) decode(p *protocol.Piece) ([]byte, error) {
	switch p.Codec {
	case protocol.CodecNone:
		return p.Data, nil
	case protocol.CodecS2:
		n, err := s2.DecodedLen(p.Data)
		if err != nil || n > protocol.BlockMax {
			return nil, fanfold.Errorf(fanfold.KindCorrupt, "fetch segment",
				"a piece of %d bytes of s2: %v", n, err)
		}
		if l.decoded == nil {
			l.decoded = make([]byte, protocol.BlockMax)
		}
		data, err := s2.Decode(l.decoded[:protocol.BlockMax], p.Data)
		if err != nil {
			return nil, fanfold.Errorf(fanfold.KindCorrupt, "fetch segment", "%w", err)
		}
		return data, nil
	}
	return nil, fanfold.Errorf(fanfold.KindUnsupported, "fetch segment", "codec %d", p.Codec)
}

// incoming is one partition on its way to its extract.
type incoming struct {
	fetcher  *Fetcher
	progress func(int64)
	done     chan error // capacity one: how it ended; sent by whoever takes it off its link

	mu      sync.Mutex       // guards what follows
	extract *shuffle.Extract // nil: given up
	at      int64            // the next byte
	records int64
}

// take writes the data of a piece to the extract.
func (in *incoming) take(p *protocol.Piece, data []byte) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := int64(len(data))
	switch {
	case in.extract == nil:
		return nil
	case p.Kind != 0:
		return fanfold.Errorf(fanfold.Kind(p.Kind), "fetch segment", "%s", p.Error)
	case p.Offset != in.at || in.at+n > p.Bytes || p.Last != (in.at+n == p.Bytes):
		return fanfold.Errorf(fanfold.KindCorrupt, "fetch segment",
			"%d bytes at %d of %d where %d was to come", n, p.Offset, p.Bytes, in.at)
	}
	in.fetcher.bytes.Add(n)
	if _, err := in.extract.Write(data); err != nil {
		var known *fanfold.Error
		if errors.As(err, &known) && known.Kind == fanfold.KindDisk {
			return local(err)
		}
		return err
	}
	in.at, in.records = in.at+n, p.Records
	if in.progress != nil {
		in.progress(n)
	}
	return nil
}

// abandon sees to it that nothing more is written to the extract.
func (in *incoming) abandon() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.extract = nil
}
