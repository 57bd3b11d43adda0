package protocol

import (
	"crypto/tls"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fanfold/fanfold/internal/pki"
)

// dialTLS connects two sides by TLS, each with a certificate.
func dialTLS(t testing.TB) (a, b *Conn) {
	t.Helper()
	dir := t.TempDir()
	authority, err := pki.InitAuthority(filepath.Join(dir, "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	keep := func(role string, hosts ...string) *pki.Keeper {
		out := filepath.Join(dir, role)
		_, err := authority.Issue(out, pki.Request{
			Role: role, Name: role, Hosts: hosts, Server: true, Client: true,
			From: time.Now(), For: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		k, err := pki.Open(pki.In(out), nil)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	x, y := connected(t, "tcp", "127.0.0.1:0")
	server := tls.Server(x, keep("coordinator", "127.0.0.1").Server("client"))
	client := tls.Client(y, keep("client").Client("127.0.0.1", "coordinator"))
	var both sync.WaitGroup
	var failed error
	both.Go(func() { failed = server.HandshakeContext(t.Context()) })
	err = client.HandshakeContext(t.Context())
	both.Wait()
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	return NewConn(server), NewConn(client)
}
