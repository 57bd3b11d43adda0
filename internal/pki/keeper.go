package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// Keeper has the certificate of one side of a connection, and reads its files again when they have
// changed: a new certificate needs no restart. Its methods are safe for concurrent use.
type Keeper struct {
	files Files
	warn  func(error)
	now   func() time.Time

	mu     sync.Mutex // guards what follows
	marks  [3]mark    // of the files, when they were read last, well or not
	loaded *material
}

// material is what the files held; it does not change.
type material struct {
	subject Subject
	cert    *tls.Certificate
	roots   *x509.CertPool
}

// mark tells a version of a file from others.
type mark struct {
	changed time.Time
	size    int64
}

// Open reads files. warn is told when they have changed later and are of no use, as long as they
// are; what was read before is then used on. nil: nobody is told.
func Open(files Files, warn func(error)) (*Keeper, error) {
	if warn == nil {
		warn = func(error) {}
	}
	k := &Keeper{files: files, warn: warn, now: time.Now}
	k.marks = k.look()
	m, err := load(files)
	if err != nil {
		return nil, err
	}
	k.loaded = m
	return k, nil
}

// Subject is whom the certificate is for.
func (k *Keeper) Subject() Subject { return k.current().subject }

// Expires is when the certificate ends.
func (k *Keeper) Expires() time.Time { return k.current().cert.Leaf.NotAfter }

func (k *Keeper) look() (marks [3]mark) {
	for i, file := range []string{k.files.Cert, k.files.Key, k.files.CA} {
		if info, err := os.Stat(file); err == nil {
			marks[i] = mark{info.ModTime(), info.Size()}
		}
	}
	return marks
}

// current is what the files hold, or held when they were last of use.
func (k *Keeper) current() *material {
	k.mu.Lock()
	defer k.mu.Unlock()
	marks := k.look()
	if marks == k.marks {
		return k.loaded
	}
	k.marks = marks
	m, err := load(k.files)
	if err == nil && m.subject != k.loaded.subject {
		err = fmt.Errorf("%s is now for %s, and was for %s: restart to change that",
			k.files.Cert, m.subject.uri(), k.loaded.subject.uri())
	}
	if err != nil {
		k.warn(fmt.Errorf("reload certificate: %w", err))
		return k.loaded
	}
	k.loaded = m
	return m
}

func load(files Files) (*material, error) {
	ca, err := readCertificate(files.CA)
	if err != nil {
		return nil, err
	}
	leaf, err := readCertificate(files.Cert)
	if err != nil {
		return nil, err
	}
	key, err := readKey(files.Key, leaf, files.Cert)
	if err != nil {
		return nil, err
	}
	cluster, err := clusterOf(ca)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", files.CA, err)
	}
	subject, err := SubjectOf(leaf)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", files.Cert, err)
	}
	if subject.Cluster != cluster || leaf.CheckSignatureFrom(ca) != nil {
		return nil, fmt.Errorf("%s was not issued by the authority in %s", files.Cert, files.CA)
	}
	m := &material{subject: subject, roots: x509.NewCertPool()}
	m.roots.AddCert(ca)
	m.cert = &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	return m, nil
}
