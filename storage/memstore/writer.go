package memstore

import (
	"context"
	"errors"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

// errEnded is returned for use of a writer after Commit or Discard.
var errEnded = errors.New("the writer has ended")

// Create is storage.Driver.Create.
func (s *Store) Create(ctx context.Context, name string) (storage.Writer, error) {
	const op = "create output"
	if err := begin(ctx, op, name); err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, "/") {
		return nil, fanfold.Errorf(fanfold.KindUsage, op, "%s names a folder", name)
	}
	return &writer{store: s, name: name}, nil
}

// writer is a file being written. After it has ended, store is nil.
type writer struct {
	store *Store
	name  string
	data  []byte
}

func (w *writer) Write(p []byte) (int, error) {
	if w.store == nil {
		return 0, fanfold.Errorf(fanfold.KindOutput, "write output", "%s: %w", w.name, errEnded)
	}
	w.data = append(w.data, p...)
	return len(p), nil
}

func (w *writer) Commit() (storage.Info, error) {
	const op = "commit output"
	s := w.store
	if s == nil {
		return storage.Info{}, fanfold.Errorf(fanfold.KindOutput, op, "%s: %w", w.name, errEnded)
	}
	w.store = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.files[w.name]; ok {
		return storage.Info{}, fanfold.Errorf(fanfold.KindExists, op, "%s: file exists", w.name)
	}
	return s.put(w.name, w.data), nil
}

func (w *writer) Discard() error {
	w.store, w.data = nil, nil
	return nil
}
