package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
)

// ErrNoCertificate is what VerifyConnection says of a peer without one.
var ErrNoCertificate = errors.New("peer has no certificate")

// Server is the configuration of a side that accepts connections from holders of these roles.
func (k *Keeper) Server(roles ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// All is verified in VerifyConnection, so that the authorities' names are not told to
		// whoever asks, and their file can change.
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true, // a resumed session would outlive its certificate
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return k.current().cert, nil
		},
		VerifyConnection: func(s tls.ConnectionState) error {
			return k.verify(s, x509.ExtKeyUsageClientAuth, "", roles)
		},
	}
}

// Client is the configuration of a side that connects to a host, whose certificate must be for it
// and for one of these roles.
func (k *Keeper) Client(host string, roles ...string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does it, and more
		ServerName:         host,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return k.current().cert, nil
		},
		VerifyConnection: func(s tls.ConnectionState) error {
			return k.verify(s, x509.ExtKeyUsageServerAuth, host, roles)
		},
	}
}

// Peer is who stands on the other side of a connection whose handshake is done.
func Peer(s tls.ConnectionState) (Subject, error) {
	if len(s.PeerCertificates) == 0 {
		return Subject{}, ErrNoCertificate
	}
	return SubjectOf(s.PeerCertificates[0])
}

// Refused reports whether the other side ended TLS with an alert: it did not believe this side. A
// client may learn of that only when it reads.
func Refused(err error) bool {
	var alert *net.OpError
	return errors.As(err, &alert) && alert.Op == "remote error"
}

// verify checks a peer's certificate as a whole. A host of "" is not checked.
func (k *Keeper) verify(
	s tls.ConnectionState, usage x509.ExtKeyUsage, host string, roles []string,
) error {
	peer, err := Peer(s)
	if err != nil {
		return err
	}
	ours, leaf := k.current(), s.PeerCertificates[0]
	chains := x509.VerifyOptions{
		Roots: ours.roots, CurrentTime: k.now(), KeyUsages: []x509.ExtKeyUsage{usage},
		Intermediates: x509.NewCertPool(), // none: the authority signs all itself
	}
	if _, err := leaf.Verify(chains); err != nil {
		return fmt.Errorf("certificate of %s: %w", peer.uri(), err)
	}
	if peer.Cluster != ours.subject.Cluster {
		return fmt.Errorf("certificate of %s: another cluster than ours, %s",
			peer.uri(), ours.subject.Cluster)
	}
	if !slices.Contains(roles, peer.Role) {
		return fmt.Errorf("certificate of %s: want the role %q", peer.uri(), roles)
	}
	if host != "" {
		if err := leaf.VerifyHostname(host); err != nil {
			return fmt.Errorf("certificate of %s: %w", peer.uri(), err)
		}
	}
	return nil
}
