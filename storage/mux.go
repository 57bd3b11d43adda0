package storage

import (
	"context"
	"io"
	"iter"
	"strings"

	"github.com/fanfold/fanfold"
)

// FileScheme is the scheme of plain paths.
const FileScheme = "file"

// Mux is the Driver that hands each name to the driver of its scheme. The zero value knows no
// scheme; call Handle before the first use, after that a Mux is safe for concurrent use.
type Mux struct {
	drivers map[string]Driver
}

var _ Driver = (*Mux)(nil)

// Handle sets the driver of a scheme, such as "file" or "s3". "" is "file": plain paths.
func (m *Mux) Handle(scheme string, d Driver) {
	if m.drivers == nil {
		m.drivers = map[string]Driver{}
	}
	if scheme == "" {
		scheme = FileScheme
	}
	m.drivers[scheme] = d
}

// Driver is the driver for a name: that of its scheme, or that of plain paths. The error is
// KindUsage.
func (m *Mux) Driver(name string) (Driver, error) {
	scheme := Scheme(name)
	if d := m.drivers[scheme]; d != nil {
		return d, nil
	}
	return nil, fanfold.Errorf(fanfold.KindUsage, "find store",
		"%s: nothing here reads %s:// names", name, scheme)
}

// Scheme is the scheme of a name: "s3" for "s3://bucket/key", "file" for every path.
func Scheme(name string) string {
	scheme, _, ok := strings.Cut(name, "://")
	if !ok || scheme == "" || strings.Trim(scheme, schemeBytes) != "" || !letter(scheme[0]) {
		return FileScheme
	}
	return scheme
}

// schemeBytes are the bytes of a scheme in RFC 3986, in lower case only: so "C://" is a path.
const schemeBytes = "abcdefghijklmnopqrstuvwxyz0123456789+-."

func letter(c byte) bool { return 'a' <= c && c <= 'z' }

// List is Driver.List.
func (m *Mux) List(ctx context.Context, pattern string) iter.Seq2[Info, error] {
	d, err := m.Driver(pattern)
	if err != nil {
		return func(yield func(Info, error) bool) { yield(Info{}, err) }
	}
	return d.List(ctx, pattern)
}

// Open is Driver.Open.
func (m *Mux) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, Info, error) {
	d, err := m.Driver(name)
	if err != nil {
		return nil, Info{}, err
	}
	return d.Open(ctx, name, offset)
}

// Stat is Driver.Stat.
func (m *Mux) Stat(ctx context.Context, name string) (Info, error) {
	d, err := m.Driver(name)
	if err != nil {
		return Info{}, err
	}
	return d.Stat(ctx, name)
}

// Create is Driver.Create.
func (m *Mux) Create(ctx context.Context, name string) (Writer, error) {
	d, err := m.Driver(name)
	if err != nil {
		return nil, err
	}
	return d.Create(ctx, name)
}

// Promote is Driver.Promote. Both names must be of one scheme.
func (m *Mux) Promote(ctx context.Context, from, to string) error {
	d, err := m.Driver(from)
	if err != nil {
		return err
	}
	if Scheme(from) != Scheme(to) {
		return fanfold.Errorf(fanfold.KindUsage, "promote output",
			"%s and %s are in different stores", from, to)
	}
	return d.Promote(ctx, from, to)
}

// Remove is Driver.Remove.
func (m *Mux) Remove(ctx context.Context, name string) error {
	d, err := m.Driver(name)
	if err != nil {
		return err
	}
	return d.Remove(ctx, name)
}
