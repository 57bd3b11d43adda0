package storage

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
)

// magicBytes is how much of a file decides its codec.
const magicBytes = 10

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
