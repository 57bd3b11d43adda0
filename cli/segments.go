package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/pki"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// dataPort is where workers on other hosts fetch segments, if it is free.
const dataPort = "9502"

// segmentFlags say how a worker exchanges segments with those on other hosts.
type segmentFlags struct {
	listen    string
	advertise string
	compress  bool
}

func (s *segmentFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&s.listen, "data-listen", "",
		"`address` where workers on other hosts fetch segments (default: port "+dataPort+")")
	fs.StringVar(&s.advertise, "advertise", "", "`host` by which they reach it (default: its address)")
	fs.BoolVar(&s.compress, "compress-segments", false,
		"have segments of other hosts compressed on their way")
}

// segments is how a worker exchanges segments that reaches its coordinator by way of host. Without
// certificates that is for this host alone.
func (a *app) segments(
	s segmentFlags, host string, certs *pki.Keeper,
) (*worker.Segments, error) {
	address := cmp.Or(s.listen, net.JoinHostPort(host, dataPort))
	local, err := isLoopback(address)
	switch {
	case err != nil:
		return nil, err
	case !local && certs == nil:
		return nil, usagef("listen",
			"--data-listen %s: reachable from other hosts, which needs --tls-dir", address)
	case local && s.listen == "":
		address = net.JoinHostPort(host, "0") // others on this host have ports of their own
	}
	advertise, err := s.advertised(address, host)
	if err != nil {
		return nil, err
	}
	w := &worker.Segments{
		Advertise: advertise, Compress: s.compress,
		Listen: func(ctx context.Context) (net.Listener, error) {
			var listen net.ListenConfig
			l, err := listen.Listen(ctx, "tcp", address)
			if errors.Is(err, syscall.EADDRINUSE) && s.listen == "" {
				l, err = listen.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
			}
			return l, err
		},
		Dial: dialPlain,
	}
	if certs != nil {
		w.Identify, w.Dial = identifyWorker(certs), dialWorker(certs)
	}
	return w, nil
}

// advertised is the host by which others reach a port: the one that it is on, unless it is on all.
func (s *segmentFlags) advertised(address, host string) (string, error) {
	on, _, _ := net.SplitHostPort(address) // isLoopback has looked at it
	switch {
	case s.advertise != "":
		return s.advertise, nil
	case !everywhere(on):
		return on, nil
	case !everywhere(host):
		return host, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", usagef("listen", "no --advertise, and the host has no name: %w", err)
	}
	return name, nil
}

// everywhere reports whether who listens on a host listens on all addresses.
func everywhere(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// hostTowards is the address by which this host reaches another one.
func hostTowards(ctx context.Context, address string) string {
	const loopback = "127.0.0.1"
	if strings.Contains(address, "/") { // a Unix socket
		return loopback
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", address) // sends nothing
	if err != nil {
		return loopback
	}
	defer c.Close()
	host, _, err := net.SplitHostPort(c.LocalAddr().String())
	if err != nil {
		return loopback
	}
	return host
}

// dialPlain connects to a worker on this host.
func dialPlain(ctx context.Context, address, _ string) (net.Conn, error) {
	if local, err := isLoopback(address); err != nil || !local {
		return nil, fmt.Errorf("%s is on another host, which needs certificates", address)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// holders are the roles of those who have segments: coordinators have workers of their own.
var holders = []string{string(roleWorker), string(roleCoordinator)}

// identifyWorker proves those who fetch by their certificates.
func identifyWorker(certs *pki.Keeper) func(
	context.Context, net.Conn,
) (net.Conn, *protocol.Identity, error) {
	config := certs.Server(holders...)
	return func(ctx context.Context, c net.Conn) (net.Conn, *protocol.Identity, error) {
		secured := tls.Server(c, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, nil, fmt.Errorf("TLS: %w", err)
		}
		holder, err := pki.Peer(secured.ConnectionState())
		if err != nil {
			return nil, nil, err
		}
		return secured, &protocol.Identity{Name: holder.Name, UID: -1,
			Roles: []protocol.Role{protocol.RoleWorker}}, nil
	}
}

// dialWorker connects to a worker, whose certificate must have its name. That of a coordinator is
// for the worker in its process, too.
func dialWorker(certs *pki.Keeper) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, address, name string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		secured := tls.Client(c, certs.Client("", holders...))
		if err := secured.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, fmt.Errorf("TLS with worker %s: %w", name, err)
		}
		holder, err := pki.Peer(secured.ConnectionState())
		if err == nil && holder.Role == string(roleWorker) && holder.Name != name {
			err = fanfold.Errorf(fanfold.KindDenied, "", "%s is the worker %s, not %s", address,
				holder.Name, name)
		}
		if err != nil {
			c.Close()
			return nil, err
		}
		return secured, nil
	}
}
