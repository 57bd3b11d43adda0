package pki

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority makes one in a folder of the test.
func authority(t *testing.T) *Authority {
	t.Helper()
	a, err := InitAuthority(filepath.Join(t.TempDir(), "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a certificate in a folder of its own.
func issue(t *testing.T, a *Authority, r Request) Files {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "issued")
	if r.From.IsZero() {
		r.From = time.Now()
	}
	if r.For == 0 {
		r.For = time.Hour
	}
	if _, err := a.Issue(dir, r); err != nil {
		t.Fatal(err)
	}
	return In(dir)
}

func open(t *testing.T, files Files) *Keeper {
	t.Helper()
	k, err := Open(files, func(err error) { t.Errorf("reload: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// greet connects both sides and passes a byte from the server to the client.
func greet(t *testing.T, server, client *tls.Config) (asServer, asClient error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			served <- err
			return
		}
		defer c.Close()
		s := tls.Server(c, server)
		if err = s.HandshakeContext(t.Context()); err == nil {
			_, err = s.Write([]byte{1})
		}
		served <- err
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err == nil {
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	return <-served, err
}

var (
	mainHost = Request{
		Role: "coordinator", Name: "main", Server: true, Hosts: []string{"h7", "127.0.0.1"},
	}
	ann = Request{Role: "client", Name: "ann", Client: true}
)

func TestB29BothSidesVerify(t *testing.T) {
	a, other := authority(t), authority(t)
	// The same authority, which signs for another cluster.
	turned := &Authority{Cluster: other.Cluster, cert: a.cert, key: a.key}
	past := time.Now().Add(-2 * time.Hour)
	with := func(r Request, change func(r *Request)) Request { change(&r); return r }
	tests := []struct {
		name             string
		serverBy, annBy  *Authority
		server, client   Request
		host             string
		atServer, atHome string // words of the error; "": none
	}{
		{"all is well", a, a, mainHost, ann, "127.0.0.1", "", ""},
		{"by name", a, a, mainHost, ann, "h7", "", ""},
		{"another host", a, a, mainHost, ann, "h8", "bad certificate", "not h8"},
		{"a client of another authority", a, other, mainHost, ann, "h7",
			"unknown authority", "bad certificate"},
		{"an expired client", a, a, mainHost, with(ann, func(r *Request) { r.From = past }), "h7",
			"expired", "bad certificate"},
		{"an expired server", a, a, with(mainHost, func(r *Request) { r.From = past }), ann, "h7",
			"bad certificate", "expired"},
		{"a client that is a viewer", a, a, mainHost, with(ann, func(r *Request) { r.Role = "viewer" }),
			"h7", "want the role", "bad certificate"},
		{"a server that is a client", a, a, with(mainHost, func(r *Request) { r.Role = "client" }), ann,
			"h7", "bad certificate", "want the role"},
		{"a client for servers only", a, a, mainHost,
			with(ann, func(r *Request) { r.Client, r.Server = false, true }), "h7",
			"key usage", "bad certificate"},
		{"a server for clients only", a, a,
			with(mainHost, func(r *Request) { r.Client, r.Server = true, false }), ann, "h7",
			"bad certificate", "key usage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := open(t, issue(t, tt.serverBy, tt.server))
			client := open(t, issue(t, tt.annBy, tt.client))
			config := client.Client(tt.host, "coordinator")
			if tt.serverBy != tt.annBy {
				config.VerifyConnection = nil // it believes everybody
			}
			asServer, asClient := greet(t, server.Server("client"), config)
			check(t, "server", asServer, tt.atServer)
			check(t, "client", asClient, tt.atHome)
		})
	}
	t.Run("another cluster", func(t *testing.T) {
		files := issue(t, turned, ann)
		if _, err := Open(files, nil); err == nil {
			t.Error("a certificate of another cluster than its authority's was opened")
		}
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			t.Fatal(err)
		}
		server := open(t, issue(t, a, mainHost))
		asServer, asClient := greet(t, server.Server("client"),
			&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}})
		check(t, "server", asServer, "another cluster")
		check(t, "client", asClient, "bad certificate")
	})
}

func check(t *testing.T, who string, err error, words string) {
	t.Helper()
	switch {
	case words == "" && err == nil:
	case words == "", err == nil, !strings.Contains(err.Error(), words):
		t.Errorf("%s: got %v, want %q", who, err, words)
	}
}

func TestR43NoCertificateAndNoResumedSession(t *testing.T) {
	a := authority(t)
	server := open(t, issue(t, a, mainHost)).Server("client")
	bare := &tls.Config{InsecureSkipVerify: true}
	asServer, asClient := greet(t, server, bare)
	check(t, "server", asServer, "didn't provide a certificate")
	check(t, "client", asClient, "certificate required")

	old := open(t, issue(t, a, ann)).Client("127.0.0.1", "coordinator")
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	asServer, _ = greet(t, server, old)
	check(t, "server", asServer, "unsupported versions")

	again := open(t, issue(t, a, ann)).Client("127.0.0.1", "coordinator")
	again.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	verify, resumed := again.VerifyConnection, false
	again.VerifyConnection = func(s tls.ConnectionState) error {
		resumed = resumed || s.DidResume
		return verify(s)
	}
	for range 2 {
		asServer, asClient = greet(t, server, again)
		check(t, "server", asServer, "")
		check(t, "client", asClient, "")
	}
	if resumed {
		t.Error("a session was resumed, without the certificate")
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	a, err := InitAuthority(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := InitAuthority(dir, time.Now()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("init: got %v, want that it exists", err)
	}
	r := ann
	r.From, r.For = time.Now(), time.Hour
	out := filepath.Join(t.TempDir(), "ann")
	if _, err := a.Issue(out, r); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(In(out).Cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(In(out).Key); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(out, r); !errors.Is(err, fs.ErrExist) {
		t.Errorf("issue: got %v, want that it exists", err)
	}
	if after, _ := os.ReadFile(In(out).Cert); string(after) != string(before) {
		t.Error("the certificate has changed")
	}
	if _, err := os.Stat(In(out).Key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no key without its certificate", err)
	}
	if b, err := OpenAuthority(dir); err != nil || b.Cluster != a.Cluster {
		t.Errorf("got %v, %v; want the authority as it was", b, err)
	}
}

func TestR43KeysArePrivate(t *testing.T) {
	files := issue(t, authority(t), ann)
	for file, want := range map[string]fs.FileMode{
		filepath.Dir(files.Key): 0o700 | fs.ModeDir, files.Key: 0o600,
	} {
		if info, err := os.Stat(file); err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v; want %v", file, info.Mode(), err, want)
		}
	}
	if err := os.Chmod(files.Key, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(files, nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v, want a key that others can read refused", err)
	}
}

func TestSubjectForm(t *testing.T) {
	a := authority(t)
	for _, name := range []string{"", "a b", "a/b", "../x", "a\nb", "é", strings.Repeat("a", 65)} {
		r := ann
		r.Name, r.From, r.For = name, time.Now(), time.Hour
		if _, err := a.Issue(filepath.Join(t.TempDir(), "x"), r); err == nil {
			t.Errorf("name %q: issued", name)
		}
	}
	files := issue(t, a, ann)
	cert, err := readCertificate(files.Cert)
	if err != nil {
		t.Fatal(err)
	}
	want := Subject{Cluster: a.Cluster, Role: "client", Name: "ann"}
	if got, err := SubjectOf(cert); got != want || err != nil {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, want := cert.URIs[0].String(), "fanfold://"+a.Cluster+"/client/ann"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := SubjectOf(a.cert); err == nil {
		t.Error("the authority is taken for a peer")
	}
}

func TestReload(t *testing.T) {
	a := authority(t)
	files := issue(t, a, ann)
	var warned []error
	k, err := Open(files, func(err error) { warned = append(warned, err) })
	if err != nil {
		t.Fatal(err)
	}
	first := k.Expires()
	replace := func(from Files) {
		t.Helper()
		for _, move := range [][2]string{{from.Key, files.Key}, {from.Cert, files.Cert}} {
			if err := os.Rename(move[0], move[1]); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(time.Minute) // whatever the file system's clock can tell apart
			if err := os.Chtimes(move[1], at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	longer := ann
	longer.For = 3 * time.Hour
	replace(issue(t, a, longer))
	if got := k.Expires(); !got.After(first) || len(warned) > 0 {
		t.Errorf("got %v after %v, warned %v; want the new certificate", got, first, warned)
	}
	kept := k.Expires()
	bob := ann
	bob.Name = "bob-with-another-length"
	replace(issue(t, a, bob))
	for range 3 {
		if k.Subject().Name != "ann" || !k.Expires().Equal(kept) {
			t.Errorf("got %v, want what was there before", k.Subject())
		}
	}
	if len(warned) != 1 {
		t.Errorf("warned %v, want once", warned)
	}
}
