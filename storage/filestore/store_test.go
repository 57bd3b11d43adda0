package filestore_test

import (
	"testing"

	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/filestore"
	"github.com/fanfold/fanfold/storage/storagetest"
)

func TestConformance(t *testing.T) {
	tests := []struct {
		name string
		mk   storagetest.Make
	}{
		{"Path", func(t *testing.T) (storage.Driver, string) {
			return filestore.New(), t.TempDir()
		}},
		{"URL", func(t *testing.T) (storage.Driver, string) {
			return filestore.New("/"), "file://" + t.TempDir()
		}},
		{"Relative", func(t *testing.T) (storage.Driver, string) {
			t.Chdir(t.TempDir())
			return filestore.New(), "some/folder"
		}},
		{"Rooted", func(t *testing.T) (storage.Driver, string) {
			root := t.TempDir()
			return filestore.New(t.TempDir(), root), root + "/below"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { storagetest.Run(t, tt.mk) })
	}
}
