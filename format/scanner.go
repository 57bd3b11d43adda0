package format

import "bytes"

// Scanner finds where records end in a stream that comes in pieces. Unlike Reader it keeps nothing
// of them. The zero value, with its Format, is at the start of a stream.
type Scanner struct {
	Format *Format

	offset int64 // of the next piece
	csv    csvState
}

// End takes the next piece of the stream, up to the first end of a record at or behind an offset in
// it. It gives the length of what it has taken, and whether a record ends with that.
func (s *Scanner) End(data []byte, from int) (n int, ended bool) {
	n = -1
	switch s.Format.Cut {
	case CutAnywhere:
		if from < len(data) {
			n = bytes.IndexByte(data[from:], s.Format.Delimiter)
			n += from + 1
			ended = n > from
		}
	case CutAtSize:
		size := int64(s.Format.Size)
		end := (s.offset+int64(from)+size)/size*size - s.offset
		ended = end <= int64(len(data))
		n = int(end)
	case CutAtRecord:
		n, ended = s.csv.end(data, from)
	}
	if !ended {
		n = len(data)
	}
	s.offset += int64(n)
	return n, ended
}

// csvState is where in a record a piece of CSV ends.
type csvState uint8

const (
	csvStart  csvState = iota // of a field
	csvPlain                  // in a field without quotes, or behind its closing quote
	csvQuoted                 // between quotes
	csvClosed                 // behind a quote that closes the field, unless another follows
)

func (s *csvState) end(data []byte, from int) (n int, ended bool) {
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case *s == csvQuoted:
			skip := bytes.IndexByte(data[i:], '"')
			if skip < 0 {
				return 0, false
			}
			i += skip
			*s = csvClosed
		case c == '"' && (*s == csvStart || *s == csvClosed):
			*s = csvQuoted
		case c == ',':
			*s = csvStart
		case c == '\n':
			if *s = csvStart; i >= from {
				return i + 1, true
			}
		default:
			*s = csvPlain
		}
	}
	return 0, false
}
