package process

import (
	"encoding/binary"
	"io"
)

// recordSize is the size of what agent and shim tell each other: one byte for what, three zero
// bytes, and a big-endian number. Pipes write so few bytes at once, so records never mix.
const recordSize = 8

// What a record says.
const (
	orderKill     = 'k' // to the shim: end the tree; milliseconds until SIGKILL
	reportStarted = 's' // the task process runs; its id
	reportRefused = 'r' // the kernel does not permit isolation; errno. The shim ends
	reportFailed  = 'f' // it could not be started; errno. The shim ends
	reportExited  = 'x' // it ended and nothing of its tree is left; wait status. The shim ends
)

func writeRecord(w io.Writer, what byte, n uint32) error {
	var b [recordSize]byte
	b[0] = what
	binary.BigEndian.PutUint32(b[4:], n)
	_, err := w.Write(b[:])
	return err
}

func readRecord(r io.Reader) (what byte, n uint32, err error) {
	var b [recordSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, 0, err
	}
	return b[0], binary.BigEndian.Uint32(b[4:]), nil
}
