package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/internal/pki"
	"github.com/fanfold/fanfold/protocol"
)

// listening says where a coordinator has its port, and by which certificate.
type listening struct {
	address string
	files   pki.Files // none named: those of --tls-dir, or no TLS
	data    segmentFlags
}

func registerTLS(fs *pflag.FlagSet, files *pki.Files) {
	fs.StringVar(&files.Cert, "tls-cert", "", "`file` of the port's certificate (see --tls-dir)")
	fs.StringVar(&files.Key, "tls-key", "", "`file` of the certificate's key")
	fs.StringVar(&files.CA, "tls-ca", "", "`file` of the certificate of the cluster's authority")
}

// certificates opens those of the coordinator's port; nil: it has none, and is for this host alone.
func (a *app) certificates(l listening) (*pki.Keeper, error) {
	local, err := isLoopback(l.address)
	if err != nil {
		return nil, err
	}
	files, none := l.files, pki.Files{}
	switch {
	case files == none && a.tlsDir != "":
		files = pki.In(a.tlsDir)
	case files == none && local:
		return nil, nil
	case files == none:
		e := fanfold.Errorf(fanfold.KindUsage, "listen",
			"%s: reachable from other hosts, which needs certificates", l.address)
		e.Hint = fmt.Sprintf("make them with `%[1]s tls init` and `%[1]s tls issue --role coordinator "+
			"--name NAME --host HOST`, then give --tls-dir NAME; or listen on 127.0.0.1", a.name)
		return nil, e
	case files.Cert == "" || files.Key == "" || files.CA == "":
		return nil, usagef("listen", "--tls-cert, --tls-key and --tls-ca belong together")
	}
	return a.openCertificate(files, roleCoordinator)
}

// openCertificate opens this side's certificate, which must be for one of the roles.
func (a *app) openCertificate(files pki.Files, roles ...certRole) (*pki.Keeper, error) {
	log := a.logger()
	k, err := pki.Open(files, func(err error) { log.Warn("tls", "error", err) })
	if err != nil {
		e := fanfold.Errorf(fanfold.KindDenied, "open certificate", "%w", err)
		e.Hint = fmt.Sprintf("`%s tls issue --role %s --name NAME` makes a folder of what is needed",
			a.name, roles[0])
		return nil, e
	}
	for _, role := range roles {
		if certRole(k.Subject().Role) == role {
			return k, nil
		}
	}
	e := fanfold.Errorf(fanfold.KindDenied, "open certificate", "%s is for a %s, not for a %s",
		files.Cert, k.Subject().Role, roles[0])
	e.Hint = fmt.Sprintf("make another with `%s tls issue --role %s --name NAME`", a.name, roles[0])
	return nil, e
}

// identifier proves peers on the Unix socket by their uid. Those on the port prove themselves by
// their certificates, or else they need the token.
func (a *app) identifier(certs *pki.Keeper) coordinator.Identify {
	var config *tls.Config
	if certs != nil {
		config = certs.Server(
			string(roleClient), string(roleAdmin), string(roleViewer), string(roleWorker))
	}
	return func(ctx context.Context, c net.Conn) (net.Conn, *protocol.Identity, error) {
		if u, ok := c.(*net.UnixConn); ok {
			id, err := identifyUser(u)
			return c, id, err
		}
		if config == nil {
			return c, nil, nil
		}
		t, ok := c.(*net.TCPConn)
		if !ok {
			return nil, nil, fmt.Errorf("TLS on a %T", c)
		}
		return identifyHolder(ctx, t, config)
	}
}

func identifyUser(c *net.UnixConn) (*protocol.Identity, error) {
	uid, err := protocol.PeerUID(c)
	if err != nil {
		return nil, err
	}
	if uid != os.Getuid() {
		return nil, fanfold.Errorf(fanfold.KindDenied, "", "uid %d may not use this coordinator", uid)
	}
	return &protocol.Identity{Name: "uid " + strconv.Itoa(uid), UID: uid,
		Roles: []protocol.Role{protocol.RoleClient, protocol.RoleWorker, protocol.RoleProcess}}, nil
}

// needsTLS answers a peer that does not speak TLS, and one that says nothing: it may wait for a
// line of text, as clients without certificates do.
const needsTLS = "This port speaks TLS and wants a certificate: name its folder with --tls-dir\n"

// How the answer is given up.
const (
	answerTime = time.Second
	answerMax  = 64 << 10 // bytes that the peer may still send
)

// recordHandshake is the first byte of whoever speaks TLS.
const recordHandshake = 0x16

// peeked is a connection whose first bytes were read already.
type peeked struct {
	*net.TCPConn
	first []byte
}

func (p *peeked) Read(b []byte) (int, error) {
	if len(p.first) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.TCPConn.Read(b)
}

// identifyHolder shakes hands by TLS, and says who holds the peer's certificate.
func identifyHolder(
	ctx context.Context, c *net.TCPConn, config *tls.Config,
) (net.Conn, *protocol.Identity, error) {
	first := make([]byte, 1)
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	_, err := c.Read(first)
	if !stop() || err != nil || first[0] != recordHandshake {
		answer(c, needsTLS)
		if err == nil {
			err = errors.New("peer does not speak it")
		}
		return nil, nil, fmt.Errorf("TLS: %w", err)
	}
	secured := tls.Server(&peeked{c, first}, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, nil, fmt.Errorf("TLS: %w", err)
	}
	holder, err := pki.Peer(secured.ConnectionState())
	if err != nil {
		return nil, nil, err
	}
	roles := comesIn[certRole(holder.Role)]
	if len(roles) == 0 { // VerifyConnection has seen to it
		return nil, nil, fanfold.Errorf(fanfold.KindDenied, "", "a %s may not connect", holder.Role)
	}
	return secured, &protocol.Identity{Name: holder.Name, UID: -1, Roles: roles}, nil
}

// answer says a line and closes the connection, so that the peer has time to read it.
func answer(c *net.TCPConn, line string) {
	defer c.Close()
	// Whoever is in a hurry to go does not want the answer.
	_ = c.SetDeadline(time.Now().Add(answerTime))
	_, _ = io.WriteString(c, line)
	_ = c.CloseWrite()
	_, _ = io.CopyN(io.Discard, c, answerMax)
}
