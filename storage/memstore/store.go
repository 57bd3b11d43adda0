// Package memstore is the storage driver that keeps files in memory: for tests, and for programs
// that embed Fanfold and have their inputs in hand.
//
// The one idea needed to read it: folders exist only as prefixes of names, as in an object store.
package memstore

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

// Store is a storage.Driver. Names are whatever the caller says, scheme included, with elements
// between slashes. The zero value is an empty store.
type Store struct {
	mu      sync.Mutex // guards all below
	files   map[string]file
	version int64 // counts files made: a Tag, and the ModTime, of each
}

var _ storage.Driver = (*Store)(nil)

// file is immutable.
type file struct {
	data []byte
	info storage.Info
}

// Put sets a file's content, replacing what is there. The store keeps data.
func (s *Store) Put(name string, data []byte) storage.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(name, data)
}

// put needs s.mu.
func (s *Store) put(name string, data []byte) storage.Info {
	if s.files == nil {
		s.files = map[string]file{}
	}
	s.version++
	info := storage.Info{
		Name: name, Size: int64(len(data)),
		ModTime: s.version, Tag: strconv.FormatInt(s.version, 10),
	}
	s.files[name] = file{data: data, info: info}
	return info
}

// List is storage.Driver.List.
func (s *Store) List(ctx context.Context, pattern string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		found := false
		for _, name := range s.match(pattern) {
			if err := begin(ctx, "list inputs", name); err != nil {
				yield(storage.Info{}, err)
				return
			}
			f, ok := s.get(name)
			if !ok {
				continue // removed since
			}
			found = true
			if !yield(f.info, nil) {
				return
			}
		}
		if !found {
			yield(storage.Info{}, storage.NothingFound(pattern, "no file in memory"))
		}
	}
}

// match is the sorted names that a pattern means now.
func (s *Store) match(pattern string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.files[pattern]; ok {
		return []string{pattern}
	}
	elements := strings.Split(strings.TrimSuffix(pattern, "/"), "/")
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.files)), func(name string) bool {
		return !means(elements, strings.Split(name, "/"))
	})
}

// means reports whether a pattern's elements mean a file: as a whole, or as a folder above it.
func means(pattern, name []string) bool {
	if len(name) < len(pattern) {
		return false
	}
	for i, p := range pattern {
		if p != name[i] && !(storage.Wild(p) && storage.MatchElement(p, name[i])) {
			return false
		}
	}
	return !slices.ContainsFunc(name[len(pattern):], storage.Hidden)
}

func (s *Store) get(name string) (file, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[name]
	return f, ok
}

// Open is storage.Driver.Open.
func (s *Store) Open(
	ctx context.Context, name string, offset int64,
) (io.ReadCloser, storage.Info, error) {
	const op = "open input"
	if err := begin(ctx, op, name); err != nil {
		return nil, storage.Info{}, err
	}
	f, ok := s.get(name)
	if !ok {
		return nil, storage.Info{}, s.absent(op, name)
	}
	rest := f.data[min(offset, int64(len(f.data))):]
	return io.NopCloser(bytes.NewReader(rest)), f.info, nil
}

// Stat is storage.Driver.Stat.
func (s *Store) Stat(ctx context.Context, name string) (storage.Info, error) {
	const op = "stat"
	if err := begin(ctx, op, name); err != nil {
		return storage.Info{}, err
	}
	if f, ok := s.get(name); ok {
		return f.info, nil
	}
	if s.folder(name) {
		return storage.Info{Name: name, Folder: true}, nil
	}
	return storage.Info{}, s.absent(op, name)
}

// Promote is storage.Driver.Promote.
func (s *Store) Promote(ctx context.Context, from, to string) error {
	const op = "promote output"
	if err := begin(ctx, op, from); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, isFrom := s.files[from]
	_, isTo := s.files[to]
	switch {
	case !isFrom && !isTo:
		return fanfold.Errorf(fanfold.KindOutput, op, "%s: no such file", from)
	case !isFrom:
		return nil // it was promoted before
	case isTo:
		return fanfold.Errorf(fanfold.KindExists, op, "%s: file exists", to)
	}
	f.info.Name = to
	s.files[to] = f
	delete(s.files, from)
	return nil
}

// Remove is storage.Driver.Remove.
func (s *Store) Remove(ctx context.Context, name string) error {
	if err := begin(ctx, "remove output", name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	below := strings.TrimSuffix(name, "/") + "/"
	maps.DeleteFunc(s.files, func(n string, _ file) bool {
		return n == name || strings.HasPrefix(n, below)
	})
	return nil
}

func (s *Store) folder(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	below := strings.TrimSuffix(name, "/") + "/"
	for n := range s.files {
		if strings.HasPrefix(n, below) {
			return true
		}
	}
	return false
}

// absent is the error for a name that is no file.
func (s *Store) absent(op, name string) error {
	if s.folder(name) {
		return fanfold.Errorf(fanfold.KindUsage, op, "%s is a folder: not a regular file", name)
	}
	return fanfold.Errorf(fanfold.KindNotFound, op, "%s: no such file", name)
}

// begin refuses what no call can work with.
func begin(ctx context.Context, op, name string) error {
	if err := context.Cause(ctx); err != nil {
		return fanfold.Errorf(fanfold.KindCancelled, op, "%s: %w", name, err)
	}
	if name == "" {
		return fanfold.Errorf(fanfold.KindUsage, op, "the name of a file is empty")
	}
	return nil
}
