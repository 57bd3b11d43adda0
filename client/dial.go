package client

import (
	"context"
	"encoding/hex"
	"net"
	"os"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// Dial connects to cfg.Address and shakes hands; ctx bounds only that.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	network, address := "tcp", cfg.Address
	if path, ok := strings.CutPrefix(address, "unix:"); ok || strings.Contains(address, "/") {
		network, address = "unix", path
		cfg.Token = nil // the kernel proves who we are
	} else if cfg.Token == nil && cfg.TokenFile != "" {
		token, err := readToken(cfg.TokenFile)
		if err != nil {
			return nil, err
		}
		cfg.Token = token
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, fanfold.Errorf(fanfold.KindUnreachable, "connect to coordinator", "%w", err)
	}
	return New(ctx, protocol.NewConn(conn), cfg)
}

// readToken reads a token file: 64 hexadecimal digits and LF. Without the file there is probably no
// coordinator.
func readToken(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	switch {
	case os.IsNotExist(err):
		return nil, fanfold.Errorf(fanfold.KindUnreachable, "read token", "%w", err)
	case err != nil:
		return nil, fanfold.Errorf(fanfold.KindDenied, "read token", "%w", err)
	}
	token, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(token) != protocol.TokenLen {
		return nil, fanfold.Errorf(fanfold.KindDenied, "read token",
			"%s: want %d hexadecimal digits", file, 2*protocol.TokenLen)
	}
	return token, nil
}
