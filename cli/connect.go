package cli

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/internal/pki"
	"github.com/fanfold/fanfold/protocol"
)

// withClient connects to the coordinator that the flags name, or the user's own, and calls do.
func (a *app) withClient(ctx context.Context, do func(*client.Client) error) error {
	cfg, err := a.address(roleClient, roleAdmin, roleViewer)
	if err != nil {
		return err
	}
	c, err := client.Dial(ctx, cfg)
	if err != nil {
		return a.unreachable(err, cfg.Address)
	}
	defer c.Close()
	return do(c)
}

// address finds the coordinator: the one named, or the socket in the state folder, or else the
// default port on this host. There this side comes as one of the roles, if certificates are asked.
func (a *app) address(roles ...certRole) (client.Config, error) {
	cfg := client.Config{Address: a.coordinator, TokenFile: a.tokenFile, Product: product}
	dir, err := stateDir(a.stateDir)
	if err != nil && (a.coordinator == "" || a.tokenFile == "") {
		return cfg, err
	}
	if cfg.TokenFile == "" {
		cfg.TokenFile = filepath.Join(dir, tokenName)
	}
	if cfg.Address == "" {
		cfg.Address = filepath.Join(dir, socketName)
		if _, err := os.Stat(cfg.Address); err != nil {
			cfg.Address = DefaultAddress
		}
	}
	isSocket := strings.HasPrefix(cfg.Address, "unix:") || strings.Contains(cfg.Address, "/")
	if _, _, err := net.SplitHostPort(cfg.Address); err != nil && !isSocket {
		return cfg, usagef("", "--coordinator %s: want HOST:PORT or the path of a socket", cfg.Address)
	}
	if isSocket || a.tlsDir == "" {
		return cfg, nil
	}
	err = a.secure(&cfg, roles)
	return cfg, err
}

// secure has this side prove itself by its certificate, and come as what that says.
func (a *app) secure(cfg *client.Config, roles []certRole) error {
	certs, err := a.openCertificate(pki.In(a.tlsDir), roles...)
	if err != nil {
		return err
	}
	switch certRole(certs.Subject().Role) {
	case roleAdmin:
		cfg.Role = protocol.RoleAdmin
	case roleViewer:
		cfg.Role = protocol.RoleViewer
	}
	host, _, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return usagef("", "--coordinator %s: %w", cfg.Address, err)
	}
	cfg.TLS = certs.Client(host, string(roleCoordinator))
	return nil
}

// startHint says what to do without a coordinator.
func (a *app) startHint() string {
	return "start one with `" + a.name + " coordinator`, or name another with --coordinator"
}

// unreachable adds what to do to an error of connecting.
func (a *app) unreachable(err error, address string) error {
	switch e := asError(err); e.Kind {
	case fanfold.KindUnreachable:
		if e.Hint == "" {
			e.Hint = a.startHint()
		}
		if e.Op == "" {
			e.Op = "connect to " + address
		}
		return e
	case fanfold.KindDenied:
		if e.Hint == "" && a.tlsDir == "" {
			e.Hint = "name the coordinator's token file with --token-file"
		}
		return e
	default:
		return e
	}
}
