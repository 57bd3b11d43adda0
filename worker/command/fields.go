package command

import "bytes"

// fields tells key and value of a line apart.
type fields struct {
	separator []byte
	key       int // number of fields that make the key
}

// cut splits a line behind its first fields. With fewer separators than that, all of it is the key
// and the value is nil. Both point into line.
func (f *fields) cut(line []byte) (key, value []byte) {
	at := 0
	for range f.key - 1 {
		i := bytes.Index(line[at:], f.separator)
		if i < 0 {
			return line, nil
		}
		at += i + len(f.separator)
	}
	i := bytes.Index(line[at:], f.separator)
	if i < 0 {
		return line, nil
	}
	at += i
	return line[:at], line[at+len(f.separator):]
}

// appendLine appends the line that cut would split into key and value, LF included.
func (f *fields) appendLine(dst, key, value []byte) []byte {
	dst = append(dst, key...)
	if value != nil {
		dst = append(append(dst, f.separator...), value...)
	}
	return append(dst, '\n')
}
