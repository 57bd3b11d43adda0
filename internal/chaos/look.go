//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// looker looks at an output folder all the time, as an impatient reader would.
type looker struct {
	dir   string
	seen  map[string]os.FileInfo // by name; what readers are to look at
	err   error                  // the first thing that was wrong
	quit  chan struct{}
	ended chan struct{}
}

// look begins to look at a folder, which need not be there.
func look(dir string) *looker {
	l := &looker{dir: dir, seen: map[string]os.FileInfo{},
		quit: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		every := time.NewTicker(tick)
		defer every.Stop()
		for l.err == nil {
			l.err = l.once()
			select {
			case <-every.C:
			case <-l.quit:
				return
			}
		}
	}()
	return l
}

// once looks once: a file that a reader may take must never change, and none may come when it is
// said that they are all there.
func (l *looker) once() error {
	_, done := l.seen["_SUCCESS"]
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil // it is not there yet
	}
	now := map[string]os.FileInfo{}
	for _, e := range entries {
		info, err := e.Info()
		if strings.HasPrefix(e.Name(), ".") || err != nil {
			continue // no reader looks at it, or it has been renamed meanwhile
		}
		now[e.Name()] = info
		before, ok := l.seen[e.Name()]
		switch {
		case !ok && done:
			return fmt.Errorf("I6: %s came after _SUCCESS", e.Name())
		case ok && (before.Size() != info.Size() || !os.SameFile(before, info)):
			return fmt.Errorf("I6: %s has changed, from %d bytes to %d",
				e.Name(), before.Size(), info.Size())
		}
	}
	for name := range l.seen {
		if _, ok := now[name]; !ok {
			return fmt.Errorf("I6: %s has gone", name)
		}
	}
	l.seen = now
	return nil
}

// stop looks no longer.
func (l *looker) stop() {
	close(l.quit)
	<-l.ended
}

// check gives the content of the parts, one of each reducer and nothing else. It comes after stop.
func (l *looker) check(reducers int) (content []byte, err error) {
	if l.err == nil {
		l.err = l.once()
	}
	if l.err != nil {
		return nil, l.err
	}
	if _, ok := l.seen["_SUCCESS"]; !ok || len(l.seen) != reducers+1 {
		return nil, fmt.Errorf("I2: got %d files, want %d parts and _SUCCESS", len(l.seen), reducers)
	}
	for i := range reducers {
		part, err := os.ReadFile(filepath.Join(l.dir, fmt.Sprintf("part-%05d", i)))
		if err != nil {
			return nil, fmt.Errorf("I2: %w", err)
		}
		content = append(content, part...)
	}
	return content, nil
}
