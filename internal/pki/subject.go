package pki

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"regexp"
)

// scheme begins the URI of each certificate.
const scheme = "fanfold"

var (
	clusterForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
	roleForm    = regexp.MustCompile(`^[a-z]{1,16}$`)
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// Subject is who holds a certificate.
type Subject struct {
	Cluster string
	Role    string
	Name    string
}

// check holds the form of a Subject, so that nothing in it can be taken for something else.
func (s Subject) check() error {
	switch {
	case !clusterForm.MatchString(s.Cluster):
		return fmt.Errorf("cluster %.80q: want 32 hexadecimal digits", s.Cluster)
	case !roleForm.MatchString(s.Role):
		return fmt.Errorf("role %.80q: want 1 to 16 small letters", s.Role)
	case !nameForm.MatchString(s.Name):
		return fmt.Errorf("name %.80q: want 1 to 64 letters, digits, '.', '_' or '-'", s.Name)
	}
	return nil
}

// uri is the Subject as it stands in a certificate; without a Role it is the authority's.
func (s Subject) uri() *url.URL {
	u := &url.URL{Scheme: scheme, Host: s.Cluster}
	if s.Role != "" {
		u.Path = "/" + s.Role + "/" + s.Name
	}
	return u
}

var uriForm = regexp.MustCompile(`^` + scheme + `://([^/]*)/([^/]*)/([^/]*)$`)

// SubjectOf reads who holds a certificate. It does not say that the certificate is to be believed.
func SubjectOf(cert *x509.Certificate) (Subject, error) {
	if len(cert.URIs) != 1 {
		return Subject{}, fmt.Errorf("certificate has %d URIs, want 1", len(cert.URIs))
	}
	m := uriForm.FindStringSubmatch(cert.URIs[0].String())
	if m == nil {
		return Subject{}, fmt.Errorf("certificate is for %.200q, want %s://CLUSTER/ROLE/NAME",
			cert.URIs[0], scheme)
	}
	s := Subject{Cluster: m[1], Role: m[2], Name: m[3]}
	return s, s.check()
}

// clusterOf reads the cluster of an authority.
func clusterOf(cert *x509.Certificate) (string, error) {
	if !cert.IsCA || len(cert.URIs) != 1 {
		return "", fmt.Errorf("certificate of %.200q is no authority's", cert.Subject.CommonName)
	}
	u := cert.URIs[0]
	if u.Scheme != scheme || u.Path != "" || !clusterForm.MatchString(u.Host) {
		return "", fmt.Errorf("authority is for %.200q, want %s://CLUSTER", u, scheme)
	}
	return u.Host, nil
}
