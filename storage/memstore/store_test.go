package memstore_test

import (
	"testing"

	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/memstore"
	"github.com/fanfold/fanfold/storage/storagetest"
)

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(*testing.T) (storage.Driver, string) {
		return &memstore.Store{}, "mem://test"
	})
}

func TestPutReplaces(t *testing.T) {
	var s memstore.Store
	old := s.Put("a", []byte("x"))
	if s.Put("a", []byte("y")).Same(old) {
		t.Error("other content has the same identity")
	}
}
