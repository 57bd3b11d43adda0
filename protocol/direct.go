package protocol

import (
	"io"
	"net"
	"syscall"
	"time"
)

// direct writes to a file descriptor what the system takes at once.
type direct struct {
	conn  syscall.RawConn
	write func(fd uintptr) bool // made once: it writes b, and sets n
	b     []byte
	n     int
}

// newDirect gives the way to write to a transport without waiting; nil: there is none. Only types
// that are known will do: another might do more than write to a descriptor of its own. That of a
// net.Conn, and of an os.File that takes deadlines, is in non-blocking mode: the runtime's poller
// needs that.
func newDirect(rw io.ReadWriteCloser) func([]byte) int {
	var conn syscall.RawConn
	var err error
	switch t := rw.(type) {
	case *duplex:
		return t.w.writeSome
	case *files:
		if t.w.SetWriteDeadline(time.Time{}) != nil {
			return nil // in blocking mode
		}
		conn, err = t.w.SyscallConn()
	case *net.TCPConn:
		conn, err = t.SyscallConn()
	case *net.UnixConn:
		conn, err = t.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	d := &direct{conn: conn}
	d.write = func(fd uintptr) bool {
		d.n, err = syscall.Write(int(fd), d.b)
		return true // do not wait until it is ready
	}
	return d.some
}

// some writes what of b can be written at once. An error counts as nothing: it comes again.
func (d *direct) some(b []byte) int {
	d.b, d.n = b, 0
	err := d.conn.Write(d.write)
	d.b = nil
	if err != nil {
		return 0
	}
	return max(d.n, 0)
}
