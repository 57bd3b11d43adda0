package pki

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Files are the paths of what one side of a connection needs.
type Files struct {
	Cert, Key, CA string
}

// In gives the Files of a folder, as Issue wrote it.
func In(dir string) Files {
	return Files{
		Cert: filepath.Join(dir, CertFile),
		Key:  filepath.Join(dir, KeyFile),
		CA:   filepath.Join(dir, CAFile),
	}
}

func readCertificate(file string) (*x509.Certificate, error) {
	der, err := readPEM(file, pemCert)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return cert, nil
}

// readKey reads the key of a certificate, which is in certFile.
func readKey(file string, cert *x509.Certificate, certFile string) (crypto.Signer, error) {
	der, err := readPEM(file, pemKey)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	public, ok := cert.PublicKey.(interface{ Equal(x crypto.PublicKey) bool })
	signer, isKey := key.(crypto.Signer)
	if !ok || !isKey || !public.Equal(signer.Public()) {
		return nil, fmt.Errorf("read %s: it is not the key of %s", file, certFile)
	}
	return signer, nil
}

// readPEM reads the first block of a file. A key must be its owner's alone.
func readPEM(file, kind string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if kind == pemKey {
		if err := checkPrivate(f); err != nil {
			return nil, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, pemFileMax))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("read %s: it does not begin with a %s in PEM", file, kind)
	}
	return block.Bytes, nil
}

// checkPrivate refuses a key that others can use: whoever has it is taken for its owner.
func checkPrivate(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Getuid() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("read %s: it must belong to you and be closed to others (chmod 600)",
			f.Name())
	}
	return nil
}
