package command

import (
	"bytes"
	"errors"
)

// errLong is returned for a line that is too long.
var errLong = errors.New("a line that is too long")

// restKept is how much room is kept for the begin of a line after a longer one.
const restKept = 1 << 20 // bytes

// lines puts lines together that come in pieces.
type lines struct {
	max  int    // bytes of a line
	rest []byte // of a line that has not ended
}

// feed calls each for every line that ends in chunk, without its LF; the line is valid during the
// call. The first error ends it.
func (l *lines) feed(chunk []byte, each func([]byte) error) error {
	if len(l.rest) > 0 {
		line, rest, found := bytes.Cut(chunk, lf)
		if len(l.rest)+len(line) > l.max {
			return errLong
		}
		l.rest = append(l.rest, line...)
		if !found {
			return nil
		}
		chunk = rest
		if err := l.end(each); err != nil {
			return err
		}
	}
	for {
		i := bytes.IndexByte(chunk, '\n')
		if i < 0 {
			l.rest = append(l.rest, chunk...)
			return nil
		}
		if err := each(chunk[:i:i]); err != nil {
			return err
		}
		chunk = chunk[i+1:]
	}
}

// end calls each for a last line without LF, if there is one.
func (l *lines) end(each func([]byte) error) error {
	if len(l.rest) == 0 {
		return nil
	}
	err := each(l.rest)
	if l.rest = l.rest[:0]; cap(l.rest) > restKept {
		l.rest = nil
	}
	return err
}

var lf = []byte{'\n'}
