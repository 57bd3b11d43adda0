//go:build linux

package cli_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/pki"
	"github.com/fanfold/fanfold/protocol"
)

// cluster makes an authority, and a certificate of each of these roles, in a folder of its name.
func (h *home) cluster(authority string, roles ...string) {
	h.t.Helper()
	h.run("tls", "init", "-q", "--dir", authority).want(0)
	for _, role := range roles {
		args := []string{"tls", "issue", "-q", "--dir", authority, "--role", role, "--name", role,
			"--out", authority + "-" + role}
		if role == "coordinator" {
			args = append(args, "--host", "127.0.0.1,127.0.0.2")
		}
		h.run(args...).want(0)
	}
}

// secured starts a coordinator with certificates.
func (h *home) secured(args ...string) *live {
	h.t.Helper()
	return h.coordinator(append([]string{"--tls-dir", "a-coordinator"}, args...)...)
}

func (h *home) submitTo(address, dir string) *process {
	h.t.Helper()
	return h.run("submit", "--coordinator", address, "--tls-dir", dir, "wordcount", "in")
}

// TestB12SubmitOverTLS checks that a job over TLS is the job that it is over other connections.
func TestB12SubmitOverTLS(t *testing.T) {
	h := newHome(t)
	h.file("in", inputLines)
	h.cluster("a", "coordinator", "client", "admin", "viewer")
	co := h.secured("--listen", "127.0.0.2:0")
	for _, role := range []string{"client", "admin"} {
		p := h.submitTo(co.tcp, "a-"+role)
		p.want(0)
		if got := p.stdout.String(); got != inputCounts {
			t.Errorf("%s: got %q, want %q", role, got, inputCounts)
		}
	}
	h.submitTo(co.tcp, "a-viewer").want(fanfold.ExitUnreachable, "Submit: the peer may not send it")
	jobs := h.run("jobs", "--coordinator", co.tcp, "--tls-dir", "a-viewer")
	jobs.want(0)
	got := jobs.stdout.String()
	if !strings.Contains(got, "client") || !strings.Contains(got, "admin") {
		t.Errorf("the viewer sees %q, want the jobs of client and admin", got)
	}
	p := h.run("submit", "wordcount", "in") // the socket is there as before
	p.want(0)
	co.end()
	h.checkNothingLeft()
}

// TestB29PlainAndTLS checks that who speaks TLS and who does not are told so, and harm nobody.
func TestB29PlainAndTLS(t *testing.T) {
	h := newHome(t)
	h.file("in", inputLines)
	h.file("token", strings.Repeat("5a", protocol.TokenLen)+"\n")
	h.cluster("a", "coordinator", "client")
	co := h.secured()
	silent := h.start("submit", "--coordinator", co.tcp, "--token-file", "token", "wordcount", "in")
	for _, first := range [][]byte{
		[]byte("GET / HTTP/1.1\r\n\r\n"), hello(), {0}, {0xff, 0xff, 0xff, 0xff},
	} {
		c, err := net.Dial("tcp", co.tcp)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience)) // sockets have deadlines
		if _, err := c.Write(first); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil || !bytes.HasPrefix(got, []byte("This port speaks TLS")) {
			t.Errorf("%q: got %q, %v; want a line about TLS", first, got, err)
		}
		c.Close()
	}
	h.submitTo(co.tcp, "a-client").want(0)
	silent.want(fanfold.ExitUnreachable, "This port speaks TLS", "--tls-dir")
	co.end()

	plain := h.coordinator()
	h.submitTo(plain.tcp, "a-client").want(fanfold.ExitUnreachable, "does not speak TLS", "hint: ")
	p := h.run("submit", "--coordinator", plain.tcp, "wordcount", "in")
	p.want(0)
	plain.end()
	h.checkNothingLeft()
}

// TestR43Certificates checks that nobody comes in with a wrong certificate or none, that the log
// says why, and that the stranger does not learn it.
func TestR43Certificates(t *testing.T) {
	h := newHome(t)
	h.file("in", inputLines)
	h.cluster("a", "coordinator", "client", "worker")
	h.cluster("b", "coordinator", "client", "worker")
	co := h.secured()
	for _, tt := range []struct{ name, dir, logged string }{
		{"none", "", "didn't provide a certificate"},
		{"another authority's", "b-client", "unknown authority"},
		{"another authority's worker", "b-worker", "unknown authority"},
		{"the coordinator's own", "a-coordinator", "want the role"},
	} {
		config := &tls.Config{InsecureSkipVerify: true}
		if tt.dir != "" {
			files := pki.In(h.path(tt.dir))
			pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
			if err != nil {
				t.Fatal(err)
			}
			config.Certificates = []tls.Certificate{pair}
		}
		c, err := tls.Dial("tcp", co.tcp, config)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience)) // sockets have deadlines
		got, err := io.ReadAll(c)
		if err == nil || len(got) > 0 || strings.Contains(err.Error(), tt.logged) {
			t.Errorf("%s: got %q, %v; want an alert and nothing else", tt.name, got, err)
		}
		c.Close()
		co.await(&co.stderr, tt.logged, 1)
	}
	// Both sides of the command line say what is to be done.
	h.submitTo(co.tcp, "b-client").want(fanfold.ExitUnreachable, "unknown authority")
	h.workerAt(co.tcp, "b-worker").want(fanfold.ExitUnreachable, "unknown authority")
	h.workerAt(co.tcp, "a-client").want(fanfold.ExitUnreachable, "is for a client", "hint: ")
	h.submitTo(co.tcp, "a-worker").want(fanfold.ExitUnreachable, "is for a worker", "hint: ")
	h.submitTo(co.tcp, "missing").want(fanfold.ExitUnreachable, "no such file", "tls issue")
	h.run("coordinator", "--listen", "127.0.0.1:0", "--state-dir", "other", "--tls-dir", "a-client").
		want(fanfold.ExitUnreachable, "is for a client", "hint: ")
	h.submitTo(co.tcp, "a-client").want(0)
	co.end()
	h.checkNothingLeft()
}

// TestX10SlowTLS checks that the handshake of TLS is under the limits of every handshake.
func TestX10SlowTLS(t *testing.T) {
	const crowd = 150
	h := newHome(t)
	h.file("in", inputLines)
	h.cluster("a", "coordinator", "client")
	co := h.secured()
	dial := func(first ...byte) net.Conn {
		c, err := net.Dial("tcp", co.tcp)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience)) // sockets have deadlines
		if _, err := c.Write(first); err != nil {
			t.Fatal(err)
		}
		return c
	}
	started := time.Now()
	slow := dial(0x16, 3, 1) // a record that does not go on
	checkClosed(t, slow)
	if took := time.Since(started); took < 4*time.Second || took > 10*time.Second {
		t.Errorf("a slow handshake was closed after %v, want 5 s", took)
	}
	first := dial(0x16)
	for range crowd {
		dial(0x16)
	}
	checkClosed(t, first)
	h.submitTo(co.tcp, "a-client").want(0)
	co.end()
	h.checkNothingLeft()
}
