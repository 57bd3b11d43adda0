package protocol

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// Identity is who a peer is, proven by its transport or by its token.
type Identity struct {
	Name  string // for people, and to tell identities apart: "uid 1000"
	UID   int
	Roles []Role // that it may take; none: any that AcceptConfig allows
}

// UserIdentity is the identity of a user of this host.
func UserIdentity(uid int, roles ...Role) Identity {
	return Identity{Name: fmt.Sprintf("uid %d", uid), UID: uid, Roles: roles}
}

// tokenIdentity is that of a peer with the token, which only this process's user can read.
func tokenIdentity() Identity { return UserIdentity(os.Getuid()) }

// PeerUID is the user id of the process at the other end of a Unix socket, as the kernel knows it.
func PeerUID(c net.Conn) (int, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, errors.New("peer credentials need a unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	uid, err := withFD(raw, socketUID)
	if err != nil {
		return 0, fmt.Errorf("read peer credentials: %w", err)
	}
	return uid, nil
}

func withFD(raw syscall.RawConn, get func(fd int) (int, error)) (n int, err error) {
	failed := raw.Control(func(fd uintptr) { n, err = get(int(fd)) })
	return n, errors.Join(failed, err)
}
