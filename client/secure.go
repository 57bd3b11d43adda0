package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/pki"
)

// secure shakes hands by TLS; it owns the connection when it fails.
func secure(ctx context.Context, conn net.Conn, cfg Config) (net.Conn, error) {
	config := cfg.TLS
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(cfg.Address) // Dial has split it too
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeMax)
	defer cancel()
	c := tls.Client(conn, config)
	err := c.HandshakeContext(ctx)
	if err == nil {
		return c, nil
	}
	conn.Close()
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) {
		e := fanfold.Errorf(fanfold.KindDenied, "connect to coordinator",
			"%s does not speak TLS", cfg.Address)
		e.Hint = "a coordinator without certificates wants its token: leave out the TLS folder"
		return nil, e
	}
	if pki.Refused(err) {
		return nil, Explain(err, true)
	}
	return nil, fanfold.Errorf(fanfold.KindDenied, "connect to coordinator", "TLS: %w", err)
}

// Explain says what the end of a handshake means that the server cannot explain itself. It refuses
// a certificate only after this side's TLS handshake is done.
func Explain(err error, secured bool) error {
	switch {
	case err == nil:
		return nil
	case secured && pki.Refused(err):
		e := fanfold.Errorf(fanfold.KindDenied, "connect to coordinator",
			"it refused our certificate: %w", err)
		e.Hint = "the coordinator's log says why; `fanfold tls issue` makes another certificate"
		return e
	case !secured && errors.Is(err, io.EOF):
		e := fanfold.Errorf(fanfold.KindUnreachable, "log in", "%w", err)
		e.Hint = "if the port wants certificates, name their folder with --tls-dir"
		return e
	}
	return err
}
