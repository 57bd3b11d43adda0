package storage_test

import (
	"io"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/filestore"
	"github.com/fanfold/fanfold/storage/memstore"
	"github.com/fanfold/fanfold/storage/storagetest"
)

func newMux() *storage.Mux {
	var m storage.Mux
	m.Handle("", filestore.New())
	m.Handle("mem", &memstore.Store{})
	return &m
}

func TestMuxConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) (storage.Driver, string) { return newMux(), t.TempDir() })
	storagetest.Run(t, func(*testing.T) (storage.Driver, string) { return newMux(), "mem://x" })
}

func TestScheme(t *testing.T) {
	tests := []struct{ name, want string }{
		{"a/b", "file"}, {"/a", "file"}, {"", "file"}, {"file:///a", "file"}, {"s3://b/k", "s3"},
		{"./s3://b", "file"}, {"C://x", "file"}, {"://x", "file"}, {"9p://x", "file"},
		{"a b://x", "file"}, {"git+ssh://x", "git+ssh"},
	}
	for _, tt := range tests {
		if got := storage.Scheme(tt.name); got != tt.want {
			t.Errorf("scheme of %q: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMuxUnknownScheme(t *testing.T) {
	ctx, m, name := t.Context(), newMux(), "s3://bucket/key"
	_, driverErr := m.Driver(name)
	_, _, openErr := m.Open(ctx, name, 0)
	_, statErr := m.Stat(ctx, name)
	_, createErr := m.Create(ctx, name)
	var listErr error
	for _, listErr = range m.List(ctx, name) {
	}
	errs := []error{
		driverErr, openErr, statErr, createErr, listErr, m.Remove(ctx, name),
		m.Promote(ctx, name, name), m.Promote(ctx, "a", "mem://a"),
	}
	for i, err := range errs {
		if fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("call %d: %v, want a usage error", i, err)
		}
	}
}

// brokenReader fails as a store fails.
type brokenReader struct{}

var errBroken = fanfold.Errorf(fanfold.KindLost, "read", "gone")

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestDecodePassesErrorsOfTheStore(t *testing.T) {
	for _, c := range []fanfold.Codec{fanfold.Plain, fanfold.Gzip, fanfold.Zstd, fanfold.Bzip2} {
		z, err := storage.Decode(c, brokenReader{})
		if err == nil {
			_, err = io.ReadAll(z)
			z.Close()
		}
		if err != errBroken {
			t.Errorf("codec %d: %v, want %v", c, err, errBroken)
		}
	}
}
