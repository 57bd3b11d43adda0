package process

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// A task process says in its own log where an attempt begins and ends, so that order is that of
// the output itself. A mark is
//
//	RS "fanfold:" nonce (":begin:" | ":end:") attempt LF
//
// with the byte RS (0x1e) and the nonce that the agent put into the environment of this one task
// process, as 32 hexadecimal digits. It is written at once, and pipes keep writes of up to 4 KiB
// together, so that nobody else's output is ever inside of it; it may follow a line that has not
// ended. What looks like a mark and has not the nonce is output.
const (
	markStart = "\x1efanfold:"
	markBegin = ":begin:"
	markEnd   = ":end:"
	markMax   = 256 // bytes, all included
)

// Marker writes the marks of a task process. It is for one goroutine.
type Marker struct {
	prefix string // "": not in a task process, nothing is written
	buf    []byte
}

// NewMarker makes the Marker of this process and takes its nonce out of the environment. It is
// called once; outside a task process the Marker does nothing.
func NewMarker() *Marker {
	nonce := os.Getenv(nonceVariable)
	if nonce == "" {
		return &Marker{}
	}
	_ = os.Unsetenv(nonceVariable) // cannot fail for a valid name
	return &Marker{prefix: markStart + nonce}
}

// Begin says that what is printed from here on is of the attempt, whose name has no LF and at most
// 192 bytes. It ends the attempt before.
func (m *Marker) Begin(attempt string) { m.write(markBegin, attempt) }

// End says that the attempt has ended: what is printed until the next Begin is the process's own.
// It is written before the attempt's result is sent, so that whoever has the result finds the log.
func (m *Marker) End(attempt string) { m.write(markEnd, attempt) }

func (m *Marker) write(verb, attempt string) {
	if m.prefix == "" {
		return
	}
	m.buf = append(append(append(append(m.buf[:0], m.prefix...), verb...), attempt...), '\n')
	for {
		_, err := unix.Write(fdError, m.buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			// Somebody who shares the pipe made it non-blocking. It is full: wait for the agent.
			_, _ = unix.Poll([]unix.PollFd{{Fd: fdError, Events: unix.POLLOUT}}, -1)
		case !errors.Is(err, unix.EINTR):
			return // written, or the log is closed: then nobody reads it
		}
	}
}
