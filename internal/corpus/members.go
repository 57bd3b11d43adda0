package corpus

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/flate"
)

// BlockGzip compresses pieces into gzip members that say their sizes in the extra field "BC", as
// bgzip does; a piece is at most 64 KiB less a few bytes.
func BlockGzip(pieces ...[]byte) ([]byte, error) {
	var out bytes.Buffer
	for _, piece := range pieces {
		var data bytes.Buffer
		w, err := flate.NewWriter(&data, flate.BestSpeed)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(piece); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		head := []byte("\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00")
		head = binary.LittleEndian.AppendUint16(head, uint16(len(head)+2+data.Len()+8-1))
		tail := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(piece))
		tail = binary.LittleEndian.AppendUint32(tail, uint32(len(piece)))
		for _, part := range [][]byte{head, data.Bytes(), tail} {
			out.Write(part)
		}
	}
	return out.Bytes(), nil
}
