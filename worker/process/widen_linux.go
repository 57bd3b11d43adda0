package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipeBytes is what a pipe of the protocol holds. With the 64 KiB that the system gives it, large
// tasks cost a change of processes for every 64 KiB. A user's pipes may hold 64 MiB in all.
const pipeBytes = 256 << 10

// widen has pipes hold more, as far as the system lets this user: they work as well without.
func widen(files ...*os.File) {
	for _, f := range files {
		conn, err := f.SyscallConn()
		if err != nil {
			continue
		}
		_ = conn.Control(func(fd uintptr) {
			_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes)
		})
	}
}
