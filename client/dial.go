package client

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// Dial connects to cfg.Address and shakes hands; ctx bounds only that.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	conn, token, err := Transport(ctx, cfg)
	if err != nil {
		return nil, err
	}
	cfg.Token = token
	cl, err := New(ctx, conn, cfg)
	return cl, Explain(err, cfg.TLS != nil)
}

// Transport opens a connection to cfg.Address, on which nothing has been said yet. The token is
// the one by which this side is to prove itself there; nil: the transport has proved it.
func Transport(ctx context.Context, cfg Config) (*protocol.Conn, []byte, error) {
	network, address := "tcp", cfg.Address
	if path, ok := strings.CutPrefix(address, "unix:"); ok || strings.Contains(address, "/") {
		network, address = "unix", path
		cfg.Token, cfg.TLS = nil, nil // the kernel proves who we are
	} else if cfg.TLS != nil {
		cfg.Token = nil
	} else if cfg.Token == nil && cfg.TokenFile != "" {
		token, err := readToken(cfg.TokenFile)
		if err != nil {
			return nil, nil, err
		}
		cfg.Token = token
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, nil, fanfold.Errorf(fanfold.KindUnreachable, "connect to coordinator", "%w", err)
	}
	if cfg.TLS != nil {
		if conn, err = secure(ctx, conn, cfg); err != nil {
			return nil, nil, err
		}
	}
	return protocol.NewConn(conn), cfg.Token, nil
}

// tokenFileMax is more than a token file has, in bytes.
const tokenFileMax = 1 << 10

// readToken reads a token file: 64 hexadecimal digits and LF. Without the file there is probably no
// coordinator.
func readToken(file string) ([]byte, error) {
	f, err := os.Open(file)
	switch {
	case os.IsNotExist(err):
		return nil, fanfold.Errorf(fanfold.KindUnreachable, "read token", "%w", err)
	case err != nil:
		return nil, fanfold.Errorf(fanfold.KindDenied, "read token", "%w", err)
	}
	defer f.Close()
	if err := checkPrivate(f); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, tokenFileMax))
	if err != nil {
		return nil, fanfold.Errorf(fanfold.KindDenied, "read token", "%w", err)
	}
	token, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(token) != protocol.TokenLen {
		return nil, fanfold.Errorf(fanfold.KindDenied, "read token",
			"%s: want %d hexadecimal digits", file, 2*protocol.TokenLen)
	}
	return token, nil
}

// checkPrivate refuses a file that others can use: whoever has the token is taken for its owner.
func checkPrivate(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fanfold.Errorf(fanfold.KindDenied, "read token", "%w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Getuid() {
		e := fanfold.Errorf(fanfold.KindDenied, "read token", "%s: belongs to another user", f.Name())
		e.Hint = "copy it to a file of your own, and chmod 600 that"
		return e
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		e := fanfold.Errorf(fanfold.KindDenied, "read token",
			"%s: others can use it (mode %04o)", f.Name(), mode)
		e.Hint = "chmod 600 " + f.Name()
		return e
	}
	return nil
}
