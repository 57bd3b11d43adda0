package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// The names of the files in a folder.
const (
	CAFile     = "ca.pem"
	CAKeyFile  = "ca-key.pem"
	CertFile   = "cert.pem"
	KeyFile    = "key.pem"
	pemKey     = "PRIVATE KEY"
	pemCert    = "CERTIFICATE"
	pemFileMax = 1 << 20 // bytes
)

const (
	authorityFor = 10 * 365 * 24 * time.Hour
	clockSkew    = 5 * time.Minute // a certificate is valid so long before it was made
	clusterBytes = 16
)

// Authority signs the certificates of one cluster.
type Authority struct {
	Cluster string
	cert    *x509.Certificate
	key     crypto.Signer
}

// Request is what a certificate is to say.
type Request struct {
	Role, Name     string
	Hosts          []string // names and addresses that clients connect to
	Server, Client bool     // the ends of a connection that it is for
	From           time.Time
	For            time.Duration
}

// InitAuthority makes an authority with a cluster of its own in a folder, which it makes too. It
// overwrites nothing: an authority that is there makes fs.ErrExist.
func InitAuthority(dir string, now time.Time) (*Authority, error) {
	id := make([]byte, clusterBytes)
	rand.Read(id) // never fails
	a := &Authority{Cluster: hex.EncodeToString(id)}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	a.key = key
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "fanfold authority " + a.Cluster},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(authorityFor),
		URIs:                  []*url.URL{Subject{Cluster: a.Cluster}.uri()},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return a, writePair(dir, CAKeyFile, key, map[string][]byte{CAFile: der})
}

// OpenAuthority reads an authority from its folder.
func OpenAuthority(dir string) (*Authority, error) {
	cert, err := readCertificate(filepath.Join(dir, CAFile))
	if err != nil {
		return nil, err
	}
	a := &Authority{cert: cert}
	if a.Cluster, err = clusterOf(cert); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, CAKeyFile)
	key, err := readKey(file, cert, CAFile)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read %s: it is no ECDSA key", file)
	}
	a.key = signer
	return a, nil
}

// Issue makes a key and a certificate, and writes them and the authority's certificate to a folder,
// which it makes too. It overwrites nothing: fs.ErrExist.
func (a *Authority) Issue(dir string, r Request) (*x509.Certificate, error) {
	s := Subject{Cluster: a.Cluster, Role: r.Role, Name: r.Name}
	if err := s.check(); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: r.Role + " " + r.Name},
		NotBefore:             r.From.Add(-clockSkew),
		NotAfter:              r.From.Add(r.For),
		URIs:                  []*url.URL{s.uri()},
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		return nil, fmt.Errorf("valid until %s, when the authority ends on %s",
			template.NotAfter.Format(time.DateOnly), a.cert.NotAfter.Format(time.DateOnly))
	}
	for _, host := range r.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if r.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if r.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	err = writePair(dir, KeyFile, key, map[string][]byte{CertFile: der, CAFile: a.cert.Raw})
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// serial draws the number of a certificate.
func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// writePair writes a key, which only its owner can read, and certificates. What was written before
// an error goes again.
func writePair(
	dir, keyFile string, key *ecdsa.PrivateKey, certificates map[string][]byte,
) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var written []string
	defer func() {
		if err != nil {
			for _, path := range written {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	put := func(name, kind string, der []byte, mode os.FileMode) error {
		path := filepath.Join(dir, name)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		written = append(written, path)
		return errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Sync(), f.Close())
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	if err := put(keyFile, pemKey, der, 0o600); err != nil {
		return err
	}
	for name, der := range certificates {
		if err := put(name, pemCert, der, 0o644); err != nil {
			return err
		}
	}
	return nil
}
